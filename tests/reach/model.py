"""What the exam says is right, and what an answer is: plain values, strictly read.

A **stack** is a folder of ``stacks/``: ``compose.yml``, the few files that it needs, ``expect.yml``, and a README whose
first line is its kind. The **corpus** holds single services and single mounts. Both have the same words.
"""

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any

from msgspec import Struct, field


class Role(StrEnum):
    """What a service is to a deploy (docs/teal-yml.md)."""

    SHARED = "shared"
    ROUTE = "route"
    WORKER = "worker"
    SINGLETON = "singleton"
    ONE_SHOT = "one-shot"
    TOOL = "tool"


HARMFUL: Mapping[Role, frozenset[Role]] = {
    # Its data goes with a color, or two write them.
    Role.SHARED: frozenset({Role.ROUTE, Role.WORKER, Role.SINGLETON, Role.ONE_SHOT}),
    # No user finds it, or "deployed" is said and the old one answers for ever.
    Role.ROUTE: frozenset(Role) - {Role.ROUTE},
    # It stays with the old release, runs once, or not at all. (A singleton only pauses; a route waits for a probe.)
    Role.WORKER: frozenset({Role.SHARED, Role.ONE_SHOT, Role.TOOL}),
    # Two at once, or none at all.
    Role.SINGLETON: frozenset({Role.ROUTE, Role.WORKER, Role.ONE_SHOT, Role.TOOL}),
    # Runs in each color, also at a rollback; or never for the new release.
    Role.ONE_SHOT: frozenset({Role.ROUTE, Role.WORKER, Role.SINGLETON, Role.SHARED, Role.TOOL}),
    Role.TOOL: frozenset({Role.ROUTE, Role.WORKER, Role.SINGLETON, Role.ONE_SHOT}),
}
"""Which wrong roles do harm, by the right one. An entry's own ``harmful`` beats it."""


class Verdict(StrEnum):
    """What a writable mount of a service that could rotate is."""

    SAFE = "safe"  # both colors may write it
    CONFIGURATION = "configuration"  # only read: copied into the release
    SOURCE = "source"  # the program itself, mounted for development: refused
    UNSAFE = "unsafe"  # one writer: shared by itself, or re-created
    ASK = "ask"  # the files can't tell


class Front(StrEnum):
    """Who stands before the routes today."""

    NOBODY = "nobody"
    RELEASE = "release"  # a proxy that is itself part of the release: it is the route
    NAME = "name"  # calls the routes by their names
    LABELS = "labels"  # reads labels or variables of the routes
    CADDY = "caddy"  # the owner's Caddy, without the snippet: calls by name, too
    PREPARED = "prepared"  # the owner's Caddy that imports the snippet: nothing is taken over
    TUNNEL = "tunnel"  # calls by name, from a tunnel whose other end is elsewhere


class Outcome(StrEnum):
    """What `teal deploy` does with the stack as it is."""

    ZERO = "zero"  # ready with zero edits: rolls
    RECREATE = "recreate"  # ready with zero edits: stopped and started while users are held
    LINES = "lines"  # ready with at most five lines of teal.yml that only a person knows
    REFUSED = "refused"  # with a reason that is right


class Reason(StrEnum):
    """Why a stack is refused, or asked about."""

    SOURCE = "source"  # mounted source: a development file
    NOTHING = "nothing"  # nothing rotates: all of it is stores, helpers, fronts
    HOST = "host"  # the host's network, a fixed address: two can't be
    TLS = "tls"  # ends TLS itself: its port can't be switched as HTTP
    NOT_HTTP = "not-http"  # what users reach speaks no HTTP
    NAMESPACE = "namespace"  # lives in the network of another service
    DATA = "data"  # a mount that only a person can judge
    PLACE = "place"  # which service, or which port, users reach


class Service(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The right role of a service; ``accept``: others that do as well; ``harmful``: beats ``HARMFUL``."""

    role: Role
    port: int | None = None  # where a route listens
    accept: frozenset[Role] = frozenset()
    harmful: frozenset[Role] | None = None
    why: str = ""

    @property
    def harms(self) -> frozenset[Role]:
        """The roles that would do harm."""
        harmful = HARMFUL[self.role] if self.harmful is None else self.harmful
        return harmful - self.accept - {self.role}


class Mount(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The right verdict on a writable mount, by what the files show; ``truth``: what a person who knows would say."""

    verdict: Verdict
    why: str
    truth: Verdict | None = None  # only beside ``ask``
    accept: frozenset[Verdict] = frozenset()

    @property
    def harms(self) -> frozenset[Verdict]:
        """The verdicts that would lose data: taken as safe, or written to a copy."""
        truth = self.truth or self.verdict
        if truth in (Verdict.UNSAFE, Verdict.SOURCE, Verdict.ASK):
            harmful = {Verdict.SAFE, Verdict.CONFIGURATION}
        else:
            harmful = {Verdict.CONFIGURATION} if truth is Verdict.SAFE else set()
        return frozenset(harmful) - self.accept - {self.verdict}


class Outside(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What outsiders use: a host port, a name on a network, labels or a variable; ``stays``: nothing takes it over."""

    of: str  # SERVICE:PORT
    port: str | int | None = None  # the host's, with its address where the file has one
    name: str | None = None
    on: str = "default"  # the network's key
    labels: str | None = None  # whose: traefik, caddy
    variables: str | None = None
    by: str = ""  # which service uses it
    stays: bool = False
    why: str = ""

    @property
    def place(self) -> str:
        """In one line, as an answer names it."""
        if self.port is not None:
            return f"port {self.port} of {self.of}"
        if self.name is not None:
            return f"name {self.name} on {self.on} of {self.of}"
        return f"labels {self.labels} of {self.of}" if self.labels else f"variables {self.variables} of {self.of}"


class Look(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """How it is seen that the plain stack serves: a request from the host, or from inside a service."""

    url: str
    says: str  # within the body
    host: str = ""
    inside: str = ""


class Needs(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What must be there before ``docker compose up``: networks, an edge project in a subfolder, Teal's snippet."""

    networks: tuple[str, ...] = ()
    edge: str = ""
    snippet: str = ""


class Expect(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is right for a stack. Mounts are named SERVICE:TARGET."""

    kind: str
    front: Front
    services: dict[str, Service]
    outcome: Outcome
    outside: tuple[Outside, ...] = ()
    mounts: dict[str, Mount] = field(default_factory=dict)
    accept: frozenset[Outcome] = frozenset()
    reasons: frozenset[Reason] = frozenset()
    why: str = ""
    looks: tuple[Look, ...] = ()
    needs: Needs = field(default_factory=Needs)
    idle: str = ""  # why nothing answers over HTTP


class Stack(Struct, frozen=True, kw_only=True):
    """A folder of the exam."""

    name: str
    folder: Path
    expect: Expect


class Case(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A labelled service: ``service`` under the key ``called``, ``beside`` it others, ``files`` in the folder."""

    name: str
    service: dict[str, Any]
    right: Service
    called: str = "it"
    beside: dict[str, Any] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)

    @property
    def compose(self) -> dict[str, Any]:
        """The whole model, as a Compose file has it."""
        return _model({**self.beside, self.called: self.service})


class MountCase(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A labelled mount of ``web`` (``service`` adds to it), beside a PostgreSQL unless ``database`` is false."""

    name: str
    mount: str  # short syntax
    right: Mount
    service: dict[str, Any] = field(default_factory=dict)
    beside: dict[str, Any] = field(default_factory=dict)
    also: tuple[str, ...] = ()  # further services of the same image that mount it
    database: bool = True
    files: dict[str, str] = field(default_factory=dict)  # what lies in the folder; NAME/ is an empty one

    @property
    def target(self) -> str:
        """The path in the container."""
        return self.mount.removesuffix(":z").removesuffix(":rw").rpartition(":")[2]

    @property
    def compose(self) -> dict[str, Any]:
        """The whole model, as a Compose file has it."""
        made = {} if "build" in self.service else {"image": "ghcr.io/larkspur/shop:1"}
        web = {**made, "ports": ["8000:8000"], "volumes": [self.mount], **self.service}
        services: dict[str, Any] = dict(self.beside)
        if self.database:
            services["db"] = {"image": "postgres:16", "volumes": ["pg:/var/lib/postgresql/data"]}
            web.setdefault("environment", {"DATABASE_URL": "postgres://shop:shop@db/shop"})
        services["web"] = web
        for name in self.also:
            services[name] = {**made, "command": f"work {name}", "volumes": [self.mount]}
        return _model(services)


def _model(services: dict[str, Any]) -> dict[str, Any]:
    """With the top-level keys that the services need."""
    volumes, networks = set(), set()
    for service in services.values():
        for mount in service.get("volumes", []):
            source = mount.get("source", "") if isinstance(mount, dict) else mount.split(":")[0]
            kind = mount.get("type") if isinstance(mount, dict) else "volume"
            if kind == "volume" and source and source[0] not in "./~$":
                volumes.add(source)
        networks |= set(service.get("networks", []))
    model: dict[str, Any] = {"name": "case", "services": services}
    for key, names in (("volumes", volumes), ("networks", networks)):
        if names:
            model[key] = {name: {} for name in sorted(names)}
    return model


class Answer(Struct, frozen=True, kw_only=True):
    """What a program says of a stack. Mounts are named SERVICE:TARGET, outsiders' things by ``Outside.place``."""

    roles: dict[str, Role]
    ports: dict[str, int] = field(default_factory=dict)  # of the routes
    mounts: dict[str, Verdict] = field(default_factory=dict)
    takes: frozenset[str] = frozenset()
    front: Front | None = None
    outcome: Outcome | None = None
    reasons: frozenset[Reason] = frozenset()

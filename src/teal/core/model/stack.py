"""A stack as its owner wants it, once its files are read: typed, resolved, nothing left to look up.

Each set of words that an owner or a command may choose from stands here once.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from msgspec import Struct

from teal.core.model.assets import Assets
from teal.core.model.built import Made
from teal.core.model.entrance import Entrance, Front
from teal.core.model.migrations import Migrations
from teal.core.model.mounts import Mount
from teal.core.model.own_proxy import OwnProxy
from teal.core.model.proxy_config import Call, Dial
from teal.core.model.side import Side
from teal.core.model.swarm import SwarmWish
from teal.core.model.units import Seconds


class Role(StrEnum):
    """What a service is to Teal."""

    SHARED = "shared"
    ROUTE = "route"
    WORKER = "worker"
    SINGLETON = "singleton"
    ONE_SHOT = "one-shot"
    TOOL = "tool"

    @property
    def rotates(self) -> bool:
        """Tell whether each color has its own."""
        return self in {Role.ROUTE, Role.WORKER, Role.SINGLETON}


@dataclass(frozen=True, slots=True)
class Assigned:
    """A service's role and why it has it, e.g. "named in compose.blue.yml"."""

    role: Role
    reason: str


HookMoment = Literal["pre-build", "pre-deploy", "pre-switch", "post-switch", "post-deploy", "on-failure"]  # of a hook
Strategy = Literal["blue-green", "recreate"]
ImageSource = Literal["build", "pull", "none"]  # where those of a release come from; none: they are there

GRACE = Seconds(10.0)  # between SIGTERM and SIGKILL where nothing else is said: Compose's own default

# A resolved Compose model as ``docker compose config --format json`` prints it ($ is $$: see the render rules).
Tree = dict[str, object]


class HttpProbe(Struct, frozen=True, tag_field="kind", tag="http"):
    """GET *path* on *port* must answer with a status below *below*: 2xx or 3xx, where nothing else is said."""

    port: int
    path: str = "/"
    below: int = 400


class TcpProbe(Struct, frozen=True, tag_field="kind", tag="tcp"):
    """*port* must accept a connection."""

    port: int


@dataclass(frozen=True, slots=True)
class Health:
    """How a service proves itself: its own healthcheck, a probe over the network, or staying up.

    ``engine``: file or image has a healthcheck, its status decides; *probe*, where given, is the same HTTP
    request seen from the network, which may only say yes, sooner. ``probe``: no healthcheck, *probe* decides.
    ``running``: neither; running for *min_healthy_time* seconds without a restart.
    """

    kind: Literal["engine", "probe", "running"]
    probe: HttpProbe | TcpProbe | None = None
    min_healthy_time: Seconds = Seconds(10.0)


@dataclass(frozen=True, slots=True)
class ContainerHook:
    """A command of Compose's post_start or pre_stop, which runs inside of the container."""

    command: tuple[str, ...]
    user: str = ""  # empty for the container's own, as the directory
    privileged: bool = False
    directory: str = ""
    environment: Mapping[str, str] = field(default_factory=dict)  # beside the container's own

    @property
    def shown(self) -> str:
        """Return the program that it runs, without arguments: they may be secrets."""
        return self.command[0] if self.command else ""


@dataclass(frozen=True, slots=True)
class Service:
    """One service of the stack, with everything that plans and gates ask about it."""

    name: str
    assigned: Assigned
    image: str = ""  # what the file names, or the name that Compose gives to what it builds
    builds: bool = False
    port: int = 0  # where a route listens; 0 for none
    required_by_routes: bool = False  # routes can't answer without it: started and gated before the switch
    health: Health = field(default=Health("running"))
    depends_on: Mapping[str, str] = field(default_factory=dict)  # depends_on: service -> Compose's condition
    grace: Seconds = GRACE  # between SIGTERM and SIGKILL
    replicas: int = 1
    healthy_deadline: Seconds = Seconds(0.0)  # after its start its own healthcheck has given up; 0 for none
    post_start: tuple[ContainerHook, ...] = ()
    pre_stop: tuple[ContainerHook, ...] = ()
    pull: Literal["missing", "always", "never"] = "missing"  # when an image that is not built is pulled

    @property
    def role(self) -> Role:
        """Return the role without its reason."""
        return self.assigned.role

    @property
    def before_switch(self) -> bool:
        """Tell whether it starts before the switch: routes, and what they need."""
        return self.role is Role.ROUTE or (self.role is Role.WORKER and self.required_by_routes)


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """What the image of a service brings of its own; times in seconds."""

    exposed: tuple[int, ...] = ()
    volumes: tuple[str, ...] = ()
    healthcheck: tuple[str, ...] = ()  # as ``test`` of a Compose file, empty for none
    interval: Seconds = Seconds(30.0)
    start_period: Seconds = Seconds(0.0)
    retries: int = 3


@dataclass(frozen=True, slots=True)
class Evidence:
    """What roles, ports and probes are told by, beside the model: the owner's words, the proxy, the images."""

    in_overlays: frozenset[str] = frozenset()  # named in compose.blue.yml or compose.green.yml; empty for no overlays
    declared: Mapping[str, Role] = field(default_factory=dict)  # teal.yml
    proxy: str = ""
    routes: Mapping[str, int] = field(default_factory=dict)  # ``import teal NAME PORT`` in the proxy's configuration
    direct_upstreams: Mapping[str, int] = field(
        default_factory=dict
    )  # services that it dials without the snippet, with the port
    dials: tuple[Dial, ...] = ()  # all that it dials without the snippet
    strange: tuple[tuple[str, int], ...] = ()  # imports of the snippet for a NAME that is no service
    imported_at: Mapping[str, str] = field(default_factory=dict)  # NAME -> "Caddyfile:4", as far as it was found
    listens: frozenset[int] = frozenset()  # the ports that it listens at, as far as Caddy said so
    trusts: bool = False  # it believes the headers of a proxy in front of it
    broken: str = ""  # why Caddy does not accept that configuration
    unseen: str = ""  # why Caddy could not be asked, and its text was read instead
    ports: Mapping[str, int] = field(default_factory=dict)  # teal.yml: route -> port
    needs: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # teal.yml: route -> services
    probes: Mapping[str, HttpProbe | TcpProbe] = field(default_factory=dict)  # teal.yml; port 0 for the service's own
    published_ports: Mapping[str, Literal["drop", "route"]] = field(default_factory=dict)  # teal.yml: ports
    built: Mapping[str, Made] = field(default_factory=dict)  # service -> what its Dockerfile makes
    calls: tuple[Call, ...] = ()  # who calls whom, by configuration, environment and commands
    read: frozenset[str] = frozenset()  # the services of which some configuration was found and read
    images: Mapping[str, ImageFacts] = field(default_factory=dict)  # service -> facts, as far as images are there
    kept: Mapping[str, str] = field(default_factory=dict)  # shared by itself, since it has one writer's data -> why


class HttpCheck(Struct, frozen=True, tag_field="kind", tag="request"):
    """A request to the standby color through the real proxy before the switch."""

    route: str
    path: str
    status: int = 200
    contains: str = ""


class CommandCheck(Struct, frozen=True, tag_field="kind", tag="command"):
    """A command in a container of the new release before the switch; status 0 passes."""

    service: str
    command: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Hook:
    """The owner's command at a moment of the deploy, run in the project directory with the facts in its environment."""

    when: HookMoment
    command: tuple[str, ...]


class Stage(Struct, frozen=True):
    """A part of a canary: *percent* of users are on the new release for *seconds*; None until somebody decides."""

    percent: float
    seconds: Seconds | None = None


@dataclass(frozen=True, slots=True)
class Settings:
    """What the owner may set, with its defaults: times in seconds, numbers of releases."""

    health_timeout: Seconds = Seconds(180.0)
    health_asked: bool = False  # somebody has asked for that much time: a service is given all of it
    health_interval: Seconds = Seconds(3.0)
    confirm_timeout: Seconds = Seconds(15.0)  # for a route to answer through the proxy, before and after the switch
    drain_timeout: Seconds = Seconds(30.0)
    websocket_drain: Seconds = Seconds(10.0)
    keep_releases: int = 2  # previous releases kept beside the active one
    retire: Literal["stop", "keep"] = "stop"
    canary: tuple[Stage, ...] = ()  # how users come to a new release by and by; nothing: all at once
    bake: Seconds = Seconds(0.0)  # for which a new release is watched before the old one steps back; 0: not at all
    pages: Seconds = Seconds(0.0)  # for which pages stay on the release they came from; 0: they don't
    measure: bool = True  # what a deploy does to users


@dataclass(frozen=True, slots=True)
class Stack:
    """A stack as its owner wants it now."""

    project: str
    directory: str  # the project directory, absolute
    files: tuple[str, ...]  # the owner's Compose files as given to Compose with -f, empty for Compose's own choice
    models: Mapping[Side, Tree]  # resolved for each side; without overlays all are the same
    services: tuple[Service, ...]
    proxy: str  # name of the shared service that is the proxy, empty for none
    front: Front = Front.NOBODY  # who stands before the routes today
    entrances: tuple[Entrance, ...] = ()  # by which ways what rotates is used from outside
    caddy: str = ""  # the service that runs a Caddy, the stack's own; empty for none or several
    own: OwnProxy | None = None  # Teal's own proxy stands before the routes; None where one of the stack does
    settings: Settings = field(default=Settings())
    checks: tuple[HttpCheck | CommandCheck, ...] = ()
    hooks: tuple[Hook, ...] = ()
    migrations: Migrations | None = None
    assets: tuple[Assets, ...] = ()  # files of older releases that stay served
    safe_volumes: frozenset[str] = frozenset()
    mounts: tuple[Mount, ...] = ()  # the writable ones of what rotates, with what two releases at once would do
    strategy: Strategy = "blue-green"  # recreate: two releases must not run at once
    strategy_said: bool = False  # by the owner: else it follows from the mounts
    fingerprint: str = ""  # changes when anything that a release is made of changes, builds excepted
    definitions: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    # ^ rotating service -> {key of its plain definition, or file that it is given: digest}
    evidence: Evidence = field(default=Evidence())
    copies: frozenset[str] = frozenset()  # host files whose read-only mounts become copies in a release
    folders: frozenset[str] = frozenset()  # host folders that are secrets or configs: mounted as they are
    sources: frozenset[tuple[str, str]] = frozenset()  # (service, host folder): its own source, mounted over its image
    places: Mapping[str, str] = field(default_factory=dict)  # service -> "compose.yml:12", as far as it was found
    left_out: tuple[str, ...] = ()  # services of a profile that isn't active
    variables: frozenset[str] = frozenset()  # that the files name
    unset: frozenset[str] = frozenset()  # of these, or of files that they include: without default, and nobody set them
    notes: tuple[str, ...] = ()  # what Compose and Teal remarked while reading
    swarm: SwarmWish | None = None  # how it is to run on a Swarm, where teal.yml says so
    told_secrets: frozenset[str] = frozenset()  # addresses, secrets and tokens of those who are told of runs

    def service(self, name: str) -> Service:
        """Return the service called *name* (KeyError where there is none)."""
        return {each.name: each for each in self.services}[name]

    def having(self, *roles: Role) -> tuple[Service, ...]:
        """Return the services of these roles, in the file's order."""
        return tuple(each for each in self.services if each.role in roles)

    @property
    def rotating(self) -> tuple[Service, ...]:
        """Return the services of which each color has its own."""
        return tuple(each for each in self.services if each.role.rotates)

    @property
    def rotating_names(self) -> frozenset[str]:
        """Return their names."""
        return frozenset(each.name for each in self.rotating)

    @property
    def pinned(self) -> tuple[Service, ...]:
        """Return the services whose images a release pins."""
        return (*self.rotating, *self.having(Role.ONE_SHOT))

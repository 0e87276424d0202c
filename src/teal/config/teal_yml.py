"""The types of ``teal.yml``: what its owner may say; every key is optional, unknown ones are errors.

Turns what ``teal.yml`` says into the core's words.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from teal.core.model.assets import Assets
from teal.core.model.own_proxy import OwnProxy
from teal.core.model.stack import (
    CommandCheck,
    Evidence,
    Hook,
    HookMoment,
    HttpCheck,
    HttpProbe,
    Role,
    Strategy,
    TcpProbe,
)
from teal.core.model.swarm import SwarmWish
from teal.core.telling.endings import UNASKED, Word
from teal.core.telling.posts import Kind
from teal.errors import ConfigError

if TYPE_CHECKING:  # looking reads no Caddyfile
    from teal.config.caddyfile import NamedByProxy


Duration = Annotated[str | int | float, Meta(description="300, 300s, 5m or 1h30m", examples=["300s", "5m"])]
PortNumber = Annotated[int, Meta(ge=1, le=65535)]
RoleName = Literal["shared", "route", "worker", "singleton", "one-shot", "tool"]
CommandLine = Annotated[str | list[str], Meta(description="a line for the shell, or a list of words")]


class Probe(Struct, forbid_unknown_fields=True, frozen=True):
    """How Teal asks a service whether it is ready: an HTTP path, or a TCP connection."""

    path: str = ""
    port: PortNumber | None = None
    tcp: bool = False


ProbeLike = Annotated[Probe | str, Meta(description='a path such as /health, "tcp", or {path, port, tcp}')]


class Route(Struct, forbid_unknown_fields=True, frozen=True):
    """A service that the proxy exposes: where it listens, which services it can't answer without, its probe."""

    port: PortNumber | None = None
    needs: Annotated[list[str], Meta(description="services that it can't answer without")] = []
    probe: ProbeLike | None = None


class AssetsOf(Struct, forbid_unknown_fields=True, frozen=True):
    """Files of an image that stay served: its folder; all of them, or those with a hash in their name."""

    path: str
    all: bool = False


AssetsLike = Annotated[AssetsOf | str, Meta(description="the folder in the image: /app/dist/assets, or {path, all}")]


class Timeouts(Struct, forbid_unknown_fields=True, frozen=True):
    """How long to wait at most, and between two looks."""

    health: Annotated[Duration | None, Meta(description="for a service to prove itself")] = None
    interval: Annotated[Duration | None, Meta(description="between two looks at a service, at most")] = None
    confirm: Annotated[
        Duration | None, Meta(description="for a route to answer through the proxy, right before and after the switch")
    ] = None
    drain: Annotated[Duration | None, Meta(description="for open requests to end")] = None
    websocket_drain: Annotated[Duration | None, Meta(description="how long WebSockets may hold the drain")] = None


class Retention(Struct, forbid_unknown_fields=True, frozen=True):
    """How many previous releases are kept beside the active one."""

    releases: Annotated[int, Meta(ge=1)] = 2


class Check(Struct, forbid_unknown_fields=True, frozen=True):
    """Before the switch: a request to a route of the standby color (route, path), or a command in a service."""

    route: str = ""
    path: str = ""
    status: Annotated[int, Meta(ge=100, le=599)] = 200
    contains: str = ""
    service: str = ""
    command: CommandLine | None = None


class PhaseCommands(Struct, forbid_unknown_fields=True, frozen=True):
    """Commands that print the SQL of a phase, to be judged before it is run."""

    expand: CommandLine | None = None
    backfill: CommandLine | None = None
    contract: CommandLine | None = None
    window: CommandLine | None = None


class Judge(Struct, forbid_unknown_fields=True, frozen=True):
    """What the judge of SQL can't know of the stack: its migration tool's own tables, functions that do no harm."""

    bookkeeping: list[str] = []
    functions: list[str] = []


class Database(Struct, forbid_unknown_fields=True, frozen=True):
    """The database that the migrations change: its service, and which variable holds its address (web.DATABASE_URL)."""

    service: str = ""
    url: str = ""


class Migrations(Struct, forbid_unknown_fields=True, frozen=True):
    """How the schema changes with a deploy: commands of a service's new image, files, or a one-shot."""

    service: str = ""
    expand: CommandLine | None = None
    backfill: CommandLine | None = None
    contract: CommandLine | None = None
    window: Annotated[
        CommandLine | None, Meta(description="run while users are held and nothing of the stack runs")
    ] = None
    pending: Annotated[
        CommandLine | None, Meta(description="its status: 0 all done, 2 an expand is next, 4 a contract is pending")
    ] = None
    asserts: Annotated[
        str | list[str], Meta(description="queries that must select 0 before the contract runs: rows not filled yet")
    ] = msgspec.field(default="", name="assert")
    sql: PhaseCommands = PhaseCommands()
    judge: Judge = Judge()
    files: Annotated[str, Meta(description="directory of NNNN_name.PHASE.sql: expand, backfill, contract, window")] = ""
    queries: Annotated[
        str,
        Meta(description="the SQL of the active release, to be tried on the new schema: a file, or pg_stat_statements"),
    ] = ""
    one_shot: Annotated[str, Meta(description="the one-shot service that runs the expand phase")] = ""
    database: Database = Database()
    contract_delay: Annotated[
        Duration | None, Meta(description="how long to wait after the deploy that brought a contract")
    ] = None
    backfill_when: Annotated[Literal["before", "after"], Meta(description="before or after the switch")] = "before"


class OwnProxySettings(Struct, forbid_unknown_fields=True, frozen=True):
    """Teal's own proxy: its image, variables, and whether it passes on what a proxy on this machine says of users."""

    image: str = "caddy:2"
    environment: dict[str, str] = {}
    trust: Annotated[bool, Meta(description="pass X-Forwarded-* on, also at ports that everybody reaches")] = False


class SwarmSettings(Struct, forbid_unknown_fields=True, frozen=True):
    """How the stack runs on a Docker Swarm: where images go, how many of each service a color has."""

    registry: Annotated[str, Meta(description="HOST[:PORT][/PATH] of a registry that all nodes reach")] = ""
    replicas: Annotated[
        dict[str, Annotated[int, Meta(ge=1)]], Meta(description="of a rotating service in a color; routes have 2")
    ] = {}


class NotifyReceiver(Struct, forbid_unknown_fields=True, frozen=True):
    """Who is told how a run ended: an address, in what form, and at which ends."""

    url: Annotated[str, Meta(min_length=1, description="an address, or a variable that holds it: $SLACK_URL")]
    form: Annotated[Kind | None, Meta(description="told by the address where nothing is said; else json")] = (
        msgspec.field(name="as", default=None)
    )
    on: tuple[Word, ...] = UNASKED
    secret: Annotated[str, Meta(description="signs JSON by HMAC-SHA256; a text, or a variable: $HOOK_SECRET")] = ""
    secret_file: Annotated[str, Meta(description="a file that holds the secret")] = ""
    token: Annotated[str, Meta(description="sent as Authorization: Bearer; a text, or a variable: $TOKEN")] = ""


class TealYml(Struct, forbid_unknown_fields=True, frozen=True):
    """What the owner of a stack tells Teal beyond the Compose files."""

    proxy: Annotated[
        str | OwnProxySettings,
        Meta(
            description='the service that runs Caddy with the snippet, or "own" for Teal\'s own proxy, or how that is'
        ),
    ] = ""
    services: Annotated[dict[str, RoleName], Meta(description="the role of a service, by name")] = {}
    routes: Annotated[dict[str, Route], Meta(description="what users reach through the proxy, by service")] = {}
    probes: Annotated[
        dict[str, ProbeLike], Meta(description="the probe of a service, in place of its healthcheck")
    ] = {}
    timeouts: Timeouts = Timeouts()
    retention: Retention = Retention()
    retire: Annotated[
        Literal["stop", "keep"], Meta(description="what becomes of the old color: stopped, or kept running")
    ] = "stop"
    canary: Annotated[
        list[str],
        Meta(
            description="the share of users that comes to a new release first, and for how long",
            examples=[["5% for 2m"]],
        ),
    ] = []
    bake: Annotated[
        Duration | None,
        Meta(description="for how long a new release is watched, before the old one steps back; 0: not at all"),
    ] = None
    pages: Annotated[
        Duration | None,
        Meta(description="how long after the switch what pages of the old release ask for goes where they came from"),
    ] = None
    measure: Annotated[
        Literal["on", "off"] | bool,
        Meta(description="off: users are not counted, and no prober asks, while a release changes"),
    ] = "on"
    assets: Annotated[
        dict[str, dict[str, AssetsLike]],
        Meta(description="files of older releases that stay served, by route: URL path -> folder in the image"),
    ] = {}
    safe_volumes: Annotated[
        list[str], Meta(description="volumes, or host paths, that both colors may write at the same time")
    ] = []
    strategy: Annotated[
        Strategy | None,
        Meta(description="recreate: the old release stops before the new one starts, and users wait meanwhile"),
    ] = None
    ports: Annotated[
        dict[str, Literal["drop", "route"]],
        Meta(description="a published port of a rotating service: drop it, or let the proxy take it over"),
    ] = {}
    checks: Annotated[list[Check], Meta(description="asked of the standby color before the switch, in order")] = []
    hooks: Annotated[
        dict[HookMoment, list[CommandLine]], Meta(description="commands to run at moments of a deploy")
    ] = {}
    migrations: Annotated[
        Migrations | None, Meta(description="how the schema of the database changes with a deploy")
    ] = None
    swarm: Annotated[SwarmSettings | None, Meta(description="how the stack runs on a Docker Swarm")] = None
    notify: Annotated[
        list[NotifyReceiver | str], Meta(description="who is told how a run ended: addresses, or maps with one")
    ] = []
    metrics: Annotated[
        str, Meta(description="a file ending in .prom for Prometheus, written anew after each command")
    ] = ""


def schema() -> dict[str, object]:
    """Return the JSON Schema of ``teal.yml``, so that editors complete it."""
    found: dict[str, object] = msgspec.json.decode(msgspec.json.encode(msgspec.json.schema(TealYml)))  # as JSON has it
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "teal.yml", **found}


def own_proxy_of(said: TealYml) -> OwnProxy | None:
    """Return how Teal's own proxy is wanted, None where the owner has not asked for it."""
    if isinstance(said.proxy, OwnProxySettings):
        return OwnProxy(said.proxy.image, said.proxy.environment, said.proxy.trust)
    return OwnProxy() if said.proxy == "own" else None


def caddy_of(said: TealYml) -> str:
    """Return the service of the stack that the owner calls its proxy, "" for none."""
    return said.proxy if isinstance(said.proxy, str) and said.proxy != "own" else ""


def evidence_of(said: TealYml, *, overlaid: frozenset[str], proxy: str, named: NamedByProxy) -> Evidence:
    """Return the evidence for roles, ports and probes; what teal.yml calls a route is declared one."""
    roles = dict.fromkeys(said.routes, Role.ROUTE) | {name: Role(role) for name, role in said.services.items()}
    return Evidence(
        in_overlays=overlaid,
        declared=roles,
        proxy=proxy,
        routes=named.routes,
        direct_upstreams=named.bare,
        dials=named.dials,
        strange=named.strange,
        imported_at=named.places,
        listens=named.adapted.listens,
        trusts=named.adapted.trusts,
        broken=named.adapted.broken,
        unseen=named.adapted.unseen,
        ports={name: route.port for name, route in said.routes.items() if route.port},
        needs={name: tuple(route.needs) for name, route in said.routes.items() if route.needs},
        probes=_probes(said),
        published_ports=dict(said.ports),
    )


def _probes(said: TealYml) -> Mapping[str, HttpProbe | TcpProbe]:
    given = {name: route.probe for name, route in said.routes.items() if route.probe is not None} | said.probes
    return {name: _probe(name, written) for name, written in given.items()}


def _probe(name: str, written: Probe | str) -> HttpProbe | TcpProbe:
    if isinstance(written, str):
        written = Probe(tcp=True) if written == "tcp" else Probe(path=written)
    if written.tcp:
        return TcpProbe(written.port or 0)
    if not written.path.startswith("/"):
        raise ConfigError(f"teal.yml: the probe of {name} is {written.path!r}", hint="write a path (/health), or tcp")
    return HttpProbe(written.port or 0, written.path)


def assets_of(said: TealYml) -> tuple[Assets, ...]:
    """Return the files that stay served when newer releases have taken the place of theirs."""
    return tuple(_assets(name, url, given) for name, each in said.assets.items() for url, given in each.items())


def _assets(name: str, url: str, given: AssetsOf | str) -> Assets:
    given = AssetsOf(given) if isinstance(given, str) else given
    if not url.startswith("/") or ".." in url.split("/"):
        raise ConfigError(f"teal.yml: assets of {name}: {url!r} is no path of a URL", hint="for example `/assets/`")
    if not given.path.startswith("/"):
        example = f"assets: {{{name}: {{{url}: /app/{given.path.removeprefix('./')}}}}}"
        raise ConfigError(f"teal.yml: assets of {name}: {given.path!r} is no absolute path", hint=f"`{example}`")
    return Assets(name, f"/{url.strip('/')}/".replace("//", "/"), given.path, given.all)


def checks_of(said: TealYml) -> tuple[HttpCheck | CommandCheck, ...]:
    """Return the checks before the switch, in the file's order."""
    return tuple(_check(number, check) for number, check in enumerate(said.checks, 1))


def _check(number: int, check: Check) -> HttpCheck | CommandCheck:
    if check.route and not check.service and check.command is None:
        return HttpCheck(check.route, check.path or "/", check.status, check.contains)
    if check.service and check.command and not check.route:
        return CommandCheck(check.service, shell(check.command))
    raise ConfigError(
        f"teal.yml: check {number} is neither a request nor a command",
        hint="give it a route (and a path), or a service and a command",
    )


def swarm_of(said: TealYml) -> SwarmWish | None:
    """Return how the stack runs on a Swarm, None where the owner says nothing of one."""
    return SwarmWish(said.swarm.registry, said.swarm.replicas) if said.swarm else None


def hooks_of(said: TealYml) -> tuple[Hook, ...]:
    """Return the owner's commands to run at moments of a deploy."""
    return tuple(Hook(when, shell(command)) for when, commands in said.hooks.items() for command in commands)


def shell(command: str | list[str]) -> tuple[str, ...]:
    """Return the words that run *command*: a line goes through the shell."""
    return ("/bin/sh", "-c", command) if isinstance(command, str) else tuple(command)

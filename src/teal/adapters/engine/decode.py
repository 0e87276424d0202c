"""The parts of the engine's JSON that Teal reads, as types, and a container of it as the core's own value. No I/O.

Null and absent are the same.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime
from typing import cast, get_args

from msgspec import Struct, field

from teal.core.model.log_text import last_line
from teal.core.model.observed import Container, Healthy, State
from teal.core.model.own_proxy import own_project
from teal.core.model.side import Side, project_of
from teal.core.model.units import Moment, ReleaseId, Seconds

Labels = dict[str, str]


class Listed(Struct, rename="pascal"):
    """An item of ``/containers/json``."""

    id: str
    labels: Labels | None = None


class HealthRun(Struct, rename="pascal"):
    """One run of a healthcheck."""

    exit_code: int = 0
    output: str = ""
    end: str = ""


class HealthState(Struct, rename="pascal"):
    """The healthcheck's state, and its last few runs."""

    status: str = ""
    log: list[HealthRun] | None = None


class ContainerState(Struct, rename="pascal"):
    """``State`` of a container."""

    status: str
    started_at: str = ""
    finished_at: str = ""
    exit_code: int = 0
    pid: int = 0
    oom_killed: bool = field(default=False, name="OOMKilled")
    health: HealthState | None = None


class NetworkEndpoint(Struct, rename="pascal"):
    """A container's place on one network."""

    network_id: str = field(default="", name="NetworkID")
    ip_address: str = field(default="", name="IPAddress")
    global_ipv6_address: str = field(default="", name="GlobalIPv6Address")
    aliases: list[str] | None = None
    links: list[str] | None = None
    gw_priority: int = 0


class Binding(Struct, rename="pascal"):
    """Where a port is published."""

    host_ip: str = ""
    host_port: str = ""


Bindings = dict[str, list[Binding] | None]


class NetworkSettings(Struct, rename="pascal"):
    """``NetworkSettings`` of a container."""

    networks: dict[str, NetworkEndpoint] | None = None
    ports: Bindings | None = None


class ContainerConfig(Struct, rename="pascal"):
    """``Config`` of a container."""

    labels: Labels | None = None
    stop_timeout: int | None = None


class HostConfig(Struct, rename="pascal"):
    """``HostConfig`` of a container."""

    port_bindings: Bindings | None = None


class MountPoint(Struct, rename="pascal"):
    """An item of ``Mounts`` of a container."""

    type: str = ""
    source: str = ""
    destination: str = ""


class Inspected(Struct, rename="pascal"):
    """``/containers/ID/json``."""

    id: str
    name: str
    image: str
    state: ContainerState
    config: ContainerConfig
    host_config: HostConfig
    network_settings: NetworkSettings
    restart_count: int = 0
    mounts: list[MountPoint] | None = None


class HealthcheckConfig(Struct, rename="pascal"):
    """An image's healthcheck; times in nanoseconds, 0 for the engine's default."""

    test: list[str] | None = None
    interval: int = 0
    start_period: int = 0
    retries: int = 0


class ImageConfig(Struct, rename="pascal"):
    """``Config`` of an image."""

    exposed_ports: dict[str, object] | None = None
    healthcheck: HealthcheckConfig | None = None
    volumes: dict[str, object] | None = None
    user: str = ""
    labels: Labels | None = None


class InspectedImage(Struct, rename="pascal"):
    """``/images/NAME/json``."""

    id: str
    created: str = ""
    repo_tags: list[str] | None = None
    size: int = 0
    config: ImageConfig | None = None


class ListedNetwork(Struct, rename="pascal"):
    """An item of ``/networks``."""

    id: str
    labels: Labels | None = None


class InspectedNetwork(Struct, rename="pascal"):
    """``/networks/ID``."""

    id: str
    name: str
    driver: str
    internal: bool = False
    attachable: bool = False
    enable_ipv4: bool = field(default=True, name="EnableIPv4")
    enable_ipv6: bool = field(default=False, name="EnableIPv6")
    labels: Labels | None = None
    options: Labels | None = None
    containers: dict[str, object] | None = None


class Info(Struct, rename="pascal"):
    """``/info``."""

    id: str = field(name="ID")
    server_version: str
    cpus: int = field(name="NCPU")
    mem_total: int
    operating_system: str = ""
    security_options: list[str] | None = None


class MemoryStats(Struct):
    """``memory_stats`` of ``/containers/ID/stats``; empty for a container that does not run."""

    usage: int = 0
    stats: dict[str, int] | None = None


class Stats(Struct):
    """``/containers/ID/stats``."""

    memory_stats: MemoryStats = field(default_factory=MemoryStats)


class CreatedContainer(Struct, rename="pascal"):
    """The answer to a creation."""

    id: str


class InspectedExec(Struct, rename="pascal"):
    """``/exec/ID/json``; no exit code while it runs."""

    exit_code: int | None = None
    pid: int = 0


class Actor(Struct, rename="pascal"):
    """What an event is about."""

    id: str = field(name="ID")
    attributes: Labels | None = None


class EngineEvent(Struct):
    """A line of ``/events``."""

    actor: Actor = field(name="Actor")
    nanoseconds: int = field(name="timeNano")


PROJECT = "com.docker.compose.project"
SERVICE = "com.docker.compose.service"
CONFIG_HASH = "com.docker.compose.config-hash"
ONE_OFF = "com.docker.compose.oneoff"
TEAL_SERVICE = "teal.service"
TEAL_RELEASE = "teal.release"

_STAMP = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(\.\d+)?(Z|[+-]\d\d:\d\d)")
_NUMBER = re.compile(r"[0-9]{1,9}")
_STATES = get_args(State)
_HEALTHS = get_args(Healthy)


def side_in(stack: str, labels: Mapping[str, str] | None) -> Side | None:
    """Return the side of *stack* that something with these labels stands on; None: not of the stack, or one-off."""
    labels = labels or {}
    if labels.get(ONE_OFF, "False") != "False":
        return None
    project = labels.get(PROJECT)
    if project == own_project(stack):  # Teal's own proxy is shared, as one of the stack's would be
        return Side.PLAIN
    return next((side for side in Side if project_of(stack, side) == project), None)


def side_of(project: str) -> Side:
    """Return the side that a Compose project holds, by its name alone."""
    return next((side for side in Side if side.is_color and project.endswith(f"-{side}")), Side.PLAIN)


def container_in(side: Side, seen: Inspected) -> Container:
    """Return the container as the core knows it."""
    labels = seen.config.labels or {}
    state, settings = seen.state, seen.network_settings
    release = labels.get(TEAL_RELEASE, "")
    running = state.status == "running"
    return Container(
        id=seen.id,
        name=seen.name.removeprefix("/"),
        service=base_name(side, labels),
        side=side,
        release=ReleaseId(int(release)) if _NUMBER.fullmatch(release) else None,
        image=seen.image,
        state=_state(state.status),
        health=_health(state.health.status if state.health else "none"),
        unwell=_unwell(state.health) if running else "",
        started=epoch(state.started_at),
        finished=epoch(state.finished_at),
        exit_code=state.exit_code,
        restarts=seen.restart_count,
        oom=state.oom_killed,
        networks={name: endpoint.network_id for name, endpoint in (settings.networks or {}).items()},
        aliases={name: tuple(endpoint.aliases or ()) for name, endpoint in (settings.networks or {}).items()},
        addresses=_addresses(settings) if running else {},
        ports=published(settings.ports) if running else published(seen.host_config.port_bindings),
        published=held(settings.ports) if running else frozenset(),
        binds={each.destination: each.source for each in seen.mounts or () if each.type == "bind"},
        grace=Seconds(float(seen.config.stop_timeout or 0)),
        pid=state.pid if running else 0,
    )


def base_name(side: Side, labels: Mapping[str, str]) -> str:
    """Return the service as the owner's files call it."""
    service = labels.get(SERVICE, "")
    return labels.get(TEAL_SERVICE) or (service.removesuffix(f"-{side}") if side.is_color else service)


def epoch(stamp: str) -> Moment:
    """Return seconds since the epoch for the engine's RFC 3339 with nanoseconds; 0 for its zero time."""
    found = _STAMP.fullmatch(stamp)
    if found is None or stamp.startswith("0001-"):
        return Moment(0.0)
    seconds, fraction, zone = found.groups()
    try:
        whole = datetime.fromisoformat(seconds + ("+00:00" if zone == "Z" else zone)).timestamp()
    except (ValueError, OverflowError):  # no such day
        return Moment(0.0)
    return Moment(whole + float(fraction or 0))


def published(bindings: Bindings | None) -> dict[int, tuple[str, int]]:
    """Return container port -> the first (ip, port) on the host; TCP wins over UDP of the same number."""
    found: dict[int, tuple[str, int]] = {}
    for key, places in sorted((bindings or {}).items()):  # "443/tcp" sorts before "443/udp"
        port = port_in(key)
        if places and port and port not in found:
            found[port] = (places[0].host_ip or "0.0.0.0", port_in(places[0].host_port))  # noqa: S104 - what Docker means
    return found


def held(bindings: Bindings | None) -> frozenset[tuple[str, int]]:
    """Return every (ip, port) on the host at which a TCP port is published."""
    tcp = (places or () for key, places in (bindings or {}).items() if not key.endswith(("/udp", "/sctp")))
    return frozenset((each.host_ip, port_in(each.host_port)) for places in tcp for each in places)


def port_in(written: str) -> int:
    """Return the (first) port of ``80``, ``80/tcp`` or ``80-90``; 0 where it is none."""
    digits = written.partition("/")[0].partition("-")[0]
    return int(digits) if len(digits) < 6 and digits.isascii() and digits.isdigit() and int(digits) < 65536 else 0


def used(memory: MemoryStats) -> int:
    """Return bytes in use without the page cache that the kernel can take back, for cgroup v1 and v2."""
    stats = memory.stats or {}
    return max(0, memory.usage - stats.get("total_inactive_file", stats.get("inactive_file", 0)))


def _unwell(health: HealthState | None) -> str:
    """Return what the last run of the healthcheck said, where it failed."""
    last = health.log[-1] if health and health.log else None
    if last is None or last.exit_code == 0:
        return ""
    said = last_line(last.output)
    if last.exit_code < 0:  # the engine ended it, and says why
        return said or "it was ended by the engine"
    return f"status {last.exit_code}: {said}" if said else f"status {last.exit_code}"


def _addresses(settings: NetworkSettings) -> dict[str, str]:
    places = {name: e.ip_address or e.global_ipv6_address for name, e in (settings.networks or {}).items()}
    return {name: address for name, address in places.items() if address}


def _state(word: str) -> State:
    return cast(State, word) if word in _STATES else "dead"


def _health(word: str) -> Healthy:
    return cast(Healthy, word) if word in _HEALTHS else "none"

"""Translates: the parts of the engine's JSON that Teal reads, as types; null and absent are the same."""

from __future__ import annotations

from msgspec import Struct, field

Labels = dict[str, str]


class Listed(Struct, rename="pascal"):
    """An item of ``/containers/json``."""

    id: str
    labels: Labels | None = None


class HealthRun(Struct, rename="pascal"):
    """One run of a healthcheck."""

    exit_code: int = 0
    output: str = ""


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


class Endpoint(Struct, rename="pascal"):
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

    networks: dict[str, Endpoint] | None = None
    ports: Bindings | None = None


class ContainerConfig(Struct, rename="pascal"):
    """``Config`` of a container."""

    labels: Labels | None = None
    stop_timeout: int | None = None


class HostConfig(Struct, rename="pascal"):
    """``HostConfig`` of a container."""

    port_bindings: Bindings | None = None


class Mounted(Struct, rename="pascal"):
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
    mounts: list[Mounted] | None = None


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


class InspectedImage(Struct, rename="pascal"):
    """``/images/NAME/json``."""

    id: str
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


class Made(Struct, rename="pascal"):
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


class Event(Struct):
    """A line of ``/events``."""

    actor: Actor = field(name="Actor")
    nanoseconds: int = field(name="timeNano")

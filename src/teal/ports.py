"""The edges of Teal as protocols: what run/ asks of the world, what adapters/ answer, what a fake must do.

Every method may raise ``Unavailable`` where the world does not answer. Times are seconds; stamps are seconds
since the epoch; names are the real Docker names.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Protocol

from teal.core.migrations import OpenChange
from teal.core.observed import Container, Unfinished
from teal.core.release import Release
from teal.core.rendered import Rendered
from teal.core.side import Side
from teal.core.stack import HttpProbe, ImageFacts, TcpProbe
from teal.core.steps import Step
from teal.core.traffic import Traffic

Told = Callable[[str], None]  # a line of a tool's output, as it comes


@dataclass(frozen=True, slots=True)
class EngineInfo:
    """What the engine says of itself and its machine."""

    id: str
    version: str
    cpus: int
    memory: int  # bytes
    local: bool  # this machine's own
    rootless: bool


@dataclass(frozen=True, slots=True)
class ImageInfo:
    """What an image brings of its own."""

    id: str
    tags: tuple[str, ...]
    size: int
    exposed: tuple[int, ...]
    healthcheck: tuple[str, ...]
    volumes: tuple[str, ...]
    health_interval: float = 30.0  # seconds, as the engine reads them
    health_start_period: float = 0.0
    health_retries: int = 3

    @property
    def facts(self) -> ImageFacts:
        """Return what of it tells roles, ports and gates."""
        return ImageFacts(
            exposed=self.exposed,
            volumes=self.volumes,
            healthcheck=self.healthcheck,
            interval=self.health_interval,
            start_period=self.health_start_period,
            retries=self.health_retries,
        )


@dataclass(frozen=True, slots=True)
class Ran:
    """How a command in a container ended."""

    status: int
    output: str


@dataclass(frozen=True, slots=True)
class Network:
    """A network as it is now."""

    id: str
    name: str
    project: str  # Compose's label, or ""
    label: str  # the key in the Compose file, or ""
    driver: str
    internal: bool
    containers: tuple[str, ...]  # ids of those attached and running


class Engine(Protocol):
    """The Docker Engine, over its API."""

    async def info(self) -> EngineInfo: ...
    async def containers(self, stack: str) -> tuple[Container, ...]:
        """Return all containers, stopped too, of the stack's three projects, one-off runs left out."""
        ...

    async def container(self, id: str) -> Container | None: ...
    async def start(self, id: str) -> None: ...
    async def stop(self, id: str, *, grace: float) -> None: ...
    async def remove(self, id: str) -> None: ...
    async def logs(self, id: str, *, lines: int) -> str: ...
    async def execute(self, id: str, command: Sequence[str], *, within: float) -> Ran:
        """Run *command* in the container; after *within* seconds it is killed and its status is 124."""
        ...

    def events(self, stack: str) -> AsyncIterator[str]:
        """Yield a container's id whenever the engine reports something about it, from this call on."""
        ...

    async def memory(self, ids: Iterable[str]) -> int:
        """Return the bytes that these containers use together now, page cache left out."""
        ...

    async def networks(self, stack: str) -> tuple[Network, ...]: ...
    async def create_network(
        self, name: str, *, labels: Mapping[str, str], internal: bool = False, like: str = ""
    ) -> str:
        """Create a network (options copied from the one called *like*, addresses left out); return its id."""
        ...

    async def remove_network(self, name: str) -> None:
        """Remove it, stopped containers taken off it before; fails where containers run on it."""
        ...

    async def connect(self, network: str, id: str, aliases: Sequence[str], *, priority: int = 0) -> None:
        """Put a container on *network*; of its networks the one of highest *priority* answers a name first."""
        ...

    async def disconnect(self, network: str, id: str) -> None: ...
    async def volumes(self, names: Iterable[str]) -> frozenset[str]:
        """Return those of *names* that exist."""
        ...

    async def create_volume(
        self, name: str, *, labels: Mapping[str, str], driver: str = "", options: Mapping[str, str] | None = None
    ) -> None: ...
    async def image(self, reference: str) -> ImageInfo | None: ...
    async def tag(self, image: str, repository: str, tag: str) -> None: ...
    async def untag(self, reference: str) -> None:
        """Remove a tag, and the image when nothing else names it or uses it."""
        ...

    async def listening(self, address: str, probe: HttpProbe | TcpProbe) -> bool:
        """Tell whether *probe* passes at *address* within a second."""
        ...


class Compose(Protocol):
    """Docker Compose, over its command line, in a clean environment."""

    async def create(self, project: str, file: str, *, told: Told) -> None:
        """Create all containers of a rendered file, started none; images are there already."""
        ...

    async def create_plain(self, services: Sequence[str], *, told: Told) -> None:
        """Create the owner's plain containers of *services* that don't run and no others, started none."""
        ...

    async def up_shared(self, services: Sequence[str], *, update: bool, told: Told) -> None:
        """Create and start the owner's *services* alone; leave running ones as they are unless *update*."""
        ...

    async def hashes(self, services: Sequence[str]) -> Mapping[str, str]:
        """Return Compose's hash of each service's definition today, comparable to ``Container.definition``."""
        ...

    async def build(self, services: Sequence[str], *, told: Told) -> None: ...
    async def pull(self, services: Sequence[str], *, told: Told) -> None: ...
    async def run_once(self, project: str, file: str, service: str, *, name: str, told: Told) -> int:
        """Run a one-shot of a rendered file to its end in a container of its own; return its exit status.

        The container *name* outlives Teal: one that a killed run left is waited for, or its success taken.
        """
        ...


@dataclass(frozen=True, slots=True)
class Entry:
    """A place where users reach a route through the proxy."""

    route: str
    port: int  # of the route
    listen: int  # the port inside the proxy's container
    tls: bool
    host: str  # "" for any
    path: str = ""  # prefix, no trailing slash


@dataclass(frozen=True, slots=True)
class Prepared:
    """How the proxy stands to Teal."""

    version: str
    entries: tuple[Entry, ...]
    bare: tuple[str, ...] = ()  # plain ``reverse_proxy NAME:PORT`` that do not go through the snippet
    admin: str = "127.0.0.1:2019"  # "" where it is off
    unfit: tuple[
        str, ...
    ] = ()  # routes with health checks of the proxy's own: a sick color makes it refuse a sound one


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back through the proxy."""

    status: int
    upstream: str  # host:port that the proxy chose, "" where it did not say
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""


class Proxy(Protocol):
    """Caddy with Teal's snippet, and the state file that it reads."""

    @property
    def folder(self) -> str:
        """Return the directory on this host that the proxy must mount."""
        ...

    def read(self) -> Traffic | None:
        """Return what the state file says; None for no file or nothing that the proxy knows."""
        ...

    def write(self, traffic: Traffic) -> None:
        """Replace the state file in one rename, durably."""
        ...

    async def prepared(self, container: Container) -> Prepared: ...
    async def entries(self, container: Container) -> tuple[Entry, ...]:
        """Return the places where users reach the routes, and nothing else of what `prepared` says: sooner."""
        ...

    async def seen(self, container: Container) -> str | None:
        """Return a token file's content as the proxy's container sees it: proves that the mount is alive."""
        ...

    async def ask(self, container: Container, entry: Entry, key: str, path: str = "/") -> Answer:
        """Send a GET with *key* through the proxy at *entry* and return what came."""
        ...

    async def in_flight(self, container: Container, entry: Entry, key: str) -> Mapping[str, int]:
        """Return Caddy's count of requests in flight per upstream address; raise where it can't be had."""
        ...


class Releases(Protocol):
    """The kept releases on disk."""

    def all(self) -> tuple[Release, ...]: ...
    def keep(self, release: Release, colors: Mapping[Side, Rendered], once: Rendered) -> None:
        """Write a release whole or not at all: its record, its renderings, the files that they mount."""
        ...

    def rendering(self, number: int, side: Side) -> str:
        """Return the path of the rendered Compose file."""
        ...

    def once(self, number: int) -> str:
        """Return the path of the Compose file that holds the release's one-shots."""
        ...

    def folder(self, number: int) -> str:
        """Return the release's own folder, where copied files lie below ``files/``."""
        ...

    def drop(self, number: int) -> None: ...
    def keep_log(self, number: int, service: str, text: str) -> str:
        """Keep the last log of a service that is removed; return the path."""
        ...


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A run as the journal tells it later."""

    id: int
    command: str
    source: Side | None
    target: Side | None
    release: int | None
    started: float
    ended: float | None
    outcome: str  # done, failed, aborted, interrupted, needs-person, healed; "" while it runs
    message: str
    phases: Mapping[str, float] = field(default_factory=dict)  # step name -> seconds


class Journal(Protocol):
    """The durable record of runs and steps."""

    def begin(self, command: str, source: Side | None, target: Side | None, release: int | None) -> int: ...
    def started(self, run: int, step: Step) -> int: ...
    def finished(self, entry: int, *, passed: bool = False) -> None: ...
    def end(self, run: int, outcome: str, message: str = "") -> None: ...
    def unfinished(self) -> Unfinished | None: ...
    def switched(self) -> tuple[Side, int | None] | None: ...
    def served(self) -> tuple[int, ...]: ...
    def ran_once(self, service: str, release: int) -> bool:
        """Tell whether that one-shot of that release is known to have ended well."""
        ...

    def next_release(self) -> int: ...
    def history(self, limit: int) -> tuple[RunRecord, ...]: ...
    def open_contract(self, name: str, release: int) -> None:
        """Record that contract *name* is open since *release*; one that is so already moves to a later release only."""
        ...

    def close_contract(self, name: str, reason: str) -> None:
        """Record that an open contract has been run: the floor rises to its release."""
        ...

    def contracts(self) -> tuple[OpenChange, ...]:
        """Return every contract that a release ever brought, by release and name, closed ones too."""
        ...


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds the lock."""

    command: str
    user: str
    host: str
    pid: int
    since: float


class Lock(Protocol):
    """One mutating command at a time; the kernel frees it when its holder dies."""

    def holder(self) -> Holder | None: ...
    def hold(self, command: str) -> AbstractContextManager[None]:
        """Take it or raise ``Locked`` at once, naming the holder."""
        ...


class Clock(Protocol):
    """Time: *now* for people, *monotonic* for waiting."""

    def now(self) -> float: ...
    def monotonic(self) -> float: ...
    async def sleep(self, seconds: float) -> None: ...


class Machine(Protocol):
    """The host: what is free, the owner's hooks, the published color."""

    def memory(self) -> tuple[int, int]:
        """Return (total, available) bytes."""
        ...

    def unprepared(self) -> str:
        """Return the one command that prepares the state directory for this user, "" where nothing is missing."""
        ...

    def disk(self) -> int:
        """Return the bytes that are free under the state directory."""
        ...

    async def hook(self, command: Sequence[str], facts: Mapping[str, str], *, told: Told) -> int: ...
    def publish(self, color: str) -> None:
        """Write ``.deployment-color`` in the checkout; raise OSError where that can't be done."""
        ...

    def published(self) -> str | None: ...
    def secret(self) -> str:
        """Return a new random key for the proxy, letters and digits only."""
        ...

"""The Docker Engine as ``run`` asks it, and what it answers."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping, Sequence
from typing import Protocol

from msgspec import Struct

from teal.core.model.observed import Container
from teal.core.model.stack import HttpProbe, ImageFacts, TcpProbe
from teal.core.model.units import Moment, Seconds
from teal.core.services.health import Probed


class EngineInfo(Struct, frozen=True):
    """What the engine says of itself and its machine."""

    id: str
    version: str
    cpus: int
    memory: int  # bytes
    local: bool  # this machine's own
    rootless: bool


class ImageInfo(Struct, frozen=True):
    """What an image brings of its own."""

    id: str
    tags: tuple[str, ...]
    size: int
    exposed: tuple[int, ...]
    healthcheck: tuple[str, ...]
    volumes: tuple[str, ...]
    health_interval: Seconds = Seconds(30.0)  # as the engine reads them
    health_start_period: Seconds = Seconds(0.0)
    health_retries: int = 3
    created: Moment = Moment(0.0)  # 0 where it says nothing
    user: str = ""  # that it names; empty: root
    revision: str = ""  # of its source, where a label says it

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


class Ran(Struct, frozen=True):
    """How a command in a container ended."""

    status: int
    output: str


class HealthRun(Struct, frozen=True):
    """One run of a healthcheck by the engine: when it ended, with what status, and what it wrote."""

    at: Moment | None
    exit_code: int
    output: str


class Network(Struct, frozen=True):
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
    async def on_network(self, name: str) -> tuple[Container, ...]:
        """Return the containers that run on the network *name*, of whatever stack; none where there is no such one."""
        ...

    async def start(self, id: str) -> None: ...
    async def stop(self, id: str, *, grace: Seconds) -> None: ...
    async def remove(self, id: str) -> None: ...
    async def logs(self, id: str, *, lines: int) -> str: ...
    async def health_log(self, id: str) -> tuple[HealthRun, ...]:
        """Return the last few runs of its healthcheck, the latest first; none where it has none, or is gone."""
        ...

    async def execute(
        self,
        id: str,
        command: Sequence[str],
        *,
        within: Seconds,
        user: str = "",
        privileged: bool = False,
        directory: str = "",
        environment: Mapping[str, str] | None = None,
    ) -> Ran:
        """Run *command* in the container; after *within* seconds it is killed and its status is 124.

        User and directory are the container's own where nothing is said, and *environment* comes on top of its own.
        """
        ...

    def follow(self, id: str, command: Sequence[str]) -> AsyncGenerator[str, None]:
        """Yield the lines that *command* writes in the container, as it writes them; close it when done: ``aclosing``.

        What is closed early is killed where this user may; so let it end by itself before long.
        """
        ...

    def events(self, stack: str) -> AsyncIterator[str]:
        """Yield a container's id whenever the engine reports something about it, from this call on."""
        ...

    async def memory(self, ids: Iterable[str]) -> int:
        """Return the bytes that these containers use together now, page cache left out."""
        ...

    async def networks(self, stack: str) -> tuple[Network, ...]: ...
    async def existing_networks(self, names: Iterable[str]) -> frozenset[str]:
        """Return those of *names* that exist, whoever made them."""
        ...

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
    async def hide(self, network: str, id: str, names: Iterable[str]) -> None:
        """Hide *names* on *network* from a container that does not run: it finds nobody by them there."""
        ...

    async def volumes(self, names: Iterable[str]) -> frozenset[str]:
        """Return those of *names* that exist."""
        ...

    async def create_volume(
        self, name: str, *, labels: Mapping[str, str], driver: str = "", options: Mapping[str, str] | None = None
    ) -> None: ...
    async def image(self, reference: str) -> ImageInfo | None: ...
    async def tag(self, image: str, repository: str, tag: str) -> None: ...
    def archive(self, image: str, path: str) -> AsyncIterator[bytes]:
        """Yield a tar of what *image* has below the folder *path*; nothing of it runs.

        Raises ``Refused`` where it has no such folder.
        """
        ...

    async def untag(self, reference: str) -> None:
        """Remove a tag, and the image when nothing else names it or uses it."""
        ...

    async def probe(self, address: str, probe: HttpProbe | TcpProbe) -> Probed:
        """Return what *probe* comes to at *address* within a second."""
        ...

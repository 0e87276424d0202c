"""A Docker Swarm as ``run`` asks it: each method performs what ``teal.core.swarm.asking`` says of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from msgspec import Struct

from teal.core.model.side import Side
from teal.core.model.units import ReleaseId, Seconds
from teal.core.rendering.stack_file import StackFile
from teal.core.swarm.asking import Seen
from teal.core.swarm.register import Mark, Said
from teal.core.swarm.truth import Truth


class SwarmNode(Struct, frozen=True):
    """A machine of the Swarm."""

    name: str
    state: str  # ready, down, …
    manager: bool
    edge: bool  # it runs the stack's proxy
    home: bool  # it has the stack's data


class SwarmTask(Struct, frozen=True):
    """Where a service runs."""

    service: str
    node: str
    state: str
    release: str
    side: str


class Swarm(Protocol):
    """The Swarm, through the socket of one of its managers."""

    async def nodes(self) -> tuple[SwarmNode, ...]: ...
    async def tasks(self, side: Side) -> tuple[SwarmTask, ...]: ...
    async def read(self) -> Seen: ...
    async def swap(self, truth: Truth, version: int) -> int: ...
    async def beat(self, by: str) -> None:
        """Give a sign of life of the command *by*: it counts while that one holds the lock, and for no other."""
        ...

    async def prepare(self, mark: Mark, edges: Sequence[str]) -> Mapping[str, str]: ...
    async def tell(self, mark: Mark, upto: int, edges: Sequence[str]) -> Mapping[str, str]: ...
    async def hear(self, edges: Sequence[str]) -> Mapping[str, Said]: ...
    async def lost(self, edges: Sequence[str]) -> frozenset[str]: ...
    async def lingers(self, side: Side) -> frozenset[str]: ...
    async def fill(self, side: Side, release: ReleaseId, version: int) -> None: ...
    async def gate(self, side: Side, release: ReleaseId, *, within: Seconds) -> str: ...
    async def in_flight(self, side: Side, key: str, edges: Sequence[str]) -> Mapping[str, tuple[int, int] | None]:
        """Return by edge the requests and WebSockets in flight to *side*; None where an edge does not say."""
        ...

    async def retire(self, side: Side, version: int) -> None: ...
    async def keep(self, release: ReleaseId, files: Mapping[Side, StackFile]) -> None:
        """Keep a release in the Swarm's store: its stack files, and what they name by content."""
        ...

    async def prune(self, kept: frozenset[ReleaseId]) -> tuple[str, ...]:
        """Remove what no release of *kept* names; return the names of what was removed."""
        ...

    async def prepare_ground(self, edges: Sequence[str], networks: Mapping[str, bool]) -> None:
        """Make what all stacks need that is not there yet: the object of truth, secret, networks (internal or not)."""
        ...

    async def up_shared(self, file: StackFile) -> None:
        """Deploy the stack of the shared services."""
        ...

    async def has_shared(self) -> bool: ...
    async def agent(self, registry: str) -> str:
        """Build and push the agent; return its image by digest."""
        ...

    async def pin(self, image: str, registry: str, name: str) -> str:
        """Return *image* by a registry's digest; one that no registry has is pushed to *registry* as *name*."""
        ...

    async def logs(self, side: Side, service: str, lines: int) -> str: ...

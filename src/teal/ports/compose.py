"""Docker Compose as ``run`` asks it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from teal.ports.machine import Told


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

    async def outdated_networks(self, services: Sequence[str]) -> tuple[str, ...]:
        """Return the networks that a start of *services* would first take down: they are defined otherwise now."""
        ...

    async def hashes(self, services: Sequence[str]) -> Mapping[str, str]:
        """Return Compose's hash of each service's definition today, comparable to ``Container.definition``."""
        ...

    async def build(self, services: Sequence[str], *, told: Told) -> None: ...
    async def pull(self, services: Sequence[str], *, told: Told) -> None: ...
    async def run_once(
        self, project: str, file: str, service: str, *, name: str, told: Told, only_output: bool = False
    ) -> int:
        """Run a one-shot of a rendered file to its end in a container of its own; return its exit status.

        The container *name* outlives Teal: one that a killed run left is waited for, or its success taken. Of what
        it says *told* gets both streams, or the standard output alone.
        """
        ...

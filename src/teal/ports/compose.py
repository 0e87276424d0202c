"""Docker Compose as ``run`` asks it, and as ``config`` asks it what the stack's files mean."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from teal.core.model.stack import Tree
from teal.ports.machine import LineSink


@dataclass(frozen=True, slots=True)
class Due:
    """What ``docker compose up`` would do to what is there already; names are those of the engine."""

    containers: frozenset[str] = frozenset()  # made anew: their definition has changed, or their image
    networks: tuple[str, ...] = ()  # taken down first, with all that runs on them: defined otherwise now
    volumes: tuple[str, ...] = ()  # defined otherwise now, and left as they are


@dataclass(frozen=True, slots=True)
class Question:
    """What Compose is asked of the stack's files, as their owner would ask it."""

    options: tuple[str, ...]  # global ones: which files, project, environment files, profiles
    cwd: str
    environment: Mapping[str, str]
    service: str = ""  # the only one to be told of; empty for all
    text: str = ""  # the Compose file that the options call "-"
    broken: Callable[[], str] = str  # names the file that is no YAML, where Compose's words leave that out


@dataclass(frozen=True, slots=True)
class Resolved:
    """A model, the variables that nobody set, and what else Compose remarked."""

    model: Tree
    unset: frozenset[str]
    notes: tuple[str, ...]


class ModelReader(Protocol):
    """``docker compose config``; ``ConfigError`` with Compose's own words where it refuses the files."""

    def __hash__(self) -> int: ...
    async def read(self, question: Question) -> Resolved: ...
    def read_at_once(self, question: Question) -> Resolved:
        """Return the same, for whoever can't wait for anything else meanwhile."""
        ...


class Compose(Protocol):
    """Docker Compose, over its command line, in a clean environment."""

    async def create(self, project: str, file: str, *, on_line: LineSink) -> None:
        """Create all containers of a rendered file, started none; images are there already."""
        ...

    async def up(self, project: str, file: str, services: Sequence[str], *, start: bool, on_line: LineSink) -> None:
        """Create *services* of a rendered file, anew where their definition has changed, and *start* them."""
        ...

    async def create_plain(self, services: Sequence[str], *, on_line: LineSink) -> None:
        """Create the owner's plain containers of *services* that don't run and no others, started none."""
        ...

    async def up_shared(self, services: Sequence[str], *, update: bool, on_line: LineSink, grace: int = 0) -> None:
        """Create and start the owner's *services* alone; leave running ones as they are unless *update*."""
        ...

    async def due(self, services: Sequence[str]) -> Due:
        """Return what ``up`` of *services* would do to what is there; nothing is changed, and no registry is asked.

        Their images, and what is external of their volumes and networks, must be there.
        """
        ...

    async def build(self, services: Sequence[str], *, on_line: LineSink) -> None: ...
    async def pull(self, services: Sequence[str], *, on_line: LineSink) -> None: ...
    async def pull_images(self, references: Sequence[str], *, on_line: LineSink) -> None:
        """Pull images by name: those that services mount, which Compose itself pulls with a start only."""
        ...

    async def run_once(
        self, project: str, file: str, service: str, *, name: str, on_line: LineSink, only_output: bool = False
    ) -> int:
        """Run a one-shot of a rendered file to its end in a container of its own; return its exit status.

        The container *name* outlives Teal: one that a killed run left is waited for, or its success taken. Of what
        it says *on_line* gets both streams, or the standard output alone.
        """
        ...

"""What a command on a Swarm asks of the world, each a value: whoever carries the command out performs it.

A command is a generator: it yields one of these and is sent what came of it. So its order stands in one place, and is
the same where it is performed for real, and where it is played in memory and cut off at each of these points.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from dataclasses import dataclass
from typing import TypeVar

from teal.core.model.side import Side
from teal.core.model.units import ReleaseId, Seconds
from teal.core.swarm.register import Mark, Said
from teal.core.swarm.truth import Truth


@dataclass(frozen=True, slots=True)
class Read:
    """Read the truth: answered by ``Seen``."""


@dataclass(frozen=True, slots=True)
class Seen:
    """The truth, its version, and how often its holder has given a sign of life."""

    truth: Truth
    version: int
    beat: int = 0


@dataclass(frozen=True, slots=True)
class Swap:
    """Put *truth* in the place of the one of *version*: answered by the new version, 0 where another came first."""

    truth: Truth
    version: int


@dataclass(frozen=True, slots=True)
class Prepare:
    """Have *edges* promise *mark*: answered by edge with "", or why not."""

    mark: Mark
    edges: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Tell:
    """Tell *edges* that *mark* is decided, and dead what else there is up to *upto*: answered by edge, as above."""

    mark: Mark
    upto: int
    edges: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Hear:
    """Ask *edges* what they know: answered by edge with what it says; who does not answer is not there."""

    edges: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Lost:
    """Which of *edges* run on nodes that Swarm calls down: answered by their names."""

    edges: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Lingers:
    """On which nodes tasks that *side* has given up were not seen to end: answered by the nodes' names."""

    side: Side


@dataclass(frozen=True, slots=True)
class Make:
    """Build, push, render and keep *release*; nothing that runs is touched."""

    release: ReleaseId


@dataclass(frozen=True, slots=True)
class Fill:
    """Bring *release* into the color *side*, all its services started; ``Locked`` where the truth has moved on.

    What a command that slept does late must not reach a color that serves by now: so whoever performs this looks
    first whether the truth is still that of *version*.
    """

    side: Side
    release: ReleaseId
    version: int


@dataclass(frozen=True, slots=True)
class Gate:
    """Wait until *release* in *side* is healthy: answered by "", or what is not."""

    side: Side
    release: ReleaseId


@dataclass(frozen=True, slots=True)
class Drain:
    """Wait until nothing is in flight to *side* on any of *edges*, or the time for it is over."""

    side: Side
    edges: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Retire:
    """Stop all services of *side*, keeping their definition; ``Locked`` where the truth has moved on, as above."""

    side: Side
    version: int


@dataclass(frozen=True, slots=True)
class Pause:
    """Wait."""

    seconds: Seconds


@dataclass(frozen=True, slots=True)
class Note:
    """Tell people something."""

    text: str


Ask = Read | Swap | Prepare | Tell | Hear | Lost | Lingers | Make | Fill | Gate | Drain | Retire | Pause | Note
Answer = Seen | int | str | Mapping[str, str] | Mapping[str, Said] | frozenset[str] | None

T = TypeVar("T")
Order = Generator[Ask, Answer, T]


def read() -> Order[Seen]:
    """Return the truth."""
    seen = yield Read()
    assert isinstance(seen, Seen)
    return seen


def by_edge(ask: Prepare | Tell) -> Order[dict[str, str]]:
    """Return by edge why not; an edge that did not answer at all is there, too."""
    answer = yield ask
    assert isinstance(answer, Mapping)
    return {edge: str(answer.get(edge, "it does not answer")) for edge in ask.edges}


def hear(edges: tuple[str, ...]) -> Order[dict[str, Said]]:
    """Return what the edges say that answer."""
    answer = yield Hear(edges)
    assert isinstance(answer, Mapping)
    return {edge: said for edge, said in answer.items() if isinstance(said, Said)}


def names(ask: Lost | Lingers) -> Order[frozenset[str]]:
    """Return the nodes that *ask* is answered by."""
    answer = yield ask
    assert isinstance(answer, frozenset)
    return answer


def gated(side: Side, release: ReleaseId) -> Order[str]:
    """Return "" once the color is healthy, or what is not."""
    answer = yield Gate(side, release)
    assert isinstance(answer, str)
    return answer

"""The one object of truth of a stack on a Swarm, as a value: what was decided, who works, what is open.

It lives in the Swarm's own store and changes by compare-and-set only: a command that slept, or was presumed dead, has
seen a version that is no longer the last one, and can change nothing any more.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from teal.core.model.side import COLORS, Side
from teal.core.model.units import ReleaseId
from teal.core.swarm.register import NOTHING, Mark


@dataclass(frozen=True, slots=True)
class OpenRun:
    """The run that is at work, or was: it changes *side*."""

    command: str
    side: Side
    release: ReleaseId
    before: ReleaseId | None = None  # what stood in that color: kept, so a rollback can still bring it back


@dataclass(frozen=True, slots=True)
class Truth:
    """What holds for the whole stack."""

    edges: tuple[str, ...] = ()
    decided: Mark = NOTHING
    allocated: int = 0  # the newest epoch that was ever given out
    holder: str = ""  # which command works: unique for each, said to people
    run: OpenRun | None = None
    releases: Mapping[Side, ReleaseId] = field(default_factory=dict)  # what stands, or stood last, in a color
    numbered: ReleaseId = ReleaseId(0)  # the newest number that a release was given
    followed: int = 0  # the newest epoch that every edge was seen to show, those behind excepted
    behind: frozenset[str] = frozenset()  # edges that were away at a decision, and not seen to follow it since

    @property
    def active(self) -> Side | None:
        """Return the color that users are sent to; None before the first deploy."""
        word = self.decided.word.partition(" ")[0]
        return next((side for side in COLORS if side == word), None)

    @property
    def standby(self) -> Side:
        """Return the color whose turn is next."""
        return self.active.other if self.active else Side.BLUE

    @property
    def active_release(self) -> ReleaseId | None:
        """Return the release that serves."""
        return self.releases.get(self.active) if self.active else None

    @property
    def next_release(self) -> ReleaseId:
        """Return the number of the next new release."""
        return ReleaseId(self.numbered + 1)

    @property
    def with_number(self) -> Truth:
        """Return the truth in which the next number is given out, never to be given again."""
        return replace(self, numbered=self.next_release)

    def held_by(self, command: str) -> Truth:
        """Return the truth whose lock *command* has; each holder is another, so each taking is a change."""
        return replace(self, holder=command)

    def begun(self, run: OpenRun) -> Truth:
        """Return the truth in which *run* is open, and its release is what stands in its color."""
        return replace(self, run=run, releases={**self.releases, run.side: run.release})

    @property
    def undone(self) -> Truth:
        """Return the truth in which the open run came to nothing: its color has the release of before, stopped."""
        if self.run is None:
            return self
        left = {side: release for side, release in self.releases.items() if side is not self.run.side}
        before = {} if self.run.before is None else {self.run.side: self.run.before}
        return replace(self, run=None, releases={**left, **before})

    def with_epoch(self) -> tuple[Truth, int]:
        """Return the truth in which a new epoch was given out, and that epoch."""
        epoch = self.allocated + 1
        return replace(self, allocated=epoch), epoch

    def deciding(self, mark: Mark, without: Iterable[str]) -> Truth:
        """Return the truth in which *mark* is decided, while *without* were away."""
        return replace(self, decided=mark, behind=self.behind | frozenset(without))

    @property
    def ended(self) -> Truth:
        """Return the truth in which nothing is open, and nobody works."""
        return replace(self, run=None, holder="")

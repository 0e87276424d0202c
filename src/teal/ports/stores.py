"""What Teal keeps, as ``run`` asks for it: releases, the journal, and the lock on all of it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from teal.core.model.migrations import OpenChange
from teal.core.model.observed import Holder, Unfinished
from teal.core.model.release import Release, Rendered
from teal.core.model.side import Side
from teal.core.model.stack import Tree
from teal.core.model.units import Moment, ReleaseId, Seconds
from teal.core.planning.event_lines import LogLine
from teal.core.planning.events import Event
from teal.core.planning.past import Turn
from teal.core.planning.steps import Step

if TYPE_CHECKING:  # looking measures nothing
    from teal.core.report.values import Report


class Releases(Protocol):
    """The kept releases on disk."""

    def all(self) -> tuple[Release, ...]: ...
    def keep(self, release: Release, colors: Mapping[Side, Rendered], once: Rendered) -> None:
        """Write a release whole or not at all: its record, its renderings, the files that they mount."""
        ...

    def keep_once(self, number: ReleaseId, once: Rendered) -> None:
        """Write nothing but one-shots under *number*, that of no release, in place of those that were there."""
        ...

    def rendering(self, number: ReleaseId, side: Side) -> str:
        """Return the path of the rendered Compose file."""
        ...

    def once(self, number: ReleaseId) -> str:
        """Return the path of the Compose file that holds the release's one-shots."""
        ...

    def renderings(self, number: ReleaseId) -> Mapping[str, Tree]:
        """Return the kept renderings, by color and ``once``; raise ``Refused`` where one can't be read."""
        ...

    def folder(self, number: ReleaseId) -> str:
        """Return the release's own folder, where copied files lie below ``files/``."""
        ...

    def drop(self, number: ReleaseId) -> None: ...
    def keep_log(self, number: ReleaseId, service: str, text: str) -> str:
        """Keep the last log of a service that is removed; return the path."""
        ...

    def kept_logs(self, number: ReleaseId) -> Mapping[str, str]:
        """Return the last lines of those logs by service; none where nothing was kept."""
        ...


@dataclass(frozen=True, slots=True)
class RunRecord:
    """A run as the journal tells it later."""

    id: int
    command: str
    source: Side | None
    target: Side | None
    release: ReleaseId | None
    started: Moment
    ended: Moment | None
    outcome: str  # done, failed, aborted, rolled-back, interrupted, needs-person, healed; "" while it runs
    message: str
    phases: Mapping[str, Seconds] = field(default_factory=dict)  # by the name of the step


class Journal(Protocol):
    """The durable record of runs and steps."""

    def begin(self, command: str, source: Side | None, target: Side | None, release: ReleaseId | None) -> int: ...
    def started(self, run: int, step: Step) -> int: ...
    def finished(self, entry: int, *, passed: bool = False) -> None: ...
    def progress(self, run: int, step: Step) -> None:
        """Record anew what is left of the step of this name that *run* performs now."""
        ...

    def end(self, run: int, outcome: str, message: str = "") -> None: ...
    def unfinished(self) -> Unfinished | None:
        """Return the latest run that did not end; one that only healed counts where no other is open."""
        ...

    def turns(self) -> tuple[Turn, ...]:
        """Return every run as its users noticed it, the oldest first."""
        ...

    def ran_once(self, service: str, release: ReleaseId) -> bool:
        """Tell whether that one-shot of that release is known to have ended well."""
        ...

    def next_release(self) -> ReleaseId: ...
    def history(self, limit: int) -> tuple[RunRecord, ...]: ...
    def expanded_unchecked(self) -> bool:
        """Tell whether the schema was expanded, and the release that serves has not passed its checks since."""
        ...

    def blamed_schema(self) -> bool:
        """Tell whether a run was aborted in that check, with the schema as it is now."""
        ...

    def backfilled_since(self, when: Moment) -> bool:
        """Tell whether a backfill ended in a run that ended after *when* (seconds since the epoch)."""
        ...

    def last_transition(self) -> RunRecord | None:
        """Return the latest run that was done and had started containers."""
        ...

    def open_contract(self, name: str, release: ReleaseId) -> None:
        """Record that contract *name* is open since *release*; an open one only moves to a later release."""
        ...

    def close_contract(self, name: str, reason: str) -> None:
        """Record that an open contract has been run: the floor rises to its release."""
        ...

    def reopen_contract(self, name: str) -> None:
        """Record that a contract has not been run after all: the floor falls to what the others leave."""
        ...

    def contracts(self) -> tuple[OpenChange, ...]:
        """Return every contract that a release ever brought, by release and name, closed ones too."""
        ...


class RunLogs(Protocol):
    """What each run of the journal has told, line by line; no part of a run's success depends on it."""

    def begin(self, run: int) -> None:
        """Begin the log of *run*, and forget those that are too old; never raises."""
        ...

    def append(self, run: int, event: Event) -> None:
        """Add a line, secrets masked, readable at once; a line that can't be written is lost, and nothing is raised."""
        ...

    def read(self, run: int) -> tuple[LogLine, ...]:
        """Return the lines of *run* that are understood; none where there is no log."""
        ...

    def runs(self) -> tuple[int, ...]:
        """Return the runs whose log is kept, the oldest first."""
        ...


class Reports(Protocol):
    """What runs have done to users, as far as it was measured."""

    def keep(self, report: Report) -> None:
        """Write the report of a run, secrets masked, in place of an older one; forget those that are too old.

        Raises ``Unavailable`` where that can't be: the run has ended, whatever becomes of its report.
        """
        ...

    def read(self, run: int) -> Report | None:
        """Return the report of *run*; None where there is none that can be read."""
        ...

    def runs(self) -> tuple[int, ...]:
        """Return the runs of which a report is kept, the oldest first."""
        ...


class Lock(Protocol):
    """One mutating command at a time; the kernel frees it when its holder dies."""

    def holder(self) -> Holder | None: ...
    def ask(self, word: str) -> None:
        """Leave *word* for the command that holds it; what was left before is forgotten when it is taken."""
        ...

    def waits(self) -> bool:
        """Tell whether a word that was left has not been read yet."""
        ...

    def asked(self) -> str:
        """Return the word that was left for whoever holds it, once; "" for none."""
        ...

    def hold(self, command: str) -> AbstractContextManager[None]:
        """Take it or raise ``Locked`` at once, naming the holder."""
        ...

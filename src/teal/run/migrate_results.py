"""Does: the values that the commands of migrate return."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

State = Literal["done", "broken", "expand", "backfill", "contract", "unknown"]
EXITS: dict[State, int] = {"done": 0, "broken": 1, "expand": 2, "backfill": 2, "contract": 4, "unknown": 6}


@dataclass(frozen=True, slots=True)
class PendingRow:
    """Something that has not been run yet."""

    phase: str
    name: str


@dataclass(frozen=True, slots=True)
class OpenRow:
    """A change that is open: the old and the new shape stand side by side."""

    name: str
    release: int  # the first that doesn't need what the contract removes
    opened: float  # seconds since the epoch
    due: float  # the moment at which contract_delay is over
    removes: tuple[str, ...] = ()  # columns and tables in transition, as far as files name them
    waits: tuple[str, ...] = ()  # what its gate waits for


@dataclass(frozen=True, slots=True)
class MigrateStatus:
    """How the schema stands."""

    project: str
    state: State  # what is next; unknown where nobody says so, or who does can't be asked
    pending: tuple[PendingRow, ...] = ()
    open: tuple[OpenRow, ...] = ()
    floor: int = 0  # no release below it comes back
    excused: tuple[str, ...] = ()  # what the files excuse themselves for: file, line, rule, reason
    problems: tuple[str, ...] = ()
    unknown: str = ""  # why the state is not known

    @property
    def status(self) -> int:
        """Return the exit status that tells programs the state."""
        return EXITS[self.state]


@dataclass(frozen=True, slots=True)
class FindingRow:
    """A statement that would hurt."""

    script: str
    line: int
    rule: str
    why: str
    remedy: str
    excused: str | None = None  # the reason that the file gives for an exception


@dataclass(frozen=True, slots=True)
class MigrateChecked:
    """What ``migrate check`` says of the SQL that is to come; nothing was run."""

    project: str
    safe: bool
    scripts: tuple[str, ...]  # that were judged
    findings: tuple[FindingRow, ...] = ()
    notes: tuple[str, ...] = ()
    unknown: str = ""  # why it is not known what is pending, where nothing could be judged


@dataclass(frozen=True, slots=True)
class Migrated:
    """What ``migrate expand`` or ``backfill`` did."""

    project: str
    command: str
    outcome: Literal["done", "unchanged", "planned"]
    steps: tuple[str, ...] = ()  # in words; what a dry run prints
    pending: tuple[PendingRow, ...] = ()  # what a dry run found to be due
    phases: Mapping[str, float] = field(default_factory=dict)  # step name -> seconds
    notes: tuple[str, ...] = ()
    healed: str = ""

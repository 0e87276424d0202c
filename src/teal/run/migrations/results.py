"""What the commands of migrate return: how the schema stands, what was judged, what a phase or a contract did."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct

from teal.core.judge import values as judge
from teal.core.migrations.gate import Condition
from teal.core.model.units import ReleaseId, Seconds
from teal.run.api import OpenRow

SchemaState = Literal["done", "broken", "expand", "backfill", "contract", "unknown"]


EXITS: dict[SchemaState, int] = {"done": 0, "broken": 1, "expand": 2, "backfill": 2, "contract": 4, "unknown": 6}


class PendingRow(Struct, frozen=True):
    """Something that has not been run yet."""

    phase: str
    name: str


class MigrateStatus(Struct, frozen=True):
    """How the schema stands."""

    project: str
    state: SchemaState  # what is next; unknown where nobody says so, or who does can't be asked
    pending: tuple[PendingRow, ...] = ()
    open: tuple[OpenRow, ...] = ()
    floor: ReleaseId = ReleaseId(0)  # no release below it comes back
    excused: tuple[str, ...] = ()  # what the files excuse themselves for: file, line, rule, reason
    problems: tuple[str, ...] = ()
    unknown: str = ""  # why the state is not known

    @property
    def status(self) -> int:
        """Return the exit status that tells programs the state."""
        return EXITS[self.state]


class MigrateCheckResult(Struct, frozen=True):
    """What ``migrate check`` says of the SQL that is to come; nothing was run."""

    project: str
    safe: bool
    scripts: tuple[str, ...]  # that were judged
    findings: tuple[judge.Finding, ...] = ()
    notes: tuple[str, ...] = ()
    unknown: str = ""  # why it is not known what is pending, where nothing could be judged


class MigrateResult(Struct, frozen=True):
    """What ``migrate expand`` or ``backfill`` did."""

    project: str
    command: str
    outcome: Literal["done", "unchanged", "planned"]
    steps: tuple[str, ...] = ()  # in words; what a dry run prints
    pending: tuple[PendingRow, ...] = ()  # what a dry run found to be due
    phases: Mapping[str, Seconds] = {}  # by the name of the step
    notes: tuple[str, ...] = ()
    healed: str = ""


class ContractResult(Struct, frozen=True):
    """How a contract, or the undo of its soft form, ended."""

    project: str
    contract: str
    outcome: Literal["done", "soft", "undone", "planned"]
    release: ReleaseId  # the first release that doesn't need what it removes: the floor, once it is run
    conditions: tuple[Condition, ...] = ()  # of its gate, as they were seen
    gives_up: tuple[ReleaseId, ...] = ()  # releases to which the way back is given up
    steps: tuple[str, ...] = ()
    healed: str = ""
    notes: tuple[str, ...] = ()

"""Contracts: which are open and since which release, the steps of running one or undoing its soft form.

Also what the owner's own ``pending`` means by its exit status and lines.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from teal.core.migrations.gate import Condition, GateEvidence, rollbacks_lost
from teal.core.model.migrations import OpenChange, Phase
from teal.core.model.observed import Observed
from teal.core.model.side import COLORS
from teal.core.model.units import ReleaseId
from teal.core.planning.order import OnFailure, Plan, planned
from teal.core.planning.step_names import Command
from teal.core.planning.steps import (
    EmptySide,
    JudgeMigrations,
    OpenGate,
    Prune,
    RaiseFloor,
    RunContract,
    Step,
    TakeBackFloor,
    UndoContract,
)
from teal.errors import Refused


def meant(name: str, contracts: Sequence[OpenChange], pending: Iterable[str]) -> OpenChange:
    """Return the contract called *name*, or the first where none is named; ``Refused`` where it is not pending.

    One that the journal has closed is meant as well, while the database says that it is pending: a run was cut short.
    """
    known = {each.name: each for each in contracts}
    due = [short(each) for each in pending]
    open_ = [known[each] for each in due if each in known]
    if name and short(name) in known and short(name) in due:
        return known[short(name)]
    if name:
        listed = ", ".join(each.name for each in open_) or "none"
        raise Refused(f"there is no open contract {short(name)}", hint=f"open contracts: {listed}")
    if not open_:
        strange = f"; pending, but of no release yet: {', '.join(due)}" if due else ""
        raise Refused(f"no contract is open{strange}", hint="a deploy brings one; `teal status` shows what is open")
    return open_[0]


def strictest(change: OpenChange, contracts: Sequence[OpenChange], pending: Iterable[str]) -> OpenChange:
    """Return the contract of the newest release of all that is *pending*: a command runs them all."""
    due = {short(each) for each in pending}
    return max((each for each in contracts if each.name in due), key=lambda each: each.release, default=change)


def taken_along(contracts: Iterable[OpenChange], pending: Iterable[str]) -> tuple[str, ...]:
    """Return the open contracts that are not *pending* any more: a command has run them with the one meant."""
    left = {short(each) for each in pending}
    return tuple(each.name for each in contracts if each.closed is None and each.name not in left)


def known(name: str, contracts: Sequence[OpenChange]) -> OpenChange:
    """Return the contract called *name*, run or not; ``Refused`` where no release has brought it."""
    for each in contracts:
        if each.name == short(name):
            return each
    raise Refused(f"no release has brought a contract {short(name)}", hint="`teal status` shows those that are open")


def short(name: str) -> str:
    """Return the name of a contract as it is shown: without the ending of its file."""
    return name.removesuffix(".sql").removesuffix(".contract")


def plan_contract(observed: Observed, seen: GateEvidence, project: str, *, soft: bool, give_up: bool) -> Plan:
    """Return the plan that runs the contract of *seen*, from the active release; the floor rises before it."""
    name, release = seen.change.name, seen.active or ReleaseId(0)
    steps: tuple[Step, ...] = (
        JudgeMigrations(release, (Phase.CONTRACT,), name),
        *(_giving_up(observed, seen, project) if give_up else ()),
        OpenGate(name, tuple(sorted(seen.trusted))),
        RaiseFloor(name),
        RunContract(name, release, soft=soft),
    )
    order, undo = planned(OnFailure.ABORT, *steps), planned(OnFailure.RESUME, TakeBackFloor(name))
    return Plan(Command.MIGRATE_CONTRACT, observed.active, None, None, order, undo)


def _giving_up(observed: Observed, seen: GateEvidence, project: str) -> tuple[Step, ...]:
    """Return what ends the way back to older releases, as cleanup would; what serves is not touched."""
    numbers = rollbacks_lost(seen)
    others = tuple(side for side in COLORS if side is not observed.active)
    idle = {side for side in others if any(c.side is side for c in seen.old_containers)}
    for side in others:  # networks that a killed clearing has left
        if not observed.on(side) and observed.networks_of(side, project):
            idle.add(side)
    kept = tuple(number for number in numbers if number in seen.kept)
    return (*(EmptySide(side) for side in COLORS if side in idle), *([Prune(kept)] if kept else []))


def refused(name: str, conditions: Sequence[Condition]) -> Refused:
    """Return the refusal of a gate that is shut: which conditions keep it so, and what opens each."""
    shut = [each for each in conditions if not each.met]
    said = "; ".join(f"{each.name}: {each.evidence}" for each in shut)
    return Refused(f"the gate before {name} is shut: {said}", hint="; ".join(dict.fromkeys(e.opens for e in shut)))


def plan_undo(observed: Observed, name: str) -> Plan:
    """Return the plan that brings back what the soft form of contract *name* took away."""
    return Plan(Command.MIGRATE_UNDO, observed.active, None, None, planned(OnFailure.ABORT, UndoContract(name)))


UNNAMED = "contract"  # of which there may be several at a time: nobody can tell


def contracts_to_record(
    known: Iterable[OpenChange], brought: Mapping[str, ReleaseId], release: ReleaseId
) -> tuple[tuple[str, ReleaseId], ...]:
    """Return the contracts to record as open, each with the first release that doesn't need what it removes.

    *brought* are those that *release* names, with the release that the owner says they need at least, or 0. One that
    is open and that it doesn't name is of a newer source: then *release* may need what it removes, too.
    """
    still = {each.name: each for each in known if each.closed is None}
    new = [(name, max(least, release)) for name, least in brought.items() if name not in still or name == UNNAMED]
    later = ReleaseId(release + 1)
    moved = [(name, later) for name, each in still.items() if name not in brought and each.release <= release]
    return (*new, *moved)


PendingNext = Literal["done", "expand", "contract"]
STATES: dict[int, PendingNext] = {0: "done", 2: "expand", 4: "contract"}
_NAMED = re.compile(r"(expand|backfill|contract)\s+(\S+)")


@dataclass(frozen=True, slots=True)
class PendingState:
    """What is next, and names, where it prints some."""

    state: PendingNext
    names: tuple[tuple[Phase, str], ...] = ()

    def of(self, phase: Phase) -> tuple[str, ...]:
        """Return the names of *phase*."""
        return tuple(name for each, name in self.names if each is phase)


def parse_pending(status: int, lines: Iterable[str]) -> PendingState | None:
    """Return what *status* and the printed *lines* say; None for a status that says nothing."""
    if status not in STATES:
        return None
    found = (_NAMED.fullmatch(line.strip()) for line in lines)
    return PendingState(STATES[status], tuple(dict.fromkeys((Phase(each[1]), each[2]) for each in found if each)))

"""Decides: the steps that carry a contract out; each a frozen fact, as those of a deploy are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from teal.core.planning.step_names import StepName


@dataclass(frozen=True, slots=True)
class OpenGate:
    """Every condition of the gate before *contract* holds; sessions from *trusted* origins are vouched for."""

    name: ClassVar[StepName] = StepName.OPEN_GATE
    contract: str
    trusted: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RaiseFloor:
    """The journal knows that *contract* is run, or about to be: no release that needs what it removes comes back."""

    name: ClassVar[StepName] = StepName.RAISE_FLOOR
    contract: str


@dataclass(frozen=True, slots=True)
class RunContract:
    """*contract* has been run from *release*, or, *soft*, what it drops has been renamed to a tombstone."""

    name: ClassVar[StepName] = StepName.RUN_CONTRACT
    contract: str
    release: int
    soft: bool = False


@dataclass(frozen=True, slots=True)
class TakeBackFloor:
    """The floor that *contract* raised is gone again, where it is certain that nothing of it was applied."""

    name: ClassVar[StepName] = StepName.TAKE_BACK_FLOOR
    contract: str


@dataclass(frozen=True, slots=True)
class UndoContract:
    """What the soft form of *contract* renamed has its name again."""

    name: ClassVar[StepName] = StepName.UNDO_CONTRACT
    contract: str


ContractStep = OpenGate | RaiseFloor | RunContract | TakeBackFloor | UndoContract

"""The rollback floor: the lowest release that can live with what contracts have removed.

- A contract or window that has been run raises the floor to the release that brought it; of several the highest counts.
- No plan brings a release below the floor back: not a rollback, not a repair.
- What removed it says why, in words.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from teal.core.model.migrations import OpenChange
from teal.core.model.observed import Observed
from teal.core.model.units import Moment, ReleaseId
from teal.core.planning.order import Plan, steps_of
from teal.core.planning.steps import Create, RestoreAfterWindow, Start, Step, Switch


@dataclass(frozen=True, slots=True)
class Floor:
    """The rollback floor: no release below it comes back, since a contract has removed what they need."""

    release: ReleaseId
    contract: str
    since: Moment
    reason: str = ""

    @property
    def why(self) -> str:
        """Return the reason in words."""
        said = f" ({self.reason})" if self.reason else ""
        return f"{called(self.contract)}{said} has removed what releases before {self.release} need"


def called(contract: str) -> str:
    """Return what has raised a floor, in words: a contract, or a window."""
    if contract.endswith(".window"):
        return f"window {contract.removesuffix('.window')}"
    return f"the {contract}" if contract.startswith("window ") else f"contract {contract}"


def floor_of(contracts: Iterable[OpenChange]) -> Floor | None:
    """Return the floor that the contracts which have been run leave, None where none has."""
    run = [each for each in contracts if each.closed is not None]
    highest = max(run, key=lambda each: (each.floor, each.closed or 0.0), default=None)
    return Floor(highest.release, highest.name, Moment(highest.closed or 0.0), highest.reason) if highest else None


def is_below(release: ReleaseId | None, contracts: Iterable[OpenChange]) -> bool:
    """Tell whether *release* can't come back any more."""
    floor = floor_of(contracts)
    return floor is not None and release is not None and release < floor.release


def violates_floor(plan: Plan, contracts: Iterable[OpenChange]) -> ReleaseId | None:
    """Return the release below the floor that *plan* would bring back, None where it keeps above."""
    floor = floor_of(contracts)
    if floor is None:
        return None
    numbers = map(_brings, steps_of((*plan.order, *plan.undo)))
    wanted = (number for number in numbers if number is not None)
    return next((number for number in wanted if number < floor.release), None)


def _brings(step: Step) -> ReleaseId | None:
    """Return the release that *step* starts or sends users to."""
    return step.release if isinstance(step, RestoreAfterWindow | Create | Start | Switch) else None


def contracts_unblocked_by(observed: Observed, gone: frozenset[ReleaseId]) -> tuple[str, ...]:
    """Return the open contracts that no older release would block any more once the releases *gone* are removed."""
    there = {release.number for release in observed.releases}
    open_ = (each for each in observed.contracts if each.closed is None)
    return tuple(each.name for each in open_ if _frees(each.release, there, gone))


def _frees(minimum: ReleaseId, there: set[ReleaseId], gone: frozenset[ReleaseId]) -> bool:
    return any(number < minimum for number in there & gone) and all(number >= minimum for number in there - gone)

"""The plan: steps in their order, what a step that fails leads to, and the undo.

What a failure leads to is said beside the step (``Planned``), not by the code that performs it; ``execute`` follows it.
"""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from msgspec import Struct

from teal.core.model.side import Side
from teal.core.model.units import ReleaseId
from teal.core.planning.step_names import Command
from teal.core.planning.steps import (
    Create,
    Drain,
    EmptySide,
    Hold,
    RecordActive,
    RemovePlain,
    RestoreAfterWindow,
    Retire,
    RunHook,
    Start,
    Step,
)


class OnFailure(StrEnum):
    """What a step that fails leads to."""

    ABORT = "abort"  # what was done is undone, and the source goes on serving
    RESUME = "resume"  # it is told, the others still happen, and the next command takes it up
    REPORT = "report"  # it is told, and the others still happen: nothing of it is taken up by itself
    KEEP_PREVIOUS = "keep_previous"  # what it was to replace goes on, and no later step ends that; it is told


class Planned(Struct, frozen=True):
    """A step in its plan, and what its failure leads to; *remedy* says then what goes on, or is to be done."""

    step: Step
    on_failure: OnFailure
    remedy: str = ""


def planned(on_failure: OnFailure, *steps: Step) -> tuple[Planned, ...]:
    """Return *steps*, the failure of each of which leads to *on_failure*."""
    return tuple(Planned(step, on_failure) for step in steps)


def steps_of(order: Iterable[Planned]) -> tuple[Step, ...]:
    """Return the steps of *order* without what their failures lead to."""
    return tuple(each.step for each in order)


def sparing(step: Step, kept: frozenset[str]) -> Step:
    """Return *step* so that it ends none of the services *kept*: they go on, since their successors failed."""
    match step:
        case Retire(side, services):
            return Retire(side, tuple(name for name in services if name not in kept))
        case RemovePlain(services):
            return RemovePlain(tuple(name for name in services if name not in kept))
        case EmptySide(side, logs):
            return EmptySide(side, logs, kept)
        case _:
            return step


class Plan(Struct, frozen=True):
    """What one command will do, in *order*, and the *undo* where a step fails that aborts it.

    Nothing aborts after the point of no return: the steps that do come first.
    """

    command: Command
    source: Side | None
    target: Side | None
    release: ReleaseId | None
    order: tuple[Planned, ...] = ()
    undo: tuple[Planned, ...] = ()

    @property
    def steps(self) -> tuple[Step, ...]:
        """Return all steps in order."""
        return steps_of(self.order)

    @property
    def before(self) -> tuple[Step, ...]:
        """Return the steps whose failure is undone."""
        return steps_of(each for each in self.order if each.on_failure is OnFailure.ABORT)

    @property
    def after(self) -> tuple[Step, ...]:
        """Return the steps that follow them: the command goes forward, whatever fails."""
        return steps_of(each for each in self.order if each.on_failure is not OnFailure.ABORT)

    def undo_of(self, begun: Iterable[Step], *, untouched: bool) -> tuple[Planned, ...]:
        """Return the undo of a run that has *begun* these steps before the switch.

        Until one of them touches the target, an earlier release may stand there, and stays. *untouched*: users still
        are where they were, so that nobody is held, and nothing started again.
        """
        undo = self.undo
        if untouched and any(isinstance(each.step, Hold) for each in undo):
            hooks = tuple(each for each in undo if isinstance(each.step, RunHook))
            back = (
                each
                for each in undo
                if not isinstance(each.step, Hold | RestoreAfterWindow | Start | RecordActive | RunHook)
            )
            undo = (*back, *planned(OnFailure.RESUME, RecordActive(self.source)), *hooks)
        if any(_touches(step, self.target) for step in begun):
            return undo
        return tuple(each for each in undo if not _touches(each.step, self.target))


def _touches(step: Step, side: Side | None) -> bool:
    """Tell whether *step* changes, or waits for, what stands on *side*."""
    return isinstance(step, EmptySide | Create | Drain | Retire | Start) and step.side is side

"""What ``cleanup`` and ``down`` remove."""

from __future__ import annotations

from dataclasses import dataclass

from teal.core.model.observed import Observed
from teal.core.model.own_proxy import OWN
from teal.core.model.side import COLORS, Side
from teal.core.model.stack import Stack
from teal.core.model.units import ReleaseId
from teal.core.planning.order import OnFailure, Plan, planned
from teal.core.planning.plan import emptied
from teal.core.planning.retention import prune_step
from teal.core.planning.step_names import Command
from teal.core.planning.steps import Drain, EmptySide, Prune, RecordActive, Step, TidyProxy
from teal.core.planning.transition import jobs_going_on
from teal.errors import Refused


@dataclass(frozen=True, slots=True)
class Removal:
    """What a plan takes away, by name and number."""

    containers: tuple[str, ...]
    releases: tuple[ReleaseId, ...]
    networks: tuple[str, ...]


def plan_cleanup(observed: Observed, stack: Stack) -> Plan:
    """Return the plan that removes the color that doesn't serve, then the releases beyond the policy.

    A color whose jobs go on, since the active one's failed, stays: else they would run nowhere.
    """
    idle = [color for color in COLORS if color is not observed.active and _stands(observed, stack, color)]
    idle = [color for color in idle if not jobs_going_on(observed, stack, color)]
    prune = prune_step(observed, active=observed.active_release, keep=stack.settings.keep_releases)
    steps: list[Step] = [step for color in idle for step in emptied(observed, color)]
    if any(isinstance(step, Drain) for step in steps):
        steps.append(RecordActive(observed.active))  # the drain asks the proxy with a key
    steps += [prune] if prune else []
    return Plan(Command.CLEANUP, observed.active, None, None, planned(OnFailure.ABORT, *steps))


def staying(observed: Observed, stack: Stack) -> tuple[str, ...]:
    """Return in words which color a cleanup leaves alone, and why."""
    going = {color: jobs_going_on(observed, stack, color) for color in COLORS}
    return tuple(
        f"{color} stays: {', '.join(jobs)} run{'s' * (len(jobs) == 1)} there, and not on {observed.active}"
        for color, jobs in going.items()
        if jobs
    )


def plan_down(observed: Observed) -> Plan:
    """Return the plan that removes both colors, what serves last, and forgets which one was active."""
    order = sorted(COLORS, key=lambda color: color is observed.active)
    own = any(each.service.startswith(OWN) for each in observed.containers)
    steps: tuple[Step, ...] = (
        *(EmptySide(color) for color in order),
        RecordActive(None),
        *([TidyProxy(Side.PLAIN)] if own else ()),
    )
    return Plan(Command.DOWN, observed.active, None, None, planned(OnFailure.ABORT, *steps))


def removal(plan: Plan, observed: Observed, stack: Stack) -> Removal:
    """Return what *plan* removes of what stands there."""
    sides = [step.side for step in plan.steps if isinstance(step, EmptySide)]
    return Removal(
        containers=tuple(sorted(c.name for c in observed.containers if c.side in sides)),
        releases=tuple(number for step in plan.steps if isinstance(step, Prune) for number in step.releases),
        networks=tuple(sorted(name for side in sides for name in observed.networks_of(side, stack.project))),
    )


def refuse_unknown(observed: Observed) -> None:
    """Refuse while nobody can say which color serves, though one runs."""
    runs = any(observed.running(color) for color in COLORS)
    if observed.active is None and runs:
        raise Refused(
            "a color runs, but the proxy's state file names none: nothing is removed",
            hint="`teal deploy` brings the stack into a known state",
        )


def _stands(observed: Observed, stack: Stack, color: Side) -> bool:
    """Tell whether containers of *color* exist, or networks that a killed command left of it."""
    return bool(observed.on(color) or observed.networks_of(color, stack.project))

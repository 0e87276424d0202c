"""``cleanup`` removes what no longer serves; ``up`` starts or updates shared services, never a color."""

from __future__ import annotations

from typing import Literal

from teal.core.model.observed import Observed
from teal.core.model.stack import Stack
from teal.core.planning.cleanup import plan_cleanup, refuse_unknown, removal, staying
from teal.core.planning.order import Plan
from teal.core.planning.rollback_floor import contracts_unblocked_by
from teal.core.planning.step_names import Command
from teal.core.planning.wording import say
from teal.run.api import CleanupResult
from teal.run.context import EventSink, Ports, run_context
from teal.run.execute import execute
from teal.run.observe import observe
from teal.run.recovery import heal


async def cleanup(ports: Ports, stack: Stack, watch: EventSink, *, dry_run: bool) -> CleanupResult:
    """Remove inactive containers, failed colors and releases beyond the policy; never what serves or is shared."""
    if dry_run:
        observed = await observe(ports, stack)
        return _cleaned(plan_cleanup(observed, stack), observed, stack, "planned")
    with ports.lock.hold("cleanup"):
        healed, observed = await heal(ports, stack, watch)
        refuse_unknown(observed)
        plan = plan_cleanup(observed, stack)
        if plan.steps:
            context = run_context(ports, stack, watch, key=ports.machine.secret())
            await execute(plan, context, context.begin(Command.CLEANUP, observed.active, None, None))
        return _cleaned(plan, observed, stack, "done", healed=healed)


def _cleaned(
    plan: Plan, observed: Observed, stack: Stack, outcome: Literal["done", "planned"], *, healed: str = ""
) -> CleanupResult:
    gone = removal(plan, observed, stack)
    said = tuple(say(step) for step in plan.steps)
    notes = tuple(
        f"contract {name} can be run now, since no older release is kept: `teal migrate contract {name}`"
        for name in contracts_unblocked_by(observed, frozenset(gone.releases))
    )
    notes = (*staying(observed, stack), *notes)
    return CleanupResult(stack.project, outcome, gone.containers, gone.releases, gone.networks, said, healed, notes)

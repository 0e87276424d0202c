"""Does: looks at the gate before a contract, runs a contract through it, brings back what its soft form took away."""

from __future__ import annotations

from typing import Literal

from teal.core.migrations.contracts import known, plan_contract, plan_undo, refused
from teal.core.migrations.gate import Seen, given_up, is_open, judge, once_given_up
from teal.core.migrations.tombstones import soft_of
from teal.core.model.observed import Observed
from teal.core.model.stack import Stack
from teal.core.planning.wording import say
from teal.errors import Refused
from teal.run.api import Contracted
from teal.run.context import Scene
from teal.run.execute import execute
from teal.run.migrations.gate import contract_file, look
from teal.run.observing import observe
from teal.run.options import ContractOptions
from teal.run.ports import Ports, Watch
from teal.run.recovery import heal


async def migrate_contract(ports: Ports, stack: Stack, name: str, options: ContractOptions, watch: Watch) -> Contracted:
    """Run contract *name* (the first open one, for none) where its gate is open; ``Refused`` where it is shut."""
    if options.dry_run:
        observed = await observe(ports, stack)
        scene = _scene(ports, stack, watch)
        seen = await _look(scene, observed, name, options)
        plan = plan_contract(observed, seen, stack.project, soft=options.soft, give_up=options.give_up)
        steps = tuple(say(step) for step in plan.steps)
        gone, notes = given_up(seen), tuple(scene.notes)
        return Contracted(
            stack.project, seen.change.name, "planned", seen.minimum, judge(seen), gone, steps, notes=notes
        )
    with ports.lock.hold("contract"):
        healed, observed = await heal(ports, stack, watch)
        scene = _scene(ports, stack, watch)
        seen = await _look(scene, observed, name, options)
        passing = once_given_up(seen) if options.give_up else seen
        _refuse_shut(passing)
        plan = plan_contract(observed, seen, stack.project, soft=options.soft, give_up=options.give_up)
        await execute(plan, scene, ports.journal.begin("migrate-contract", observed.active, None, None))
        outcome: Literal["soft", "done"] = "soft" if options.soft else "done"
        gone = given_up(seen) if options.give_up else ()
        notes = tuple(scene.notes)
        return Contracted(
            stack.project, seen.change.name, outcome, seen.minimum, judge(passing), gone, (), healed, notes
        )


def _refuse_shut(seen: Seen) -> None:
    """Raise ``Refused`` where the gate is shut; nothing has been given up yet."""
    conditions = judge(seen)
    if not is_open(conditions):
        raise refused(seen.change.name, conditions)


async def _look(scene: Scene, observed: Observed, name: str, options: ContractOptions) -> Seen:
    """Return what is seen; ``Refused`` where a soft form is asked for that there is not."""
    seen = await look(scene, observed, name, options)
    file = contract_file(scene, seen.change.name)
    if options.soft and file is None:
        raise Refused("a contract that a command runs has no soft form", hint="leave out --soft")
    if options.soft and file is not None:
        soft_of(file)
    return seen


async def migrate_undo(ports: Ports, stack: Stack, name: str, watch: Watch) -> Contracted:
    """Bring back what the soft form of contract *name* took away; the floor falls again."""
    with ports.lock.hold("undo"):
        healed, observed = await heal(ports, stack, watch)
        scene = _scene(ports, stack, watch)
        change = known(name, observed.contracts)
        plan = plan_undo(observed, change.name)
        await execute(plan, scene, ports.journal.begin("migrate-undo", observed.active, None, None))
        notes = tuple(scene.notes)
        return Contracted(stack.project, change.name, "undone", change.release, healed=healed, notes=notes)


def _scene(ports: Ports, stack: Stack, watch: Watch) -> Scene:
    return Scene(ports, stack, watch, key=ports.machine.secret())

"""Killed at any point: users are served all along, and the next command ends well with no hand edit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from teal.core.model.stack import Settings, Stage
from teal.core.model.units import Seconds
from tests.simulated import Trouble
from tests.simulation.own import own_adopted, own_plain
from tests.simulation.simulation import Simulation
from tests.simulation.stack import SETTINGS, stack_of


def adopted(settings: Settings = SETTINGS) -> Simulation:
    """Return a world with release 1 on blue, adopted from a plain stack."""
    world = Simulation(stack_of(settings=settings), every=0.2)
    world.plain_up()
    world.users.flow()
    assert world.run("deploy").ok
    return world


def deployed() -> Simulation:
    """Return a world with release 2 on green and release 1 retired on blue."""
    world = adopted()
    world.new_source("b")
    assert world.run("deploy").ok
    return world


def watched() -> Simulation:
    """Return the world of ``adopted`` where each release is tried out by some users, and watched then."""
    return adopted(replace(SETTINGS, bake=Seconds(4.0), canary=(Stage(30, Seconds(3.0)),)))


def plain() -> Simulation:
    """Return a world with a running plain stack."""
    world = Simulation(every=0.2)
    world.plain_up()
    world.users.flow()
    return world


WORLDS: dict[str, Callable[[], Simulation]] = {
    "plain": plain,
    "adopted": adopted,
    "deployed": deployed,
    "watched": watched,
    "plain, own proxy": own_plain,
    "adopted, own proxy": own_adopted,
}
# What is killed, and in which world.
VICTIMS = [
    ("deployed", "deploy"),
    ("deployed", "rollback"),
    ("deployed", "cleanup"),
    ("deployed", "leave"),
    ("plain", "deploy"),
    ("adopted", "deploy"),
    ("watched", "deploy"),
    ("plain, own proxy", "deploy"),
    ("adopted, own proxy", "deploy"),
    ("adopted, own proxy", "leave"),
]
NEXT = ["deploy", "rollback", "cleanup", "leave", "deploy"]


def points(before: str, command: str) -> int:
    """Return how many outside effects *command* has in that world."""
    world = WORLDS[before]()
    if command == "deploy":
        world.new_source("c")
    result = world.run(command)
    assert result.ok, result.error
    world.promises.settled(command)
    assert world.promises.violations == []
    world.close()
    return len(result.process.effects)


def killed(before: str, command: str, trouble: Trouble, then: str) -> list[str]:
    """Kill *command*, look at the status, run *then*; return every promise that was broken."""
    world = WORLDS[before]()
    if command == "deploy":
        world.new_source("c")
    victim = world.run(command, trouble)
    assert victim.killed, victim.error
    return next_command(world, f"{before}: {command} killed {victim.process.met[0]}", then)


def next_command(world: Simulation, what: str, then: str) -> list[str]:
    """Look at the status, run *then*, and end the world; return every promise that was broken."""
    what += f", then {then}"
    world.run("status")
    if then == "deploy":
        world.new_source("d")
    after = world.run(then)
    refused = after.error is not None
    world.run("status")
    if refused and then != "deploy":  # there is nothing to roll back or to leave: it has healed all the same
        what += f" ({after.error})"
    elif refused:
        world.promises.broken("next", f"{after.error!r}")
    world.sleep(1.0)
    world.promises.settled(what)
    broken = [f"{what}: {each}" for each in world.promises.violations + world.surprises]
    world.close()
    return broken


@pytest.mark.parametrize(("before", "command"), VICTIMS)
@pytest.mark.parametrize("kind", ["kill-before", "kill-after"])
def test_a_kill_at_any_point_costs_nothing(before: str, command: str, kind: str) -> None:
    broken: list[str] = []
    for at in range(1, points(before, command) + 1):
        broken += killed(before, command, Trouble(at, kind), NEXT[at % len(NEXT)])  # type: ignore[arg-type]
    assert not broken, f"{len(broken)} broken:\n" + "\n".join(broken)

"""Healing is killed, too, at any point and more than once: the next command still ends well, with no hand edit."""

from __future__ import annotations

from itertools import pairwise

import pytest

from tests.simulated import Trouble
from tests.simulation.simulation import Simulation
from tests.simulation.test_crash_points import NEXT, VICTIMS, WORLDS, next_command

KINDS = ("kill-before", "kill-after")


def wounded(before: str, command: str, at: int) -> Simulation:
    """Return a world in which *command* was killed after its effect number *at*."""
    world = WORLDS[before]()
    if command == "deploy":
        world.new_source("c")
    assert world.run(command, Trouble(at, "kill-after")).killed
    return world


def boundaries(before: str, command: str) -> list[int]:
    """Return the effects after which *command* is killed: each begin and end of a step, and what lies halfway."""
    world = WORLDS[before]()
    if command == "deploy":
        world.new_source("c")
    effects = world.run(command).process.effects
    world.close()
    noted = [n for n, effect in enumerate(effects, 1) if effect.startswith("journal.")]
    halfway = {(one + other) // 2 for one, other in pairwise(noted)}
    return sorted({*noted[:-1], *halfway})


def healing(before: str, command: str, at: int) -> int:
    """Return how many effects healing has after that kill: ``up`` does nothing else here."""
    world = wounded(before, command, at)
    found = len(world.run("up").process.effects)
    world.close()
    return found


def killed_healing(before: str, command: str, at: int, trouble: Trouble, then: str) -> list[str]:
    """Kill *command*, then what heals it, then run *then*; return every promise that was broken."""
    world = wounded(before, command, at)
    healer = world.run("up", trouble)
    what = f"{before}: {command} killed at {at}, healing {' '.join(healer.process.met)}"
    return next_command(world, what, then)


@pytest.mark.parametrize(("before", "command"), VICTIMS)
def test_a_kill_of_healing_costs_nothing_either(before: str, command: str) -> None:
    broken: list[str] = []
    for n, at in enumerate(boundaries(before, command)[::5]):
        for heal in range(1 + n % 3, healing(before, command, at) + 1, 5):
            trouble = Trouble(heal, KINDS[heal % 2])  # type: ignore[arg-type]
            broken += killed_healing(before, command, at, trouble, NEXT[heal % len(NEXT)])
    assert not broken, f"{len(broken)} broken:\n" + "\n".join(broken)


@pytest.mark.parametrize("then", ["deploy", "cleanup"])
@pytest.mark.parametrize(("before", "command"), VICTIMS)
def test_healing_that_is_killed_again_and_again_is_finished_at_last(before: str, command: str, then: str) -> None:
    broken: list[str] = []
    for at in boundaries(before, command)[3::6]:
        world = wounded(before, command, at)
        for _ in range(6):
            world.run("up", Trouble(4, "kill-after"))
        broken += next_command(world, f"{before}: {command} killed at {at}, healing killed six times", then)
    assert not broken, f"{len(broken)} broken:\n" + "\n".join(broken)

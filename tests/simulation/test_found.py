"""What the simulation has found, each once by itself."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from teal.adapters.simulated import Trouble
from tests.simulation.simulation import Simulation


@pytest.fixture
def world() -> Iterator[Simulation]:
    simulation = Simulation(every=0.2)
    simulation.plain_up()
    simulation.users.flow()
    assert simulation.run("deploy").ok
    yield simulation
    assert simulation.promises.violations == []
    simulation.close()


def test_after_leave_plain_is_published_and_status_has_no_complaint(world: Simulation) -> None:
    assert world.run("leave").ok
    assert world.world.disk.published == "plain"
    assert world.run("status").value.problems == ()


def test_cleanup_removes_the_networks_that_a_killed_cleanup_left(world: Simulation) -> None:
    world.new_source()
    assert world.run("deploy").ok
    victim = world.run("cleanup", Trouble(7, "kill-after"))
    assert victim.process.effects[-1] == "engine.remove"
    assert not [box for box in world.world.boxes.values() if "blue" in box.name]
    assert world.run("cleanup").ok
    assert not [name for name in world.world.nets if "blue" in name]

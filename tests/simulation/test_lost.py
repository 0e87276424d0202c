"""What the simulation has found where state file, journal or kept releases are lost, each once by itself."""

from __future__ import annotations

import pytest

from teal.core.model.side import Side
from teal.core.model.traffic import to
from tests.simulated import Behaviour, Trouble
from tests.simulation.simulation import Simulation


@pytest.mark.parametrize("after", [1.0, 5.0, 8.0, 11.0, 13.0, 14.0])
@pytest.mark.parametrize("text", [None, "", "blu\n"])
def test_a_state_file_that_is_lost_during_a_run_is_restored_by_it(
    world: Simulation, after: float, text: str | None
) -> None:
    world.new_source()
    task = world.begin("deploy")
    world.sleep(after)
    users = world.users.traffic()
    assert users is not None
    world.world.disk.state = text
    world.promises.lost_state()
    restored = []
    world.world.watchers.append(lambda it: restored.append(it.what.split()[0]) if it.kind == "state" else None)
    assert world.finish(task).ok
    assert restored[0] == str(users.users)
    world.promises.settled("deploy")


@pytest.mark.parametrize("after", [2.0, 3.0, 4.0, 5.0, 6.0])
def test_a_state_file_that_is_lost_while_requests_are_held_lets_nobody_onto_the_color_that_stops(
    world: Simulation, after: float
) -> None:
    world.new_source()
    task = world.begin("deploy", strategy="recreate")
    world.sleep(after)
    world.world.disk.state = None
    world.promises.lost_state()
    assert world.finish(task).ok
    world.promises.settled("deploy")


def test_a_color_that_a_forgotten_leave_left_running_ends_before_the_next_release_begins_its_jobs(
    world: Simulation,
) -> None:
    world.new_source()
    assert world.run("deploy").ok
    task = world.begin("leave")
    while world.users.traffic().side is Side.GREEN:  # type: ignore[union-attr]
        world.sleep(0.001)
    world.sleep(0.1)
    world.kill(task)
    world.world.disk.runs.clear()  # the journal is lost, too: nobody knows why green runs
    world.world.disk.steps.clear()
    assert all(box.up for box in world.world.on(Side.GREEN))
    world.new_source()
    assert world.run("deploy").ok
    world.promises.settled("deploy")


def test_a_state_file_that_is_lost_while_healing_fails_is_restored_all_the_same(world: Simulation) -> None:
    source = world.new_source()
    world.world.behaviours[("web", source)] = Behaviour(flaps=1.0)
    task = world.begin("deploy")
    while world.users.traffic().side is Side.BLUE:  # type: ignore[union-attr]
        world.sleep(0.001)
    world.sleep(5.0)
    world.kill(task)
    world.new_source()
    task = world.begin("deploy")
    world.sleep(3.0)  # it asks in vain whether green answers
    world.world.disk.state = "garbage"
    world.promises.lost_state()
    told: list[str] = []
    world.world.watchers.append(lambda it: told.append(it.what.split()[0]) if it.kind == "state" else None)
    assert world.finish(task).ok
    assert told[0] == "green"
    world.promises.settled("deploy")


def test_with_state_file_and_journal_lost_the_only_whole_color_serves_on(world: Simulation) -> None:
    world.world.disk.runs.clear()
    world.world.disk.steps.clear()
    world.world.disk.state = None
    world.promises.lost_state()
    world.new_source()
    outcome = world.run("deploy").value
    assert outcome.source is Side.BLUE
    world.promises.settled("deploy")


@pytest.mark.parametrize("then", ["deploy", "cleanup"])
def test_a_color_whose_drain_nobody_knows_of_any_more_is_drained_before_it_is_removed(
    world: Simulation, then: str
) -> None:
    world.new_source()
    task = world.begin("deploy")
    while world.users.traffic().side is Side.BLUE:  # type: ignore[union-attr]
        world.sleep(0.001)
    world.kill(task)  # right after the switch: blue still has requests in flight
    world.world.disk.runs.clear()
    world.world.disk.steps.clear()
    world.new_source()
    assert world.run(then).ok
    assert "k3y" not in str(world.world.disk.state)


def test_a_release_whose_folder_was_removed_is_left_all_the_same_and_its_number_not_given_again(
    world: Simulation,
) -> None:
    world.new_source()
    assert world.run("deploy").value.release == 2
    for lost in (world.world.disk.releases, world.world.disk.texts, world.world.disk.runs, world.world.disk.steps):
        lost.clear()
    world.new_source()
    outcome = world.run("deploy")
    assert outcome.ok, outcome.error
    assert outcome.value.release == 3
    world.promises.settled("deploy")


def test_a_leave_that_had_not_switched_is_undone_though_state_file_and_journal_are_lost(world: Simulation) -> None:
    world.world.disk.runs.clear()
    world.world.disk.steps.clear()
    assert world.run("leave", Trouble(1, "kill-after")).killed
    world.world.disk.state = None
    world.promises.lost_state()
    assert world.run("cleanup").ok
    assert world.users.traffic() == to(Side.BLUE)
    world.promises.settled("cleanup")


def test_a_state_file_lost_after_a_killed_recreate_sends_nobody_to_the_color_that_still_has_to_start() -> None:
    for kind in ("kill-before", "kill-after"):
        world = Simulation()
        world.plain_up()
        world.users.flow()
        assert world.run("deploy").ok
        world.new_source()
        switch = [n for n, each in enumerate(effects_of_a_recreate(), 1) if each == "proxy.write"][4]
        assert world.run("deploy", Trouble(switch, kind), strategy="recreate").killed
        world.world.disk.state = None
        world.promises.lost_state()
        assert "undone" in world.run("cleanup").value.healed
        assert world.users.traffic() == to(Side.BLUE)
        assert world.promises.violations == []
        world.close()


def effects_of_a_recreate() -> list[str]:
    """Return the outside effects of a recreate beside a color, in order."""
    world = Simulation()
    world.plain_up()
    assert world.run("deploy").ok
    world.new_source()
    return world.run("deploy", strategy="recreate").process.effects

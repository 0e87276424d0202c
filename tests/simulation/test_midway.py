"""What the simulation has found of commands that ended midway while something else was wrong, each once by itself."""

from __future__ import annotations

import pytest

from teal.core.model.side import Side
from teal.core.model.traffic import Mode, to
from teal.core.planning.steps import Confirm
from teal.errors import Interrupted, NeedsPerson, Unavailable, Unhealthy
from tests.simulated import Behaviour, Trouble, life
from tests.simulation.faults import fill_disk, lose_releases, plain_copy, remove_active, stop_engine, take_down
from tests.simulation.simulation import Simulation
from tests.simulation.stack import JOBS, OPENING, ROTATING


@pytest.mark.parametrize("adopted", [True, False])
def test_a_recreate_that_the_engine_left_when_all_was_stopped_is_undone_by_the_next_command(adopted: bool) -> None:
    world = Simulation()
    world.plain_up()
    world.users.flow()
    assert not adopted or world.run("deploy").ok
    source = Side.BLUE if adopted else Side.PLAIN
    world.new_source()
    task = world.begin("deploy", strategy="recreate")
    while any(box.state != "exited" for box in world.world.on(source, ROTATING)):
        world.sleep(0.01)
    stop_engine(world)
    assert isinstance(world.finish(task).error, Unavailable)
    world.sleep(70)
    world.promises.excuse(5.0)  # nothing serves, until a command comes
    assert "undone" in world.run("cleanup").value.healed
    assert [box for box in world.world.on(source, ROTATING) if not box.up] == []
    assert world.users.traffic() == to(source)
    world.sleep(1)
    assert world.promises.violations == []
    world.close()


@pytest.mark.parametrize("strategy", ["blue-green", "recreate"])
def test_plain_containers_that_somebody_has_stopped_are_removed_by_the_first_deploy(strategy: str) -> None:
    world = Simulation()
    world.plain_up()
    for box in world.world.on(Side.PLAIN, ROTATING):
        life.ask_to_stop(world.world, box, 10.0)
    world.sleep(1)
    assert world.run("deploy", strategy=strategy).ok
    world.promises.settled("deploy")
    assert world.promises.violations == []
    world.close()


@pytest.mark.parametrize("command", ["deploy", "rollback", "cleanup"])
def test_a_leave_that_was_killed_and_whose_plain_containers_are_gone_starts_the_color_before_users_come(
    world: Simulation, command: str
) -> None:
    task = world.begin("leave")
    while all(box.up for box in world.world.on(Side.BLUE, OPENING)):
        world.sleep(0.01)
    world.kill(task)
    take_down(world)
    assert world.run("up").ok
    world.sleep(1)
    world.run(command)
    world.promises.settled(command)
    assert world.users.traffic() == to(Side.BLUE)


def test_an_adoption_that_lost_its_disk_after_the_switch_and_a_container_then_can_be_replaced() -> None:
    world = Simulation()
    world.plain_up()
    world.users.flow()
    task = world.begin("deploy")
    while not any(isinstance(row["step"], Confirm) and row["ended"] for row in world.world.disk.steps):
        world.sleep(0.001)
    fill_disk(world)
    remove_active(world)
    assert isinstance(world.finish(task).error, NeedsPerson)
    assert len(world.world.on(Side.PLAIN, ROTATING)) == len(ROTATING)
    world.sleep(20)
    world.new_source()
    result = world.run("deploy")
    assert result.ok, result.error
    assert "finished" not in result.value.healed
    assert world.users.traffic() == to(Side.GREEN)
    world.promises.settled("deploy")
    assert world.promises.violations == []
    world.close()


def test_a_lost_state_file_does_not_bring_users_back_to_a_color_that_leave_has_removed(world: Simulation) -> None:
    steps = world.world.disk.steps
    task = world.begin("leave")
    while world.world.on(Side.BLUE) or not steps:
        world.sleep(0.001)
    world.kill(task)
    world.world.disk.state = None
    world.promises.lost_state()
    assert "finished" in world.run("cleanup").value.healed
    assert world.users.traffic() == to(Side.PLAIN)
    world.promises.settled("cleanup")


def test_a_service_that_dies_during_leave_is_the_one_exception_to_one_release_for_each_request() -> None:
    world = Simulation(every=0.05)
    world.plain_up()
    world.users.flow()
    assert world.run("deploy").ok
    world.world.behaviours["api", world.new_source()] = Behaviour(exits_after=4.0)
    world.run("deploy")
    world.run("leave")
    assert world.users.counts["mixed"]
    assert world.promises.violations == []
    world.close()


def adopted_without_its_jobs() -> Simulation:
    """Return a world in which blue serves, and the plain jobs go on, since its own failed."""
    world = Simulation()
    world.plain_up()
    world.users.flow()
    source = world.new_source()
    world.world.behaviours = {(name, source): Behaviour(exits_after=2.0) for name in JOBS}
    assert isinstance(world.run("deploy").error, NeedsPerson)
    world.world.behaviours.clear()
    return world


def test_leave_keeps_the_jobs_that_went_on_plainly_since_the_adoption() -> None:
    world = adopted_without_its_jobs()
    assert world.run("leave").ok
    world.promises.settled("leave")
    assert world.promises.violations == []
    world.close()


@pytest.mark.parametrize("killed", [True, False])
def test_a_leave_that_comes_to_nothing_keeps_the_jobs_that_went_on_plainly(killed: bool) -> None:
    world = adopted_without_its_jobs()
    jobs = {box.id for box in world.world.on(Side.PLAIN, JOBS)}
    task = world.begin("leave")
    while not any(box.up for box in world.world.on(Side.PLAIN, OPENING)):
        world.sleep(0.01)
    if killed:
        world.kill(task)
    world.interrupt(task)
    assert not world.finish(task).ok
    world.run("cleanup")
    assert {box.id for box in world.world.on(Side.PLAIN, ROTATING) if box.up} == jobs
    assert world.promises.violations == []
    world.close()


def test_a_network_that_a_failed_leave_has_left_goes_with_the_next_deploy(world: Simulation) -> None:
    world.new_source()
    assert world.run("deploy").ok
    task = world.begin("leave")
    while world.world.on(Side.GREEN):
        world.sleep(0.001)
    world.kill(task)
    (web,) = world.world.on(Side.PLAIN, ("web",))
    world.promises.excuse(60.0)
    world.promises.robbed = True
    life.ask_to_stop(world.world, web, 10.0)
    world.new_source()
    assert world.run("deploy").ok
    world.promises.settled("deploy")


@pytest.mark.parametrize("strategy", ["blue-green", "recreate"])
@pytest.mark.parametrize("fails", [True, False])
def test_a_plain_stack_that_cannot_come_back_from_a_killed_recreate_is_replaced_all_the_same(
    strategy: str, fails: bool
) -> None:
    world = Simulation()
    world.plain_up()
    task = world.begin("deploy", strategy="recreate")
    while all(box.up for box in world.world.on(Side.PLAIN, OPENING)):
        world.sleep(0.01)
    world.kill(task)
    life.remove(world.world, world.world.on(Side.PLAIN, ("web",))[0])
    world.world.behaviours["api", world.new_source()] = Behaviour(exits_after=0.2)
    if fails:
        assert isinstance(world.run("deploy", strategy=strategy).error, Unhealthy)
        assert world.users.traffic().users is Mode.HOLD  # type: ignore[union-attr]
    world.world.behaviours.clear()
    assert world.run("deploy", strategy=strategy).ok
    world.promises.settled("deploy")
    assert world.promises.violations == []
    world.close()


def test_an_interrupted_deploy_does_not_say_that_a_side_serves_from_which_users_are_kept(world: Simulation) -> None:
    world.new_source()
    task = world.begin("deploy")
    world.sleep(2)
    world.interrupt(task)
    assert world.finish(task).error.hint == "blue still serves, untouched"  # type: ignore[union-attr]
    plain = Simulation()
    plain.plain_up()
    plain.world.disk.state = "hold\n"
    task = plain.begin("deploy")
    plain.sleep(2)
    plain.interrupt(task)
    assert plain.finish(task).error.hint == "users are kept away from plain: see `teal status`"  # type: ignore[union-attr]
    plain.close()


def test_a_stop_that_fails_lets_no_other_stop_what_the_undo_starts_again() -> None:
    for at in range(45, 60):
        world = Simulation()
        world.plain_up()
        world.users.flow()
        world.run("deploy", Trouble(at, "fail-before"), strategy="recreate")
        world.sleep(1)
        assert world.promises.violations == []
        world.close()


def test_of_two_old_singletons_only_the_one_of_the_color_is_taken_back(world: Simulation) -> None:
    source = world.new_source()
    world.world.behaviours["clock", source] = Behaviour(exits_after_ready=0.4)
    task = world.begin("deploy")
    world.sleep(1)
    plain_copy(world)
    assert isinstance(world.finish(task).error, NeedsPerson)
    going = [box.name for box in world.world.boxes.values() if "clock" in box.name and box.state != "exited"]
    assert going == ["shop-blue-clock-blue-1"]  # not the other one either, which would restart in a loop


def test_a_singleton_that_restarts_in_a_loop_is_stopped_before_another_starts(world: Simulation) -> None:
    source = world.new_source()
    world.world.behaviours["clock", source] = Behaviour(exits_after=5.0)
    assert isinstance(world.run("deploy").error, NeedsPerson)  # green serves, and blue's clock goes on
    (clock,) = world.world.on(Side.BLUE, ("clock",))
    life.end(world.world, clock)
    world.world.behaviours["clock", world.new_source()] = Behaviour(exits_after=0.05)
    world.run("leave")
    assert sum(box.state != "exited" for box in world.world.boxes.values() if "clock" in box.name) == 1


def test_a_recreate_is_undone_though_the_release_that_served_is_no_longer_kept(world: Simulation) -> None:
    lose_releases(world)
    world.new_source()
    task = world.begin("deploy", strategy="recreate")
    while any(box.up for box in world.world.on(Side.BLUE, ROTATING)):
        world.sleep(0.01)
    world.interrupt(task)
    assert isinstance(world.finish(task).error, Interrupted)
    world.promises.settled("deploy")
    assert world.users.traffic() == to(Side.BLUE)


def test_users_go_back_to_a_release_that_had_failed_before_its_successor_could(world: Simulation) -> None:
    world.world.behaviours["web", world.new_source()] = Behaviour(exits_after_ready=0.4)
    assert isinstance(world.run("deploy").error, NeedsPerson)
    world.new_source()
    assert not world.run("deploy", Trouble(54, "fail-after")).ok
    assert world.users.traffic() == to(Side.GREEN)


def with_a_clock_that_went_on(world: Simulation) -> None:
    """Let green serve, and blue's clock go on, since green's own failed."""
    world.world.behaviours["clock", world.new_source()] = Behaviour(exits_after=2.0)
    assert isinstance(world.run("deploy").error, NeedsPerson)
    world.world.behaviours.clear()


def test_cleanup_leaves_a_color_whose_clock_goes_on(world: Simulation) -> None:
    with_a_clock_that_went_on(world)
    cleaned = world.run("cleanup").value
    assert cleaned.notes == ("blue stays: clock runs there, and not on green",)
    assert [box.name for box in world.world.on(Side.BLUE) if box.up] == ["shop-blue-clock-blue-1"]
    world.new_source()
    ended = world.run("deploy")
    assert "ending now on blue, to run again after the switch: clock" in ended.value.notes
    assert world.run("cleanup").value.containers
    world.promises.settled("cleanup")


def test_leave_leaves_the_clock_of_the_color_where_the_plain_one_fails(world: Simulation) -> None:
    world.world.behaviours["clock", world.world.source] = Behaviour(exits_after=2.0)  # from its next start on
    error = world.run("leave").error
    assert isinstance(error, NeedsPerson)
    assert "the old clock runs again" in error.message
    assert [box.name for box in world.world.on(Side.BLUE)] == ["shop-blue-clock-blue-1"]
    world.world.behaviours.clear()
    assert world.run("deploy").ok
    world.promises.settled("deploy")

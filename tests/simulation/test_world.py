"""The simulated world itself, where it was once unlike the real one, or asked of Teal what nobody can know."""

from __future__ import annotations

from teal.core.model.side import Side
from teal.core.planning.steps import Confirm
from teal.errors import NeedsPerson, Unavailable
from tests.simulated import Trouble
from tests.simulation.faults import kill_active, plain_copy, restart_engine, restart_proxy, stop_engine, take_down
from tests.simulation.simulation import Simulation
from tests.simulation.stack import OPENING, ROTATING


def test_an_engine_that_goes_away_again_while_it_is_away_comes_back_once_with_all_that_ran(world: Simulation) -> None:
    stop_engine(world)
    world.sleep(30)
    stop_engine(world)
    restart_engine(world)
    world.sleep(59)
    assert not world.world.engine_up
    assert not [box for box in world.world.boxes.values() if box.up]
    world.sleep(2)
    assert world.world.engine_up
    assert [box for box in world.world.on(Side.BLUE, ROTATING) if not box.up] == []
    starts = {box.started for box in world.world.boxes.values()}
    world.sleep(60)
    assert {box.started for box in world.world.boxes.values()} == starts


def test_no_process_begins_while_the_engine_is_away(world: Simulation) -> None:
    stop_engine(world)
    restart_proxy(world)
    world.sleep(30)
    assert not [box for box in world.world.boxes.values() if box.up]


def test_status_is_held_to_what_was_so_when_it_was_asked(world: Simulation) -> None:
    kill_active(world)
    looked = world.run("status", Trouble(1, "late", look=True)).value
    assert looked.colors["blue"].services["web"].state == "restarting"


def test_two_clocks_are_the_doing_of_who_started_the_second(world: Simulation) -> None:
    task = world.begin("leave")
    plain = Confirm(Side.PLAIN, None, Side.BLUE)
    while not any(row["step"] == plain and row["ended"] for row in world.world.disk.steps):
        world.sleep(0.001)
    take_down(world)
    assert isinstance(world.finish(task).error, NeedsPerson)  # blue's jobs go on
    plain_copy(world)
    world.promises.stray = False
    assert world.run("deploy").ok
    world.promises.settled("deploy")


def test_what_a_recreate_has_stopped_waits_for_the_next_command_where_its_undo_met_no_engine(world: Simulation) -> None:
    world.new_source()
    task = world.begin("deploy", strategy="recreate")
    while any(box.state != "exited" for box in world.world.on(Side.BLUE, OPENING)):
        world.sleep(0.01)
    restart_engine(world)
    assert isinstance(world.finish(task).error, Unavailable)
    world.sleep(60)
    assert world.users.counts["lost"]
    assert "undone" in world.run("cleanup").value.healed
    lost = world.users.counts["lost"]
    world.sleep(60)
    assert world.users.counts["lost"] == lost

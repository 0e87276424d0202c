"""What the simulation has found, each once by itself."""

from __future__ import annotations

import asyncio

import pytest

from teal.adapters.engine.decode import PROJECT
from teal.adapters.engine.networks import KEY
from teal.core.model.side import Side
from teal.core.model.traffic import Pages, to
from teal.errors import NeedsPerson, Refused, Unavailable, Unhealthy
from teal.run.api import DeployResult
from teal.run.context import TrafficControl
from teal.run.steps import adoption
from tests.simulated import Behaviour, Trouble, life
from tests.simulated.process import Kind
from tests.simulated.world import Net
from tests.simulation.simulation import Simulation
from tests.simulation.stack import JOBS, ROTATING


def effects_of_an_adoption() -> list[str]:
    """Return the outside effects of a first deploy beside a plain stack, in order."""
    world = Simulation()
    world.plain_up()
    return world.run("deploy").process.effects


def test_after_leave_plain_is_published_and_status_has_no_complaint(world: Simulation) -> None:
    assert world.run("leave").ok
    assert world.world.disk.published == "plain"
    assert world.run("status").value.problems == ()


def test_leave_names_what_todays_files_change_and_does_it_only_where_that_is_agreed_to(world: Simulation) -> None:
    world.new_source("edited")
    would = world.run("leave", dry_run=True).value
    assert would.differs == tuple(f"{name}: environment SETTING" for name in ROTATING)
    error = world.run("leave", agreed=False).error
    assert isinstance(error, Refused)
    assert "web: environment SETTING" in error.message
    assert world.users.traffic() == to(Side.BLUE)
    assert world.run("leave").ok


def test_cleanup_removes_the_networks_that_a_killed_cleanup_left(world: Simulation) -> None:
    world.new_source()
    assert world.run("deploy").ok
    victim = world.run("cleanup", Trouble(7, "kill-after"))
    assert victim.process.effects[-1] == "engine.remove"
    assert not [box for box in world.world.boxes.values() if "blue" in box.name]
    assert world.run("cleanup").ok
    assert not [name for name in world.world.nets if "blue" in name]


def test_a_plain_worker_that_went_on_since_the_new_one_failed_is_taken_over_by_the_next_deploy() -> None:
    world = Simulation()
    world.plain_up()
    world.users.flow()
    source = world.new_source()
    world.world.behaviours = {(name, source): Behaviour(exits_after=2.0) for name in JOBS}
    error = world.run("deploy").error
    assert isinstance(error, NeedsPerson)
    assert isinstance(error.report, DeployResult)
    assert (error.report.outcome, error.report.target, error.report.release) == ("needs-person", Side.BLUE, 1)
    assert sorted(world.world.service(box) for box in world.world.on(Side.PLAIN, ROTATING) if box.up) == sorted(JOBS)
    world.world.behaviours.clear()
    world.new_source()
    assert world.run("deploy").ok
    world.promises.settled("deploy")
    assert world.promises.violations == []
    world.close()


@pytest.mark.parametrize("call", ["releases.keep", "compose.run_once"])
def test_a_release_that_can_not_be_made_leaves_the_kept_standby_as_it_is(world: Simulation, call: str) -> None:
    world.new_source()
    assert world.run("deploy", keep=True).ok
    version = world.new_source()
    standby = {(box.id, box.state) for box in world.world.on(Side.BLUE)}
    if call == "compose.run_once":
        world.world.behaviours["migrate", version] = Behaviour(once_status=3)
        assert world.run("deploy").error is not None
    else:
        made = Simulation()
        made.plain_up()
        at = made.run("deploy").process.effects.index(call) + 1
        assert isinstance(world.run("deploy", Trouble(at, "fail-before")).error, Unavailable)
    assert {(box.id, box.state) for box in world.world.on(Side.BLUE)} == standby
    assert world.run("rollback").ok


@pytest.mark.parametrize("hours", [-1, 1])
@pytest.mark.parametrize("after", [2.0, 5.0, 12.0])
def test_a_clock_that_jumps_fails_no_gate(world: Simulation, hours: int, after: float) -> None:
    version = world.new_source()
    world.world.behaviours[("api", version)] = Behaviour(boot=9.0)
    task = world.begin("deploy")
    world.sleep(after)
    world.world.skew += hours * 3600
    assert world.finish(task).ok
    world.promises.settled("deploy")


@pytest.mark.parametrize("command", ["deploy", "rollback"])
def test_a_release_that_broke_while_its_deploy_was_dead_can_be_replaced_all_the_same(
    world: Simulation, command: str
) -> None:
    world.new_source()
    task = world.begin("deploy")
    while world.users.traffic().side is Side.BLUE:  # type: ignore[union-attr]
        world.sleep(0.001)
    world.kill(task)
    world.promises.excuse(60.0)
    web = next(box for box in world.world.on(Side.GREEN) if world.world.service(box) == "web")
    life.remove(world.world, web)
    world.promises.robbed = True
    world.new_source()
    assert world.run(command).ok
    world.promises.settled(command)


def test_what_falls_after_its_own_gate_keeps_users_away_while_the_others_boot(world: Simulation) -> None:
    version = world.new_source()
    world.world.behaviours[("api", version)] = Behaviour(exits_after_ready=0.4)
    result = world.run("deploy")
    assert isinstance(result.error, Unhealthy)
    assert "green/api" in result.error.message
    world.promises.settled("deploy")


@pytest.mark.parametrize("service", ["web", "api", "clock"])
def test_a_recreate_that_is_killed_while_it_stops_the_old_color_is_undone(world: Simulation, service: str) -> None:
    world.new_source()
    task = world.begin("deploy", strategy="recreate")
    stopping = []
    world.world.watchers.append(lambda it: stopping.append(it.what) if it.kind == "stopping" else None)
    while not any(service in each for each in stopping):
        world.sleep(0.01)
    world.kill(task)
    assert world.run("cleanup").ok
    world.promises.settled("cleanup")
    assert world.users.traffic() == to(Side.BLUE)


def test_a_plain_container_that_an_adoption_could_not_remove_is_removed_by_the_next_deploy() -> None:
    world = Simulation()
    world.plain_up()
    world.users.flow()
    removals = [n for n, each in enumerate(effects_of_an_adoption(), 1) if each == "engine.remove"]
    assert isinstance(world.run("deploy", Trouble(removals[0], "fail-before")).error, NeedsPerson)
    assert len(world.world.on(Side.PLAIN, ROTATING)) == 1
    world.new_source()
    assert world.run("deploy").ok
    world.promises.settled("deploy")
    assert world.promises.violations == []
    world.close()


def adopted_by_an_older_teal(world: Simulation) -> None:
    """Put the shared services on networks of blue's own, as adoptions once did, to keep the color apart."""
    for service, key in (("db", "default"), ("proxy", "edge")):
        name = f"shop-blue_{key}"
        labels = {PROJECT: "shop-blue", KEY: key}
        net = world.world.nets.setdefault(name, Net(world.world.id("net"), name, labels))
        for box in world.world.on(Side.PLAIN, (service,)):
            world.world.attach(box, net, (service,), -1)


def visits(world: Simulation) -> list[str]:
    """Return the networks of a color that shared services are on."""
    return [name for box in world.world.on(Side.PLAIN) for name in box.aliases if name.startswith("shop-blue_")]


def test_a_deploy_takes_the_shared_services_off_the_color_that_an_older_teal_had_adopted(world: Simulation) -> None:
    adopted_by_an_older_teal(world)
    world.new_source()
    assert "disconnect the shared services from blue's own networks" in world.run("deploy", dry_run=True).value.steps
    assert len(visits(world)) == 2  # what runs on blue needs them
    assert world.run("deploy").ok
    assert visits(world) == []
    assert {box.state for box in world.world.on(Side.BLUE)} == {"exited"}  # it stands for a rollback
    assert world.run("rollback").ok
    assert world.users.traffic() == to(Side.BLUE)


@pytest.mark.parametrize("command", ["deploy", "cleanup", "rollback"])
def test_any_command_takes_the_shared_services_off_a_color_on_which_nothing_runs(
    world: Simulation, command: str
) -> None:
    world.new_source()
    assert world.run("deploy").ok
    adopted_by_an_older_teal(world)
    assert "db, proxy" in world.run("status").value.interrupted
    assert world.run(command).ok
    assert visits(world) == []


@pytest.mark.parametrize("kind", ["kill-before", "kill-after", "fail-before"])
def test_parting_that_was_cut_short_is_finished_by_the_next_command(world: Simulation, kind: Kind) -> None:
    adopted_by_an_older_teal(world)
    world.new_source()
    clean = Simulation()
    clean.plain_up()
    assert clean.run("deploy").ok
    adopted_by_an_older_teal(clean)
    clean.new_source()
    effects = clean.run("deploy").process.effects
    last = max(n for n, each in enumerate(effects, 1) if each == "engine.disconnect")
    world.run("deploy", Trouble(last, kind))
    assert world.run("cleanup").ok
    assert visits(world) == []
    assert world.users.traffic() == to(Side.GREEN)


def test_no_shared_service_gets_another_address_from_an_adoption() -> None:
    world = Simulation()
    world.plain_up()
    before = {box.name: set(box.aliases) for box in world.world.on(Side.PLAIN, ("db", "proxy"))}
    seen: set[str] = set()
    world.world.watchers.append(lambda happening: seen.add(happening.kind))
    assert world.run("deploy").ok
    assert "connected" not in seen
    assert {box.name: set(box.aliases) for box in world.world.on(Side.PLAIN, ("db", "proxy"))} == before
    world.close()


def adopted_with_an_api_that_dies() -> Simulation:
    """Let the plain stack be adopted by a release whose api dies while the plain one still runs."""
    world = Simulation(every=0.05)
    world.plain_up()
    world.users.flow()
    world.world.behaviours["api", world.new_source()] = Behaviour(exits_after=4.0)
    world.run("deploy")
    return world


def test_a_service_that_dies_during_an_adoption_is_not_answered_for_by_the_plain_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = adopted_with_an_api_that_dies()
    assert world.users.counts["mixed"] == 0
    assert world.promises.violations == []
    world.close()

    async def not_apart(*_: object) -> None: ...

    monkeypatch.setattr(adoption, "set_apart", not_apart)
    world = adopted_with_an_api_that_dies()
    assert world.users.counts["mixed"]
    world.close()


def test_a_signal_right_after_the_switch_waits_until_the_deploy_has_ended(
    world: Simulation, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = TrafficControl.switch

    def interrupted(control: TrafficControl, side: Side, pages: Pages | None = None) -> bool:
        task = asyncio.current_task()
        assert task is not None
        passed = real(control, side, pages)
        task.cancel()
        return passed

    monkeypatch.setattr(TrafficControl, "switch", interrupted)
    world.new_source()
    ended = world.run("deploy")
    assert ended.ok, ended.error
    assert ended.value.outcome == "done"
    assert "interrupted: finishing first what can't be left half done" in ended.value.notes
    assert world.run("status").value.release == ended.value.release


def test_what_a_kill_between_pinning_and_keeping_leaves_is_pruned_later(world: Simulation) -> None:
    for at in range(1, 40):
        world.new_source(f"try {at}")
        world.run("deploy", Trouble(at, "kill-before"))
    for source in "xyz":
        world.new_source(source)
        assert world.run("deploy").ok
    tags = {tag for picture in world.world.images.values() for tag in picture.tags}
    tagged = {tag.rpartition(":")[2] for tag in tags if tag.startswith("teal/")}
    assert tagged == {str(number) for number in world.world.disk.releases}


def test_a_singleton_that_was_taken_back_ends_before_another_side_starts_its_own(world: Simulation) -> None:
    source = world.new_source()
    world.world.behaviours[("clock", source)] = Behaviour(exits_after=2.0)
    assert isinstance(world.run("deploy").error, NeedsPerson)  # green serves, and blue's clock goes on
    world.world.behaviours.clear()
    assert world.run("leave").ok
    world.promises.settled("leave")


@pytest.mark.parametrize("kind", ["fail-after", "kill-after"])
def test_a_recreate_that_fails_does_not_start_a_job_that_still_runs_plainly(kind: Kind) -> None:
    world = Simulation()
    world.plain_up()
    world.users.flow()
    source = world.new_source()
    world.world.behaviours["clock", source] = Behaviour(exits_after=2.0)
    assert isinstance(world.run("deploy").error, NeedsPerson)  # blue serves, and the plain clock goes on
    world.world.behaviours.clear()
    task = world.begin("deploy", Trouble(50, kind), strategy="recreate")
    world.finish(task)
    assert world.users.traffic() != to(Side.GREEN)
    world.run("up")
    assert [box.name for box in world.world.boxes.values() if "clock" in box.name and box.up] == ["shop-clock-1"]
    assert world.promises.violations == []
    world.close()


def last_effect(name: str) -> int:
    """Return the number of the last effect *name* of a second deploy."""
    world = Simulation()
    world.plain_up()
    assert world.run("deploy").ok
    world.new_source()
    effects = world.run("deploy").process.effects
    return max(number for number, each in enumerate(effects, 1) if each == name)


def test_what_an_engine_that_was_away_left_undone_after_the_switch_is_finished_by_the_next_command(
    world: Simulation,
) -> None:
    world.new_source()
    error = world.run("deploy", Trouble(last_effect("engine.stop"), "fail-before")).error
    assert isinstance(error, NeedsPerson)
    assert "the next command takes up" in error.hint
    assert "after its switch" in world.run("status").value.interrupted
    assert any(box.up for box in world.world.on(Side.BLUE))
    assert "finished" in world.run("cleanup").value.healed
    assert not any(box.up for box in world.world.on(Side.BLUE))
    world.promises.settled("cleanup")

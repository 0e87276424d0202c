"""Each command once, whole, in a world where users never stop."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from teal.core.model.side import COLORS, Side
from teal.core.model.units import Seconds
from teal.errors import NeedsPerson, Refused, Unhealthy
from tests.simulated.behaviour import Behaviour
from tests.simulated.world import Happening
from tests.simulation.simulation import Simulation
from tests.simulation.stack import JOBS, OPENING, ROTATING, SETTINGS, stack_of


@pytest.fixture
def world() -> Iterator[Simulation]:
    simulation = Simulation()
    yield simulation
    assert simulation.promises.violations == []
    assert simulation.surprises == []
    simulation.close()


def ok(world: Simulation, command: str, **options: object) -> object:
    result = world.run(command, **options)
    if result.error:
        raise result.error
    world.run("status")
    world.promises.settled(command)
    return result.value


def test_a_plain_stack_is_adopted_deployed_rolled_back_tidied_and_left(world: Simulation) -> None:
    world.plain_up()
    world.users.flow()
    for command in ("deploy", "deploy", "rollback", "cleanup", "deploy", "leave"):
        world.new_source(world.loop.time().hex())
        ok(world, command)
    world.sleep(31)
    assert world.users.counts["answered"] > 1000
    assert world.users.counts["mixed"] == 0
    assert world.users.counts["lost"] == world.promises.cut  # streams and WebSockets whose grace was over


def test_the_first_deploy_starts_everything(world: Simulation) -> None:
    ok(world, "deploy")
    world.users.flow()
    world.sleep(2)
    world.new_source()
    ok(world, "deploy")
    assert world.run("status").value.active is Side.GREEN


def test_a_proxy_that_was_just_started_is_given_time_to_answer(world: Simulation) -> None:
    world.plain_up(("db",))  # healthy already: nothing else is waited for
    ok(world, "deploy")
    world.users.flow()
    world.sleep(2)


def test_up_returns_when_the_proxy_answers(world: Simulation) -> None:
    world.plain_up(("db", *ROTATING))
    ok(world, "up")
    (proxy,) = [box for box in world.world.boxes.values() if world.world.service(box) == "proxy"]
    assert proxy.ready


def test_only_a_release_that_is_kept_takes_a_number(world: Simulation) -> None:
    world.plain_up()
    ok(world, "deploy")
    assert ok(world, "deploy").outcome == "unchanged"  # type: ignore[attr-defined]
    world.new_source()
    assert ok(world, "deploy").release == 2  # type: ignore[attr-defined]
    assert [run["release"] for run in world.world.disk.runs] == [1, None, 2]


def test_a_variable_that_is_gone_since_the_last_release_stops_a_deploy(world: Simulation) -> None:
    world.plain_up()
    world.stack = replace(world.stack, variables=frozenset({"KEY"}))
    ok(world, "deploy")
    world.new_source()
    world.stack = replace(world.stack, variables=frozenset({"KEY"}), unset=frozenset({"KEY"}))
    refused = world.run("deploy").error
    assert isinstance(refused, Refused)
    assert refused.message == "KEY is no longer set: release 1 had it"
    assert world.run("status").value.release == 1


def test_jobs_without_a_healthcheck_are_waited_for_side_by_side(world: Simulation) -> None:
    world.plain_up()
    world.users.flow()
    took = ok(world, "deploy").phases["hand-over"]  # type: ignore[attr-defined]
    assert 10.0 < took < 12.0, "each is watched for 10 s"


def test_a_job_that_fails_takes_no_other_back(world: Simulation) -> None:
    world.plain_up()
    world.users.flow()
    ok(world, "deploy")
    version = world.new_source()
    world.world.behaviours["queue", version] = Behaviour(exits_after=1.0)
    error = world.run("deploy").error
    assert isinstance(error, NeedsPerson)
    assert error.message == "green/queue restarts in a loop (status 1, 3 restarts); the old queue goes on"
    up = {side: sorted(world.world.service(box) for box in world.world.on(side) if box.up) for side in COLORS}
    assert up == {Side.BLUE: ["queue"], Side.GREEN: ["admin", "api", "clock", "web"]}


def test_on_an_empty_server_a_route_may_wait_for_a_job(world: Simulation) -> None:
    sides: list[Side | None] = []

    def note(happening: Happening) -> None:
        if happening.kind == "started" and happening.box and world.world.service(happening.box) in JOBS:
            traffic = world.users.traffic()
            sides.append(traffic.side if traffic else None)

    world.world.watchers.append(note)
    ok(world, "deploy")
    assert sides == [Side.PLAIN, Side.PLAIN]
    world.users.flow()
    world.sleep(2)


def test_an_answer_that_is_steadily_an_error_is_told_early_and_waited_for_no_longer_than_asked() -> None:
    longer = replace(SETTINGS, health_timeout=Seconds(100.0))
    for asked, least, most in ((False, 30.0, 50.0), (True, 100.0, 120.0)):
        world = Simulation(stack_of("a", replace(longer, health_asked=asked)))
        world.plain_up()
        world.users.flow()
        version = world.new_source()
        world.world.behaviours["web", version] = Behaviour(healthy=False, answers=500, gives_up=1e6)
        result, began = world.begin("deploy"), world.loop.time()
        world.finish(result)
        error = result.result().error
        assert isinstance(error, Unhealthy)
        assert "status 500" in error.message
        assert least < world.loop.time() - began < most
        told = [each for each in result.result().said if getattr(each, "kind", "") == "warning"]
        assert any("web runs, and GET / on port 8000 is answered with status 500" in each.text for each in told)
        assert world.promises.violations == []
        world.close()


def test_a_deploy_without_a_change_changes_nothing(world: Simulation) -> None:
    world.plain_up()
    world.users.flow()
    ok(world, "deploy")
    before = {box.id: box.started for box in world.world.boxes.values()}
    assert ok(world, "deploy").outcome == "unchanged"  # type: ignore[attr-defined]
    assert {box.id: box.started for box in world.world.boxes.values()} == before


def test_one_color_at_a_time_holds_users_meanwhile_and_says_for_how_long() -> None:
    world = Simulation()
    world.plain_up()
    world.users.flow()
    ok(world, "deploy")
    world.new_source()
    before = world.promises.cut
    outcome = world.run("deploy", strategy="recreate").value
    assert any(note.startswith("the proxy held requests for") for note in outcome.notes)
    # Only WebSockets were cut, as it says: their grace began when requests were held, not at the switch.
    assert world.promises.violations == []
    assert world.promises.cut - before == outcome.drained.cut_websockets > 0
    assert world.surprises == []
    world.close()


def test_an_abort_waits_for_the_slowest_stop_only(world: Simulation) -> None:
    """Services that hang use up their grace: 10 s for all of them, not for each in turn."""
    world.plain_up()
    world.users.flow()
    ok(world, "deploy")
    version = world.new_source()
    for service in OPENING:
        hopeless = service == "web"  # which starts when the API is healthy, and would be stopped before it
        world.world.behaviours[service, version] = Behaviour(healthy=not hopeless, gives_up=60, ignores_sigterm=True)
    began = world.loop.time()
    assert world.run("deploy").error is not None
    assert world.loop.time() - began < world.stack.settings.health_timeout + 10 + 5
    world.promises.settled("deploy")

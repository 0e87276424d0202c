"""Restart, stop and down by hand: they say what users would lose, and a kill in the middle blocks nobody."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from teal.core.model.side import COLORS, Side
from teal.errors import ConfigError, Refused, Unhealthy
from tests.simulated import Behaviour, Trouble
from tests.simulation.simulation import Simulation


@pytest.fixture
def world() -> Iterator[Simulation]:
    """A world with release 2 on green, release 1 retired on blue, and users."""
    simulation = deployed()
    yield simulation
    assert simulation.surprises == []
    simulation.close()


def deployed(*, users: bool = True) -> Simulation:
    simulation = Simulation(every=0.2)
    simulation.plain_up()
    if users:
        simulation.users.flow()
    for _ in range(2):
        simulation.new_source()
        assert simulation.run("deploy").ok
    return simulation


def started(world: Simulation, side: Side) -> dict[str, float]:
    """Return when each service on *side* was started."""
    return {world.world.service(box): box.started for box in world.world.on(side)}


def others(world: Simulation) -> list[str]:
    """Return the broken promises, save that of a color's being touched: that was asked for by hand."""
    return [each for each in world.promises.violations if not each.startswith("[touched]")]


def test_a_worker_restarts_while_users_notice_nothing(world: Simulation) -> None:
    before = started(world, Side.GREEN)
    result = world.run("restart", side=Side.GREEN, names=("queue",), cut=False)
    assert result.error is None
    assert result.value.services == ("queue",)
    after = started(world, Side.GREEN)
    assert {name for name in after if after[name] != before[name]} == {"queue"}
    world.sleep(1)
    world.promises.settled("restart")
    assert others(world) == []


@pytest.mark.parametrize("command", ["restart", "stop"])
@pytest.mark.parametrize("names", [("web",), ("api",), ()])
def test_what_serves_users_is_refused_and_left_alone(world: Simulation, command: str, names: tuple[str, ...]) -> None:
    before = started(world, Side.GREEN)
    result = world.run(command, side=Side.GREEN, names=names, cut=False)
    assert isinstance(result.error, Refused)
    assert "--yes" in result.refusal.hint
    assert started(world, Side.GREEN) == before
    world.promises.settled(command)
    assert world.promises.violations == []


def test_what_is_accepted_is_done(world: Simulation) -> None:
    world.users.flowing = False
    world.sleep(1)
    assert world.run("stop", side=Side.GREEN, names=(), cut=True).ok
    assert {box.state for box in world.world.on(Side.GREEN)} == {"exited"}
    assert world.run("restart", side=Side.GREEN, names=(), cut=True).ok
    assert {box.state for box in world.world.on(Side.GREEN)} == {"running"}


def test_the_color_that_does_not_serve_stops_without_a_question(world: Simulation) -> None:
    assert world.run("restart", side=Side.BLUE, names=("web",), cut=False).ok
    assert world.run("stop", side=Side.BLUE, names=(), cut=False).ok
    assert {box.state for box in world.world.on(Side.BLUE)} == {"exited"}
    assert world.promises.violations == []


def test_an_unknown_service_is_named(world: Simulation) -> None:
    result = world.run("stop", side=Side.GREEN, names=("wbe",), cut=False)
    assert isinstance(result.error, ConfigError)
    assert "wbe" in result.error.message
    assert "web" in result.refusal.hint


def test_a_restart_that_fails_says_what_users_notice(world: Simulation) -> None:
    """It was said to have touched nothing, where it had just stopped what serves."""
    world.world.behaviours[("web", world.world.source)] = Behaviour(exits_after=0.3, boot=5)
    error = world.run("restart", side=Side.GREEN, names=("web",), cut=True).error
    assert isinstance(error, Unhealthy)
    assert error.hint == "web was stopped for this, and users on green miss it; `teal logs web`"


def test_a_failed_recreate_says_that_users_waited_and_a_failed_deploy_that_nothing_happened(world: Simulation) -> None:
    world.new_source()
    world.world.behaviours[("web", world.world.source)] = Behaviour(exits_after=0.3, boot=5)
    assert world.run("deploy").refusal.hint == "green still serves, untouched"
    world.users.flowing = False
    world.sleep(1)
    hint = world.run("deploy", strategy="recreate").refusal.hint
    assert hint == "green was stopped, and serves again: users waited meanwhile, or were turned away"


def test_a_failed_deploy_does_not_call_serving_what_somebody_else_has_stopped(world: Simulation) -> None:
    world.users.flowing = False
    world.sleep(1)
    assert world.run("stop", side=Side.GREEN, names=("api",), cut=True).ok
    world.new_source()
    world.world.behaviours[("web", world.world.source)] = Behaviour(exits_after=0.3, boot=5)
    assert world.run("deploy").refusal.hint == "green was not touched, but not running there: api"


def gone(world: Simulation) -> bool:
    return not any(world.world.on(color) for color in COLORS) and not [n for n in world.world.nets if "-" in n]


def test_down_leaves_nothing_of_the_colors_and_a_deploy_begins_anew() -> None:
    world = deployed(users=False)
    result = world.run("down")
    assert result.value.services
    assert gone(world)
    assert world.run("status").value.active is None
    assert world.run("deploy").ok
    world.promises.settled("deploy")
    assert others(world) == []
    world.close()


@pytest.mark.parametrize("then", ["down", "deploy"])
def test_a_killed_down_blocks_nobody(then: str) -> None:
    world = deployed(users=False)
    points = len(world.run("down").process.effects)
    world.close()
    assert points > 20
    for at in range(1, points + 1, 3):
        world = deployed(users=False)
        assert world.run("down", Trouble(at, "kill-after")).killed
        after = world.run(then)
        assert after.error is None, f"{then} after a kill at {at}: {after.error}"
        assert then == "deploy" or gone(world)
        world.close()

"""Pages stay on the release that they came from until the window after a switch is over."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import pytest

from teal.core.model.side import Side
from teal.core.model.traffic import Traffic, parse_traffic
from teal.core.model.units import Seconds
from teal.errors import Refused
from tests.simulated.world import Happening
from tests.simulation.simulation import Simulation
from tests.simulation.stack import SETTINGS, stack_of

WINDOW = 20.0


@pytest.fixture
def world() -> Iterator[Simulation]:
    simulation = Simulation(stack_of(settings=replace(SETTINGS, pages=Seconds(WINDOW))))
    simulation.plain_up()
    simulation.users.flow()
    yield simulation
    assert simulation.promises.violations == []
    assert simulation.surprises == []
    assert simulation.users.counts["mixed"] == 0
    assert simulation.users.counts["lost"] == simulation.promises.cut
    simulation.close()


class States:
    """What the state file has said, and when."""

    def __init__(self, world: Simulation) -> None:
        self.seen: list[tuple[float, Traffic]] = []
        self._world = world
        world.world.watchers.append(self._note)

    def _note(self, happening: Happening) -> None:
        traffic = parse_traffic(happening.what) if happening.kind == "state" else None
        if traffic:
            self.seen.append((self._world.loop.time(), traffic))

    def windows(self) -> list[tuple[str, float]]:
        """Return each word with an older release in it, and for how long it stood."""
        found: dict[str, list[float]] = {}
        for (begun, traffic), (ended, _) in zip(self.seen, self.seen[1:], strict=False):
            if traffic.pages and traffic.pages.older:
                older = traffic.pages.older
                word = f"{traffic.users}.{traffic.pages.release}^{older[0]}.{older[1]}"
                found.setdefault(word, []).append(ended - begun)
        return [(word, sum(times)) for word, times in found.items()]


def ok(world: Simulation, command: str) -> None:
    result = world.run(command)
    if result.error:
        raise result.error


def test_a_deploy_opens_the_window_and_ends_with_it_and_so_does_a_rollback(world: Simulation) -> None:
    ok(world, "deploy")
    assert world.world.disk.state == "blue.1"  # nothing to stay on: the plain side has no release
    world.new_source()
    states = States(world)
    began = world.loop.time()
    ok(world, "deploy")
    assert world.loop.time() - began > WINDOW
    assert world.world.disk.state == "green.2"
    ok(world, "rollback")
    assert world.world.disk.state == "blue.1"
    assert [word for word, _ in states.windows()] == ["green.2^blue.1", "blue.1^green.2"]
    assert all(WINDOW - 0.1 <= lasted <= WINDOW + 1.5 for _, lasted in states.windows())
    assert world.run("status").value.active is Side.BLUE


def test_a_kill_in_the_window_ends_it_with_the_next_command(world: Simulation) -> None:
    ok(world, "deploy")
    world.new_source()
    task = world.begin("deploy")
    while "^" not in (world.world.disk.state or ""):
        world.sleep(0.5)
    world.sleep(3)
    world.kill(task)
    assert "green.2^blue.1" in (world.world.disk.state or "")
    states = States(world)
    world.new_source()
    began = world.loop.time()
    assert world.run("rollback").error is None
    assert states.seen[0][1].users == "green"
    assert states.windows()[-1][0] == "blue.1^green.2"
    assert world.loop.time() - began > WINDOW
    assert world.world.disk.state == "blue.1"


def test_a_signal_in_the_window_ends_it_at_once(world: Simulation) -> None:
    ok(world, "deploy")
    world.new_source()
    task = world.begin("deploy")
    while "^" not in (world.world.disk.state or ""):
        world.sleep(0.5)
    began = world.loop.time()
    world.interrupt(task)
    assert world.finish(task).error is None
    assert world.loop.time() - began < WINDOW
    assert world.world.disk.state == "green.2"


def test_a_snippet_that_knows_no_pages_refuses_the_deploy_before_anything_is_touched(world: Simulation) -> None:
    world.world.snippet = 1
    result = world.run("deploy")
    assert isinstance(result.error, Refused)
    assert "does not know pages that stay on their release" in result.error.message
    assert "teal snippet > teal.caddy" in result.error.hint
    assert world.world.disk.state == "plain"
    assert not list(world.world.on(Side.BLUE))


def test_without_the_key_nothing_of_it_is_written() -> None:
    simulation = Simulation()
    simulation.plain_up()
    states = States(simulation)
    for _ in range(2):
        assert simulation.run("deploy").error is None
        simulation.new_source()
    assert all(traffic.pages is None for _, traffic in states.seen)
    simulation.close()

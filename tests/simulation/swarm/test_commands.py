"""The library's commands on a Swarm in memory: what they ask, in which order, and what they say."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import replace
from typing import TypeVar

import pytest

from teal.core.model.stack import Stack
from teal.core.model.swarm import SwarmWish
from teal.core.model.units import Moment, Seconds
from teal.core.planning.events import Event, Message
from teal.core.swarm.order import Wish
from teal.errors import BuildFailed, Interrupted, Locked, Refused, Unhealthy
from teal.ports import Compose
from teal.run.commands import swarm as library
from teal.run.commands.swarm import SwarmResult, back, deploy, status, tidy, up
from tests.simulated.swarm import Swarm as World
from tests.simulated.swarm import nothing_broken
from tests.simulated.swarm.port import SimulatedSwarm
from tests.unit.stacks import stack_of

T = TypeVar("T")
HEALTH = {"test": ["CMD", "ready"]}


def stack() -> Stack:
    services = {
        "web": {"image": "app", "build": {"context": "."}, "healthcheck": HEALTH},
        "proxy": {"image": "caddy:2", "ports": [{"target": 80, "published": "80"}]},
        "db": {"image": "postgres:17", "healthcheck": HEALTH},
    }
    return replace(stack_of(services), swarm=SwarmWish("r:5000"), strategy="blue-green")


class Clock:
    def __init__(self) -> None:
        self.time = 0.0

    def now(self) -> Moment:
        return Moment(self.time)

    def monotonic(self) -> float:
        return self.time

    async def sleep(self, seconds: Seconds) -> None:
        self.time += seconds
        await asyncio.sleep(0)


class Builder:
    """The part of Compose that is used here."""

    def __init__(self) -> None:
        self.built: list[str] = []
        self.broken = False

    async def build(self, services: list[str], *, on_line: object) -> None:
        if self.broken:
            raise BuildFailed("the build of web failed")
        self.built += services


class Stage:
    def __init__(self) -> None:
        self.world = World()
        self.swarm = SimulatedSwarm(self.world)
        self.compose, self.clock = Builder(), Clock()
        self.told: list[str] = []

    def watch(self, event: Event) -> None:
        assert isinstance(event, Message)
        self.told.append(event.text)

    def wish(self, command: str) -> Wish:
        self.swarm.wish = f"{command} {self.clock.time}"
        return Wish(self.swarm.wish, command, "key7")

    def _compose(self) -> Compose:
        return self.compose  # type: ignore[return-value]

    def deploy(self) -> Awaitable[SwarmResult]:
        wish = self.wish("deploy")
        return deploy(self.swarm, stack(), self._compose(), wish, self.clock, self.watch, files={}, read=lambda _: b"")

    def back(self) -> Awaitable[SwarmResult]:
        return back(self.swarm, stack(), self.wish("rollback"), self.clock, self.watch)

    def up(self) -> Awaitable[object]:
        return up(self.swarm, stack(), self._compose(), files={}, read=lambda _: b"")


def run(work: Awaitable[T]) -> T:
    async def whole() -> T:
        return await work

    return asyncio.run(whole())


def test_up_then_deploys_and_back() -> None:
    stage = Stage()
    run(stage.up())
    assert stage.world.truth.edges == ("node1", "node2", "node3")
    for release in (1, 2, 3):
        assert run(stage.deploy()).release == release
    ended = run(stage.back())
    assert (ended.release, ended.color, ended.command) == (2, "green", "rollback")
    assert stage.compose.built == ["web"] * 3
    assert set(stage.swarm.kept) == {1, 2, 3}
    text = stage.swarm.kept[3]["blue"].text  # type: ignore[index]
    assert "r:5000/shop/web@sha256:0" in text
    nothing_broken(stage.world)
    said = run(status(stage.swarm, stack()))
    assert (said.active, said.release, said.back) == ("green", 2, 3)
    assert [(row.node, row.says, row.follows) for row in said.edges] == [
        ("node1", "green", True),
        ("node2", "green", True),
        ("node3", "green", True),
    ]
    assert run(tidy(stage.swarm, stack(), stage.wish("cleanup"), stage.clock, stage.watch)) == ("release 1",)


def test_the_drain_waits_for_all_edges_and_takes_no_silence_for_a_zero() -> None:
    stage = Stage()
    run(stage.deploy())
    stage.swarm.flights = [4, -1, 0, 0, 2, 0, 0, 0]
    began = stage.clock.time
    ended = run(stage.deploy())
    assert stage.swarm.flights == []
    assert stage.clock.time - began < 2
    assert ended.notes == ()


def test_a_drain_that_takes_too_long_is_ended_and_said() -> None:
    stage = Stage()
    run(stage.deploy())
    stage.swarm.flights = [1] * 1000
    (note,) = run(stage.deploy()).notes
    assert "was ended after 30 s" in note


def test_a_build_that_fails_costs_nothing_not_even_the_way_back() -> None:
    stage = Stage()
    run(stage.deploy())
    run(stage.deploy())
    before = stage.world.truth
    stage.compose.broken = True
    with pytest.raises(BuildFailed):
        run(stage.deploy())
    after = stage.world.truth
    assert (after.releases, after.decided, after.holder, after.run) == (before.releases, before.decided, "", None)
    assert run(stage.back()).release == 1


def test_an_unhealthy_release_is_told_with_its_last_words() -> None:
    stage = Stage()
    run(stage.deploy())
    stage.world.sick.add(stage.world.truth.next_release)
    with pytest.raises(Unhealthy, match="release 2 is unhealthy") as unhealthy:
        run(stage.deploy())
    assert unhealthy.value.detail == "its last words"
    assert stage.world.truth.active_release == 1
    assert stage.world.truth.holder == ""


@pytest.mark.parametrize("at", ["Fill", "Gate", "Prepare"])
def test_stopped_before_the_decision_it_undoes_what_it_began(at: str) -> None:
    stage = Stage()
    run(stage.deploy())

    async def stopped() -> None:
        task = asyncio.ensure_future(stage.deploy())
        stage.swarm.hanging = {at}
        await asyncio.sleep(0.05)
        stage.swarm.hanging = set()
        task.cancel()
        with pytest.raises(Interrupted):
            await task

    asyncio.run(stopped())
    truth = stage.world.truth
    assert (truth.active_release, truth.holder, truth.run) == (1, "", None)
    assert stage.world.wanted["green"] is None  # type: ignore[index]
    assert run(stage.deploy()).release == 3
    nothing_broken(stage.world)


def test_what_was_not_prepared_or_not_said_is_refused() -> None:
    stage = Stage()
    stage.swarm.shared = False
    with pytest.raises(Refused, match="not on this Swarm yet"):
        run(stage.deploy())
    said_nothing = replace(stack(), swarm=None)
    work = up(stage.swarm, said_nothing, stage._compose(), files={}, read=lambda _: b"")
    with pytest.raises(Refused, match=r"teal\.yml does not say"):
        run(work)


@pytest.mark.parametrize("alive", [False, True])
def test_a_lock_is_taken_from_the_dead_alone_whatever_the_one_that_waits_does(
    alive: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = Stage()
    run(stage.deploy())
    monkeypatch.setattr(library, "BEAT", 0.001)
    stage.world.truth = stage.world.truth.held_by("deploy by somebody")

    async def waits() -> SwarmResult:
        async def sleeps(seconds: Seconds) -> None:
            stage.clock.time += seconds
            stage.world.beats["deploy by somebody"] += alive
            await asyncio.sleep(0.003)  # time for the one that waits to give signs of life, if it did

        monkeypatch.setattr(stage.clock, "sleep", sleeps)
        return await stage.deploy()

    if alive:
        with pytest.raises(Locked, match="deploy by somebody"):
            asyncio.run(waits())
    else:
        assert asyncio.run(waits()).release == 2
        assert stage.clock.time >= 30

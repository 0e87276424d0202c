"""What the Machine, the Clock and the Lock promise, in the simulated world and on this host."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from teal.adapters.host import Host, SystemClock
from teal.adapters.state.directory import Home
from teal.adapters.state.lock import FileLock
from teal.core.model.units import Seconds
from teal.errors import Locked
from teal.ports import Clock, Lock, Machine
from tests.simulated import MemoryLock, Process, SimulatedClock, SimulatedMachine, World, virtual_loop


@pytest.fixture
def world() -> Iterator[World]:
    loop = virtual_loop()
    yield World(loop, "tale")
    loop.close()


@pytest.fixture(params=["simulated", "real"])
def machine(request: pytest.FixtureRequest, world: World, tmp_path: Path) -> Machine:
    if request.param == "simulated":
        return SimulatedMachine(world, Process(world))
    return Host(str(tmp_path), Home(tmp_path, "tale"), os.environ)


def test_what_is_published_is_read_and_nothing_is_none(machine: Machine) -> None:
    assert machine.published() is None
    for color in ("blue", "green", "plain"):
        machine.publish(color)
        assert machine.published() == color
    machine.publish("")
    assert machine.published() is None


def test_there_is_memory_and_disk_and_every_secret_is_new(machine: Machine) -> None:
    total, available = machine.memory()
    assert total > available > 0
    assert machine.disk() > 0
    secrets = {machine.secret() for _ in range(5)}
    assert len(secrets) == 5
    assert all(each.isalnum() and each.isascii() for each in secrets)


@pytest.mark.parametrize("kind", ["simulated", "real"])
def test_time_passes_in_a_sleep_and_in_none_that_is_over(kind: str, world: World) -> None:
    clock: Clock = SystemClock() if kind == "real" else SimulatedClock(world, Process(world))

    async def sleeps() -> None:
        before = clock.monotonic(), clock.now()
        await clock.sleep(Seconds(0.2))
        after = clock.monotonic(), clock.now()
        assert after[0] - before[0] >= 0.199
        assert 0.19 < after[1] - before[1] < 30
        await clock.sleep(Seconds(0))
        await clock.sleep(Seconds(-5))
        assert clock.monotonic() - after[0] < 5

    if kind == "real":
        asyncio.run(sleeps())
    else:
        world.loop.run_until_complete(sleeps())


def fails_while_it_holds(lock: Lock) -> None:
    with lock.hold("deploy"):
        holder = lock.holder()
        assert holder is not None
        assert holder.command == "deploy"
        assert holder.pid > 0
        with pytest.raises(Locked, match="deploy"), lock.hold("rollback"):
            pass
        assert lock.holder() == holder
        raise ValueError("a failure")


@pytest.mark.parametrize("kind", ["simulated", "real"])
def test_a_lock_has_one_holder_and_is_free_again_after_a_failure(kind: str, world: World, tmp_path: Path) -> None:
    lock: Lock = FileLock(tmp_path / "lock") if kind == "real" else MemoryLock(world, Process(world, pid=1))
    with pytest.raises(ValueError, match="a failure"):
        fails_while_it_holds(lock)
    assert lock.holder() is None
    with lock.hold("rollback"):
        assert lock.holder() is not None

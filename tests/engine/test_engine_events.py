"""Events of the real engine, and what becomes of calls when it goes away or is not there."""

import asyncio
import os
import time
from contextlib import aclosing, contextmanager
from pathlib import Path

import pytest

from teal.adapters.engine import DockerEngine, api
from teal.adapters.engine.api import Api
from teal.adapters.engine.context import socket_path
from teal.errors import Unavailable
from tests.engine.sandbox import IMAGE, STUBBORN, Relay, docker

pytestmark = [pytest.mark.engine, pytest.mark.anyio, pytest.mark.timeout(120)]


async def test_events_begin_with_the_call_and_leave_others_out(engine, sandbox):
    one, foreign = sandbox.create(), docker("create", "--label", sandbox.mine, IMAGE, "true")
    async with aclosing(engine.events(sandbox.stack)) as events:
        docker("start", foreign)
        docker("start", one)
        docker("stop", "-t", "2", one)
        assert await asyncio.wait_for(anext(events), 5) == one
        assert await asyncio.wait_for(anext(events), 5) == one


async def test_events_tell_health_and_no_probe(engine, sandbox):
    health = ("--health-cmd=test -e /tmp/ready", "--health-interval=100ms", "--health-retries=1")
    one = sandbox.create(*health, command=("sh", "-c", "touch /tmp/ready; sleep 100"))
    async with aclosing(engine.events(sandbox.stack)) as events:
        await engine.start(one)
        assert await asyncio.wait_for(anext(events), 5) == one  # start
        assert await asyncio.wait_for(anext(events), 5) == one  # healthy
        assert (await engine.container(one)).health == "healthy"
        with pytest.raises(TimeoutError):  # ten more probes
            await asyncio.wait_for(anext(events), 1)


async def test_events_can_be_cancelled_while_they_wait(engine, sandbox):
    async def watch():
        async for _ in engine.events(sandbox.stack):
            pass

    task = asyncio.create_task(watch())
    await asyncio.sleep(0.3)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(task, 2)


async def test_events_outlive_the_connection_and_miss_nothing(sandbox, tmp_path):
    one = sandbox.create()
    async with Relay(str(tmp_path / "s"), socket_path(os.environ)) as relay:
        engine = DockerEngine(Api(relay.path))
        async with aclosing(engine.events(sandbox.stack)) as events:
            docker("start", one)
            assert await asyncio.wait_for(anext(events), 5) == one
            waiting = asyncio.create_task(anext(events))
            await asyncio.sleep(0.2)
            relay.cut()
            docker("kill", one)
            assert await asyncio.wait_for(waiting, 5) == one
        await engine.close()


async def test_an_engine_that_goes_away_in_mid_answer_is_unavailable(sandbox, tmp_path):
    one = sandbox.run()
    async with Relay(str(tmp_path / "s"), socket_path(os.environ)) as relay:
        spoken = Api(relay.path)
        waiting = asyncio.create_task(spoken.post(f"/containers/{one}/wait"))
        await asyncio.sleep(0.5)
        relay.cut()
        with pytest.raises(Unavailable, match="went away"):
            await waiting
        await spoken.close()


async def test_a_stop_that_was_cut_off_is_made_again(sandbox, tmp_path):
    one = sandbox.run(command=STUBBORN)
    async with Relay(str(tmp_path / "s"), socket_path(os.environ)) as relay:
        engine = DockerEngine(Api(relay.path))
        stopping = asyncio.create_task(engine.stop(one, grace=2))
        await asyncio.sleep(0.5)
        relay.cut()
        await stopping
        assert not (await engine.container(one)).running
        await engine.close()


async def test_an_engine_that_restarts_is_waited_for(sandbox, tmp_path):
    sandbox.create()
    path = str(tmp_path / "s")
    engine = DockerEngine(Api(path))
    async with Relay(path, socket_path(os.environ)):
        assert len(await engine.containers(sandbox.stack)) == 1
    looking = asyncio.create_task(engine.containers(sandbox.stack))
    await asyncio.sleep(1)
    assert not looking.done()
    async with Relay(path, socket_path(os.environ)):
        assert len(await looking) == 1
        await engine.close()


async def test_an_engine_that_stays_away_is_waited_for_once(sandbox, tmp_path, monkeypatch):
    monkeypatch.setattr(api, "AWAY", 1.0)
    path = str(tmp_path / "s")
    engine = DockerEngine(Api(path))
    async with Relay(path, socket_path(os.environ)):
        await engine.containers(sandbox.stack)
    began = time.monotonic()
    for _ in range(5):
        with pytest.raises(Unavailable):
            await engine.containers(sandbox.stack)
    assert 0.9 < time.monotonic() - began < 4.0
    await engine.close()


async def test_idle_connections_that_were_cut_are_replaced(sandbox, tmp_path):
    sandbox.create(), sandbox.create()
    async with Relay(str(tmp_path / "s"), socket_path(os.environ)) as relay:
        engine = DockerEngine(Api(relay.path))
        for _ in range(3):
            assert len(await engine.containers(sandbox.stack)) == 2
            relay.cut()
            await asyncio.sleep(0.05)
        await engine.close()


async def test_no_socket_is_unavailable_with_a_remedy(tmp_path):
    engine = DockerEngine(Api(str(tmp_path / "none.sock")))
    with pytest.raises(Unavailable, match="does not run") as caught:
        await engine.containers("x")
    assert "start" in caught.value.hint


@contextmanager
def forbidden(path):
    """Close the socket to everyone but root, and be somebody else."""
    Path(path).chmod(0)
    user = os.geteuid()
    if user == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(user)


async def test_a_forbidden_socket_is_unavailable_with_a_remedy(tmp_path):
    async with Relay(str(tmp_path / "s"), socket_path(os.environ)) as relay:
        engine = DockerEngine(Api(relay.path))
        await engine.info()  # loads what is loaded late, which the other user may not be able to read
        await engine.close()
        with forbidden(relay.path), pytest.raises(Unavailable, match="may not use") as caught:
            await engine.info()
    assert "sudo" in caught.value.hint

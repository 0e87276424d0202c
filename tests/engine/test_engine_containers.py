"""Containers on the real engine: looked at, started, stopped and removed, once, twice, and where none is."""

import asyncio
import os
import time

import pytest

from teal.adapters.engine.api import EngineSaid
from teal.core.model.side import Side
from teal.errors import Failed
from tests.engine.sandbox import GONE, IMAGE, STUBBORN, docker

pytestmark = [pytest.mark.engine, pytest.mark.anyio, pytest.mark.timeout(120)]


async def test_the_engine_tells_of_itself(engine):
    info = await engine.info()
    assert info.id
    assert info.version == docker("version", "--format", "{{.Server.Version}}")
    assert info.cpus == os.cpu_count()
    assert info.memory > 100_000_000
    assert info.local


async def test_containers_of_all_three_projects_are_seen_and_no_others(engine, sandbox):
    plain = sandbox.run(service="db")
    blue = sandbox.create(side=Side.BLUE, **{"teal.release": "7"})
    green = sandbox.run(side=Side.GREEN, command=("sh", "-c", "exit 3"))
    sandbox.create(service="once", **{"com.docker.compose.oneoff": "True"})
    docker("create", "--label", sandbox.mine, "--label", f"com.docker.compose.project={sandbox.stack}x", IMAGE)
    docker("wait", green)
    seen = {each.id: each for each in await engine.containers(sandbox.stack)}
    assert set(seen) == {plain, blue, green}
    assert (seen[plain].service, seen[plain].side, seen[plain].state) == ("db", Side.PLAIN, "running")
    assert seen[plain].addresses["bridge"].count(".") == 3
    assert abs(seen[plain].started - time.time()) < 60
    assert (seen[blue].service, seen[blue].side, seen[blue].release) == ("web", Side.BLUE, 7)
    assert (seen[blue].state, seen[blue].started, seen[blue].addresses) == ("created", 0, {})
    assert (seen[green].state, seen[green].exit_code) == ("exited", 3)
    assert seen[green].finished >= seen[green].started > 0


async def test_one_container_is_seen_or_none(engine, sandbox):
    one = sandbox.create(side=Side.GREEN, service="rag")
    found = await engine.container(one)
    assert found is not None
    assert (found.side, found.service) == (Side.GREEN, "rag")
    assert await engine.container(GONE) is None


async def test_ports_are_seen_before_and_after_the_start(engine, sandbox):
    one = sandbox.create("--publish", "127.0.0.1::8000")
    assert (await engine.container(one)).ports == {8000: ("127.0.0.1", 0)}
    await engine.start(one)
    ip, port = (await engine.container(one)).ports[8000]
    assert ip == "127.0.0.1"
    assert port > 1024


async def test_starting_twice_starts_once(engine, sandbox):
    one = sandbox.create()
    await engine.start(one)
    first = await engine.container(one)
    await engine.start(one)
    assert first.running
    assert (await engine.container(one)).started == first.started


async def test_a_start_that_fails_says_the_engines_reason(engine, sandbox):
    one = sandbox.create(command=("no-such-command",))
    with pytest.raises(Failed, match="no-such-command"):
        await engine.start(one)
    with pytest.raises(EngineSaid, match="No such container"):
        await engine.start(GONE)


async def test_a_start_on_a_taken_port_says_how_to_find_its_holder(engine, sandbox):
    holder = sandbox.run("--publish", "127.0.0.1::8000")
    port = (await engine.container(holder)).ports[8000][1]
    with pytest.raises(Failed, match="port is already allocated") as caught:
        await engine.start(sandbox.create("--publish", f"127.0.0.1:{port}:8000"))
    assert "docker ps" in caught.value.hint


async def test_stopping_waits_for_the_process_and_may_be_repeated(engine, sandbox):
    one = sandbox.run()
    await engine.stop(one, grace=10)
    stopped = await engine.container(one)
    assert (stopped.state, stopped.exit_code) == ("exited", 0)
    await engine.stop(one, grace=10)
    await engine.stop(GONE, grace=10)


async def test_stopping_kills_after_the_grace(engine, sandbox):
    one = sandbox.run(command=STUBBORN)
    begun = time.monotonic()
    await engine.stop(one, grace=0.5)
    assert 0.9 < time.monotonic() - begun < 8  # the engine counts whole seconds
    assert (await engine.container(one)).exit_code == 137


async def test_removing_takes_running_ones_and_may_be_repeated(engine, sandbox):
    one = sandbox.run()
    await asyncio.gather(engine.remove(one), engine.remove(one), engine.remove(one))
    assert await engine.container(one) is None
    await engine.remove(one)


async def until(true):
    for _ in range(100):
        if true():
            return
        await asyncio.sleep(0.1)
    pytest.fail("it never became true")


async def test_memory_is_summed_and_what_does_not_run_uses_none(engine, sandbox):
    assert await engine.memory([sandbox.create(), GONE]) == 0
    greedy = sandbox.run(
        command=("python", "-uc", "x = b'x' * 50_000_000; print('ready'); import time; time.sleep(99)")
    )
    await until(lambda: "ready" in docker("logs", greedy))
    used = await engine.memory([greedy])
    assert 50_000_000 < used < 120_000_000
    assert await engine.memory([greedy, sandbox.run()]) > used
    assert 50_000_000 < await engine._seen_by_the_kernel(greedy) < 120_000_000


async def test_fourteen_containers_are_seen_quickly(engine, sandbox):
    for number in range(14):
        sandbox.create(service=f"s{number}")
    await engine.containers(sandbox.stack)
    begun = time.monotonic()
    assert len(await engine.containers(sandbox.stack)) == 14
    assert time.monotonic() - begun < 1  # 0.02 s on an idle machine

"""Logs and commands of real containers."""

import asyncio
import secrets

import pytest

from teal.adapters.engine.api import EngineSaid
from tests.engine.sandbox import GONE, docker, processes

pytestmark = [pytest.mark.engine, pytest.mark.anyio, pytest.mark.timeout(120)]


async def test_logs_are_the_last_lines_of_both_streams(engine, sandbox):
    script = "echo one; sleep 0.1; echo two >&2; sleep 0.1; echo three"
    one = sandbox.run(command=("sh", "-c", script))
    docker("wait", one)
    assert await engine.logs(one, lines=50) == "one\ntwo\nthree\n"
    assert await engine.logs(one, lines=2) == "two\nthree\n"
    assert await engine.logs(GONE, lines=2) == ""


async def test_logs_of_a_terminal_and_of_no_driver(engine, sandbox):
    tty = sandbox.run("--tty", command=("echo", "héllo"))
    silent = sandbox.run("--log-driver=none", command=("echo", "x"))
    docker("wait", tty, silent)
    assert await engine.logs(tty, lines=5) == "héllo\n"
    assert "does not support reading" in await engine.logs(silent, lines=5)


async def test_commands_run_inside(engine, sandbox):
    one = sandbox.run()
    ran = await engine.execute(one, ["sh", "-c", "echo out; echo err >&2; exit 3"], within=10)
    assert ran.status == 3
    assert sorted(ran.output.split()) == ["err", "out"]
    assert (await engine.execute(one, ["no-such-command"], within=10)).status == 127


async def test_commands_dont_run_in_what_does_not_run(engine, sandbox):
    with pytest.raises(EngineSaid, match="is not running"):
        await engine.execute(sandbox.create(), ["true"], within=10)
    with pytest.raises(EngineSaid, match="No such container"):
        await engine.execute(GONE, ["true"], within=10)


@pytest.fixture
def nap():
    """A command that no other test runs."""
    return f"sleep 77.{secrets.randbelow(10**9)}"


async def test_a_command_that_takes_too_long_is_killed(engine, sandbox, nap):
    one = sandbox.run()
    ran = await engine.execute(one, ["sh", "-c", f"echo begun; exec {nap}"], within=0.7)
    assert (ran.status, ran.output) == (124, "begun\n")
    assert await ends(nap)


async def test_a_cancelled_command_is_killed(engine, sandbox, nap):
    one = sandbox.run()
    task = asyncio.create_task(engine.execute(one, nap.split(), within=60))
    await asyncio.sleep(0.7)
    assert processes(nap)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert await ends(nap)


async def ends(process: str) -> bool:
    for _ in range(30):
        if not processes(process):
            return True
        await asyncio.sleep(0.1)
    return False

"""Commands that Teal runs: their lines, their end, and their death with Teal."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from teal.adapters import process
from teal.adapters.process import Output

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(60)]
ENV = {"PATH": os.environ["PATH"]}


@pytest.fixture
def anyio_backend():
    return "asyncio"


def sh(script, **options):
    return process.run(["sh", "-c", script], cwd="/", env=ENV, **options)


async def test_lines_are_told_and_the_status_returned():
    told = []
    ended = await sh("echo one; echo two >&2; exit 3", on_line=told.append)
    assert ended.status == 3
    assert told == ["one", "two"] == list(ended.lines)


async def test_lines_are_told_as_they_come():
    seen = []
    await sh("echo one; sleep 0.5; echo two", on_line=lambda line: seen.append((line, time.monotonic())))
    assert seen[1][1] - seen[0][1] > 0.3


async def test_only_the_last_lines_are_kept():
    ended = await sh("seq 1000; printf unfinished")
    assert ended.lines[-2:] == ("1000", "unfinished")
    assert len(ended.lines) == process.KEPT


def test_lines_survive_any_cut_and_endless_ones_are_cut():
    told = []
    output = Output(told.append)
    for piece in (b"on", b"e\r\ntw", b"o\n", b"10%\r90%\rdone\n", b"\xff\n", b"x" * 70_000, b"rest"):
        output.feed(piece)
    assert output.lines[:4] == ("one", "two", "done", "�")
    assert [len(line) for line in output.lines[4:]] == [70_000, 4]


async def test_a_command_gets_no_input_and_only_the_given_environment():
    ended = await process.run(["sh", "-c", "cat; env"], cwd="/", env={**ENV, "TEAL_COLOR": "blue"})
    assert "TEAL_COLOR=blue" in ended.lines
    assert not [line for line in ended.lines if line.startswith("HOME=")]


async def test_what_it_leaves_in_the_background_does_not_hold_teal():
    begun = time.monotonic()
    ended = await sh("sleep 30 & echo done; echo $!")
    assert ended.lines[0] == "done"
    assert time.monotonic() - begun < 5
    os.kill(int(ended.lines[1]), signal.SIGKILL)


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def test_a_missing_command_is_an_os_error_and_leaks_no_descriptor():
    before = descriptors()
    for _ in range(5):
        with pytest.raises(FileNotFoundError):
            await process.run(["no-such-command"], cwd="/", env=ENV)
    assert descriptors() <= before + 2  # the event loop's own


async def test_the_terminals_interrupt_does_not_reach_it():
    ended = await sh("cut -d' ' -f6 /proc/$$/stat")  # the session; ps is not everywhere
    assert int(ended.text) != os.getsid(0)


async def begun(script, told):
    task = asyncio.create_task(sh(script, on_line=told.append))
    for _ in range(500):
        if told:
            return task
        await asyncio.sleep(0.02)
    pytest.fail("it never began")


async def test_cancelled_it_is_interrupted_and_may_finish():
    told = []
    task = await begun("trap 'echo interrupted; exit 0' INT; echo begun; while :; do sleep 0.05; done", told)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert told == ["begun", "interrupted"]


async def test_where_teal_itself_ignores_interrupts_it_is_interrupted_all_the_same():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)  # as a shell starts what it runs in the background
    try:
        await test_cancelled_it_is_interrupted_and_may_finish()
    finally:
        signal.signal(signal.SIGINT, before)


async def test_what_heeds_no_signal_is_killed(monkeypatch):
    monkeypatch.setattr(process, "ENDINGS", tuple((which, 0.2) for which, _ in process.ENDINGS))
    told = []
    task = await begun("trap '' INT TERM; echo $$; while :; do sleep 0.05; done", told)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert gone(int(told[0]))


async def test_a_second_cancellation_kills_at_once():
    told = []
    task = await begun("trap '' INT TERM; echo $$; while :; do sleep 0.05; done", told)
    task.cancel()
    await asyncio.sleep(0.2)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert gone(int(told[0]))


def gone(pid: int) -> bool:
    for _ in range(100):
        try:
            stat = Path(f"/proc/{pid}/stat").read_text()
        except (FileNotFoundError, ProcessLookupError):  # it may vanish while its file is read
            return True
        if stat.rpartition(")")[2].split()[0] == "Z":
            return True
        time.sleep(0.05)
    return False


def test_it_dies_with_teal():
    code = (
        "import asyncio\nfrom teal.adapters import process as child\n"
        "asyncio.run(child.run(['sh', '-c', 'echo $$; exec sleep 60'], cwd='/', env={'PATH': '/usr/bin:/bin'}, "
        "on_line=lambda line: print(line, flush=True)))"
    )
    teal = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    pid = int(teal.stdout.readline())
    assert not Path(f"/proc/{pid}/stat").read_text().startswith(f"{teal.pid} ")
    teal.kill()
    teal.wait()
    teal.stdout.close()
    assert gone(pid)

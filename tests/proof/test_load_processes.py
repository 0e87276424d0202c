"""The load's worker processes: none outlives its caller, none that died goes unnoticed."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from proof.load import Load, LoadFailed, Mix
from proof.load import worker as worker_module
from proof.load.mix import schedule
from tests.proof.load_server import Server

pytestmark = pytest.mark.load
LIGHT = Mix(get=1, post=1, chain=0, slow=0, upload=0, events=0, ws=0, plain_only=True)


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def test_a_worker_that_died_makes_the_report_fail_rather_than_look_good() -> None:
    with Server() as server, Load(http=server.origin, rate=20, mix=LIGHT, workers=2) as load:
        time.sleep(0.7)
        os.kill(load.pids[1], signal.SIGKILL)
        with pytest.raises(LoadFailed, match="a load worker"):
            load.finish()


def test_leaving_without_a_report_ends_the_workers() -> None:
    with Server() as server, Load(http=server.origin, rate=20, mix=LIGHT) as load:
        time.sleep(0.3)
    assert not any(alive(pid) for pid in load.pids)


def test_workers_end_when_their_caller_is_killed() -> None:
    """Nobody is left who would stop them."""
    with Server() as server:
        script = (
            "import time; from proof.load import Load\n"
            f"with Load(http={server.origin!r}, rate=20) as load:\n"
            "    print(*load.pids, flush=True); time.sleep(60)\n"
        )
        root = Path(worker_module.__file__).parents[2]
        with subprocess.Popen([sys.executable, "-c", script], cwd=root, stdout=subprocess.PIPE, text=True) as caller:
            assert caller.stdout is not None
            pids = [int(pid) for pid in caller.stdout.readline().split()]
            caller.kill()
        deadline = time.monotonic() + 10
        while any(alive(pid) for pid in pids):
            assert time.monotonic() < deadline
            time.sleep(0.05)
    assert pids


def test_the_library_works_in_an_event_loop_that_is_blocked_meanwhile() -> None:
    async def run(server: Server) -> tuple[int, int, bool]:
        async with Load(http=server.origin, rate=100, mix=LIGHT) as load:
            time.sleep(1)  # noqa: ASYNC251 - a busy test must not disturb the schedule
            before = load.progress()
            report = await load.stop()
        return before.issued, report.sent, report.clean

    with Server() as server:
        before, sent, clean = asyncio.run(run(server))
    assert before >= 30
    assert sent >= 95
    assert clean


def test_the_command_line_prints_one_json_object_and_fails_if_anything_was_wrong() -> None:
    with Server(lambda path, number: "502" if number == 5 else "") as server:
        argv = [
            sys.executable,
            "-m",
            "proof.load",
            "--http",
            server.origin,
            "--rate",
            "50",
            "--seconds",
            "1",
            "--seed",
            "14",
            "--json",
        ]
        root = Path(worker_module.__file__).parents[2]
        done = subprocess.run(argv, cwd=root, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 1, done.stderr
    assert '"failed":1,' in done.stdout


def test_the_workers_share_one_schedule_without_gap_or_double() -> None:
    mix = Mix()
    shares = [schedule(mix, rate=100, worker=n, of=3) for n in range(3)]
    slots = sorted((next(share) for share in shares for _ in range(400)), key=lambda slot: slot.number)
    alone = schedule(mix, rate=100)
    assert slots == [next(alone) for _ in range(1200)]
    assert [slot.due for slot in slots[:3]] == [0.0, 0.01, 0.02]


def test_a_probe_takes_kept_connections_only() -> None:
    mix = Mix(plain_only=True, kept_only=True, ws=0)
    slots = schedule(mix, rate=1000)
    assert {next(slots).way for _ in range(1000)} == {"h1 kept"}

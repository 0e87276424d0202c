"""Signals at the very end: the words that tell how it ended, and the status, are not cut short."""

from __future__ import annotations

import subprocess
import sys

_COMMAND = """
import asyncio, os, signal, time
from teal.cli.runner import run

async def work() -> None:
    os.kill(os.getpid(), signal.SIGINT)
    await asyncio.sleep(30)

try:
    run(work(), say=lambda text: None)
except asyncio.CancelledError:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        os.kill(os.getpid(), number)
    print("interrupted", flush=True)
os.kill(os.getpid(), signal.SIGINT)
"""


def test_a_second_signal_after_the_undo_does_not_end_the_process_before_it_has_said_how_it_ended() -> None:
    done = subprocess.run([sys.executable, "-c", _COMMAND], capture_output=True, text=True, timeout=30, check=False)
    assert (done.returncode, done.stdout) == (0, "interrupted\n"), done.stderr

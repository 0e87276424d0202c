"""Teal's own clock jumps by an hour, or Teal gets a tenth of a processor: nothing ends before its time, or hangs."""

from __future__ import annotations

import signal
import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.engine.teal import Running
from tests.faults.world import QUICK, World

pytestmark = [pytest.mark.engine, pytest.mark.load, pytest.mark.row("clock")]
HOUR = 3600.0
SHIFTED = str(Path(__file__).parent / "clock")
BEFORE_SWITCH = ("preflight", "start", "check")
STEPS = (*BEFORE_SWITCH, "confirm", "drain", "retire")
CASES = [
    pytest.param(step, shift, marks=() if (step, shift) == ("start", HOUR) else pytest.mark.long)
    for step in STEPS
    for shift in (HOUR, -HOUR)
]


def correct(tale: World, shift: float) -> None:
    """Let the counting know when the last switch really was: the journal had it from the wrong clock."""
    journal = tale.teal.home / tale.project / "journal.db"
    query = "SELECT ended FROM step WHERE name = 'switch' ORDER BY id DESC LIMIT 1"
    with closing(sqlite3.connect(f"{journal.as_uri()}?mode=ro", uri=True)) as connection:
        ended = float(connection.execute(query).fetchone()[0])
    tale.clocks[ended] = ended - shift


@pytest.mark.parametrize(("step", "shift"), CASES)
def test_a_clock_that_jumps_in_any_step_ends_nothing_early_and_nothing_late(
    tale: World, step: str, shift: float, tmp_path: Path
) -> None:
    before, jump = tale.active, tmp_path / "shift"
    began = time.monotonic()
    with tale.teal.running(*QUICK, BOOT_SECONDS="2", PYTHONPATH=SHIFTED, TEAL_TEST_SHIFT=str(jump)) as run:
        run.until_step(step)
        jump.write_text(str(shift), encoding="ascii")
        ended = run.end()
    assert ended.status == 0, ended.told
    correct(tale, shift if step in BEFORE_SWITCH else 0.0)
    took = time.monotonic() - began
    assert all(0 <= seconds < took for seconds in ended.result["phases"].values())
    assert 0 < ended.result["live"] <= ended.result["done"] < took
    assert tale.whole() != before


@contextmanager
def starved(run: Running, *, share: float = 0.1, period: float = 0.1) -> Iterator[None]:
    """Let the process run for *share* of each *period* only, in seconds."""
    over = threading.Event()

    def starve() -> None:
        while not over.is_set() and run.process.poll() is None:
            run.send(signal.SIGSTOP)
            over.wait(period * (1 - share))
            run.send(signal.SIGCONT)
            time.sleep(period * share)

    thread = threading.Thread(target=starve, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


@pytest.mark.long
@pytest.mark.parametrize("words", [QUICK, ("rollback",)], ids=["deploy", "rollback"])
def test_a_tenth_of_a_processor_makes_it_slow_and_no_timeout_fires(tale: World, words: tuple[str, ...]) -> None:
    before = tale.active
    if words == ("rollback",):
        tale.teal.run(*QUICK)
        before = tale.active
    with tale.teal.running(*words) as run, starved(run):
        ended = run.end(within=300)
    assert ended.status == 0, ended.told
    assert ended.result["notes"] == [note for note in ended.result["notes"] if "memory" in note]
    assert tale.whole() != before

"""The terminal closes, or whoever read the output goes away, in each phase: an abort before the switch, on after it."""

from __future__ import annotations

import fcntl
import os
import select
import sqlite3
import subprocess
import termios
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress

import pytest

from tests.engine.stack import wait_until
from tests.engine.teal import TEAL
from tests.faults.by_hand import short
from tests.faults.world import QUICK, World

pytestmark = [pytest.mark.engine, pytest.mark.load, pytest.mark.row("signals")]
BEFORE, AFTER = ("create", "start", "check"), ("drain", "retire")
ASLEEP = "checks: [{service: rag, command: sleep 5}]\n"


class Terminal:
    """A terminal in which ``teal`` runs, as a person sees it; closing it hangs up."""

    def __init__(self, tale: World, *words: str, **more: str) -> None:
        self._tale = tale
        self._past = self._runs()
        self._master, slave = os.openpty()
        self._open = True
        self.process = subprocess.Popen(
            [str(TEAL), *words],
            cwd=tale.stack.folder,
            env=tale.teal.environment(TERM="xterm", **more),
            stdin=slave,
            stdout=slave,
            stderr=slave,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(slave)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        """Look at the screen, or the writer would wait."""
        while self._open:
            if select.select([self._master], [], [], 0.05)[0]:
                with suppress(OSError):
                    os.read(self._master, 65536)

    def _runs(self) -> int:
        return int(self._journal("SELECT max(id) FROM run")[0][0])

    def _journal(self, query: str) -> list[tuple[object, ...]]:
        path = self._tale.teal.home / self._tale.project / "journal.db"
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True, timeout=10)) as connection:
            return connection.execute(query).fetchall()

    def until_step(self, step: str) -> None:
        """Wait until the journal knows that *step* has begun."""
        query = f"SELECT 1 FROM step WHERE run > {self._past} AND name = '{step}'"
        wait_until(lambda: bool(self._journal(query)), f"step {step}", within=60)

    def close(self) -> None:
        """Close the window."""
        if self._open:
            self._open = False
            self._reader.join()
            os.close(self._master)


@contextmanager
def terminal(tale: World, *words: str, **more: str) -> Iterator[Terminal]:
    """Yield a terminal in which ``teal WORDS`` runs."""
    shown = Terminal(tale, *words, **more)
    try:
        yield shown
    finally:
        shown.close()
        if shown.process.poll() is None:
            shown.process.kill()
            shown.process.wait()


@pytest.mark.parametrize("step", short(BEFORE, "start"))
def test_a_terminal_that_is_closed_before_the_switch_ends_the_deploy(tale: World, step: str) -> None:
    tale.write("teal.yml", ASLEEP)
    with tale.untouched(), terminal(tale, *QUICK, BOOT_SECONDS="3") as shown:
        shown.until_step(step)
        shown.close()
        assert shown.process.wait(60) == 130
    assert tale.teal.run("history", "--limit", "1").result["runs"][0]["outcome"] == "interrupted"


@pytest.mark.parametrize("step", short(AFTER, "drain"))
def test_a_terminal_that_is_closed_after_the_switch_does_not_stop_the_deploy(tale: World, step: str) -> None:
    before = tale.active
    with terminal(tale, *QUICK) as shown:
        shown.until_step(step)
        shown.close()
        assert shown.process.wait(60) == 0
    assert tale.whole() != before


@pytest.mark.long
@pytest.mark.parametrize("step", ["preflight", *BEFORE, *AFTER])
def test_a_pipe_that_nobody_reads_any_more_stops_nothing(tale: World, step: str) -> None:
    before = tale.active
    with tale.teal.running(*QUICK, BOOT_SECONDS="2") as run:
        run.until_step(step)
        run.deafen()
        assert run.end().status == 0
    assert tale.whole() != before

"""The real ``teal``, which ends itself at one exact point: ``python -m tests.faults.ending POINT SIGNAL -- WORDS``.

With ``RUN`` in the place of a signal the command line in ``TEAL_TEST_RUN`` is run there, and Teal goes on.

POINT is ``before:STEP`` (the journal knows that it begins), ``done:STEP`` (done, and the journal doesn't know it),
``after:STEP`` (the journal knows that it is done), ``tagged`` (images tagged, the release not yet kept) or ``beside``
(the new state written beside the old one at the switch, not yet renamed). Everything else is as in production.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from teal.adapters.caddy import state_file
from teal.adapters.state.journal import SqliteJournal
from teal.adapters.state.releases import ReleaseFolders
from teal.cli.main import main

POINT, SIGNAL = sys.argv[1], None if sys.argv[2] == "RUN" else signal.Signals[sys.argv[2]]
MARK = "TEAL_TEST_MARK"  # names the file that takes the moment
_step = ""


def end_here(point: str) -> None:
    """Send the signal to this process if this is the point; once."""
    if point == POINT and not Path(os.environ[MARK]).exists():
        Path(os.environ[MARK]).write_text(repr(time.time()), encoding="utf-8")
        if SIGNAL is None:
            subprocess.run(["sh", "-c", os.environ["TEAL_TEST_RUN"]], check=True, stdout=subprocess.DEVNULL)
        else:
            os.kill(os.getpid(), SIGNAL)


def wrapped(inner: Callable[..., Any], before: Callable[..., str], after: Callable[..., str]) -> Callable[..., Any]:
    """Return *inner* between two points, which *before* and *after* name."""

    def outer(*args: Any, **named: Any) -> Any:
        end_here(before(*args))
        found = inner(*args, **named)
        end_here(after(*args))
        return found

    return outer


def _begun(_: SqliteJournal, __: int, step: Any) -> str:
    global _step
    _step = step.name
    return f"before:{_step}"


def _nowhere(*_: Any) -> str:
    return ""


SqliteJournal.started = wrapped(SqliteJournal.started, _nowhere, _begun)  # type: ignore[method-assign]
SqliteJournal.finished = wrapped(  # type: ignore[method-assign]
    SqliteJournal.finished, lambda *_: f"done:{_step}", lambda *_: f"after:{_step}"
)
ReleaseFolders.keep = wrapped(ReleaseFolders.keep, lambda *_: "tagged", _nowhere)  # type: ignore[method-assign]
state_file._write = wrapped(state_file._write, _nowhere, lambda *_: "beside" if _step == "switch" else "")

if __name__ == "__main__":
    sys.argv = ["teal", *sys.argv[4:]]
    main()

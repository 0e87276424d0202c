"""What every example is held to: no traceback, no hang, nothing changed, a status of the table, a remedy."""

from __future__ import annotations

import re
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from hypothesis import strategies as st

from teal.cli.errors import explain, masked
from teal.cli.group import EXITS
from teal.cli.redaction import Redactor
from teal.errors import TealError

LONGEST = 5.0  # seconds for one example on a busy machine: all of them take milliseconds
STATUSES = {status for status, _ in EXITS}
# A terminal obeys these: none may come from a file into a message.
CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
WIDEST = 2000  # characters of a message: nobody reads a 64 kB one


@dataclass(frozen=True)
class Target:
    """Something of Teal that reads what others wrote."""

    name: str
    examples: st.SearchStrategy[Any]
    read: Callable[[Any], None]  # returns, or raises a TealError


def judge(target: Target, example: object) -> None:
    """Let Teal read *example*, and fail unless it ends well or in a proper error."""
    try:
        with in_time():
            _read(target, example)
    except Exception as error:
        error.__notes__ = [f"{target.name}: {repr(example)[:600]}"]
        raise


def _read(target: Target, example: object) -> None:
    try:
        target.read(example)
    except TealError as error:
        proper(error)


def proper(error: TealError) -> None:
    """Fail where a tired person could not act on *error*."""
    shown = masked(explain(error), Redactor({}))
    assert shown.status in STATUSES
    assert shown.message.strip(), "nothing is said"
    assert shown.hint.strip(), f"no remedy: {shown.message}"
    for part in (shown.message, shown.hint):
        assert not CONTROL.search(part), f"a control character: {part!r}"
        assert len(part) <= WIDEST, f"{len(part)} characters: {part[:100]}"


@contextmanager
def in_time(seconds: float = LONGEST) -> Iterator[None]:
    """Raise ``AssertionError`` where the body takes longer than *seconds*."""

    def over(signum: int, frame: FrameType | None) -> None:
        raise AssertionError(f"no answer within {seconds:g} s")

    before = signal.signal(signal.SIGALRM, over)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@contextmanager
def unchanged(folder: Path) -> Iterator[None]:
    """Fail where the body leaves anything in *folder* other than it was."""
    before = seen(folder)
    yield
    assert seen(folder) == before, "a file was changed"


def seen(folder: Path) -> dict[str, tuple[int, int, int]]:
    """Return mode, size and time of change of everything in *folder*."""
    found = {str(path): path.lstat() for path in folder.rglob("*")}
    return {path: (stat.st_mode, stat.st_size, stat.st_mtime_ns) for path, stat in found.items()}

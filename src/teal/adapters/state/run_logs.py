"""The log of each run: ``runs/N.jsonl``, N as the journal counts, a line for each event.

It is for whoever looks later or from elsewhere, and no run depends on it: what can't be written is lost, and a note
says so. A line is written in one call of the kernel, so that a reader who follows the file has it at once, and whole.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import msgspec

from teal.adapters.state.journal_db import WHOLE
from teal.core.model.units import Moment
from teal.core.planning.event_lines import LogLine, as_json, event_name, read_line
from teal.core.planning.events import Event, Message

LARGEST = 1024 * 1024  # bytes of one run: beyond it what tools say is left out
_FREE = frozenset({"text", "state", "message"})  # fields of which somebody else may have written a part
_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC | os.O_NOFOLLOW


@dataclass(slots=True)
class _Open:
    """A log that is being written."""

    fd: int
    began: float  # monotonic
    size: int = 0
    torn: bool = False  # the last line is there in part
    full: bool = False  # it was said that what tools say is left out


class RunLogFiles:
    """The logs in one folder, which is made when the first is begun."""

    def __init__(
        self,
        folder: Path,
        *,
        mask: Callable[[str], str] = str,
        now: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """*mask* takes out of what is written what must not be read later."""
        self._folder = folder
        self._mask = mask
        self._now, self._monotonic = now, monotonic
        self._open: dict[int, _Open] = {}
        self._notes: list[str] = []

    @property
    def notes(self) -> tuple[str, ...]:
        """Return what a person should know: that lines are missing, and why."""
        return tuple(dict.fromkeys(self._notes))

    def close(self) -> None:
        """Close what is open."""
        for each in self._open.values():
            with suppress(OSError):
                os.close(each.fd)
        self._open.clear()

    def begin(self, run: int) -> None:
        """Begin the log of *run* anew, and remove those of which the journal keeps no steps any more."""
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            path = self._path(run)
            path.unlink(missing_ok=True)  # of a journal that was lost since
            self._open[run] = _Open(os.open(path, _FLAGS, 0o600), self._monotonic())
        except OSError as error:
            self._lost(error)
        for old in self.runs():
            if old <= run - WHOLE:
                with suppress(OSError):
                    self._path(old).unlink()

    def append(self, run: int, event: Event) -> None:
        """Add the line of *event*; where that can't be, it is lost."""
        log = self._open.get(run)
        if log is None:
            return
        if isinstance(event, Message) and event.kind == "tool" and log.size > LARGEST:
            if log.full:
                return
            log.full = True
            event = Message("note", f"more than {LARGEST // 1024} kB were said: what tools say is left out from here")
        try:
            self._write(log, self._line(log, event))
        except (OSError, ValueError, TypeError) as error:
            self._lost(error)

    def read(self, run: int) -> tuple[LogLine, ...]:
        """Return the lines that are understood; a torn one, and what a newer Teal has added, are passed over."""
        try:
            raw = self._path(run).read_bytes()
        except FileNotFoundError:
            return ()
        except OSError as error:
            self._notes.append(f"the log {self._path(run)} can't be read: {error.strerror}")
            return ()
        return tuple(line for each in raw.split(b"\n") if (line := read_line(each)) is not None)

    def runs(self) -> tuple[int, ...]:
        """Return the runs whose log is there, the oldest first."""
        with suppress(OSError):
            return tuple(sorted(int(each.stem) for each in self._folder.glob("*.jsonl") if each.stem.isdecimal()))
        return ()

    def _line(self, log: _Open, event: Event) -> bytes:
        fields = {
            key: self._mask(value) if key in _FREE and isinstance(value, str) else value
            for key, value in as_json(event).items()
        }
        elapsed = round(self._monotonic() - log.began, 3)
        head = {"event": event_name(event), "elapsed": elapsed, "time": Moment(round(self._now(), 3))}
        return msgspec.json.encode({**head, **fields}) + b"\n"

    def _write(self, log: _Open, line: bytes) -> None:
        if log.torn:
            line = b"\n" + line
        written = os.write(log.fd, line)
        log.size += written
        log.torn = written < len(line)
        if log.torn:
            raise OSError(0, "a line was written in part only")

    def _lost(self, error: Exception) -> None:
        why = getattr(error, "strerror", None) or str(error)
        self._notes.append(f"lines of the run's log in {self._folder} are missing: {why}")

    def _path(self, run: int) -> Path:
        return self._folder / f"{run}.jsonl"

"""One mutating command at a time, by a lock that the kernel frees when its holder dies."""

from __future__ import annotations

import fcntl
import os
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import msgspec

from teal.adapters.state.directory import user_name
from teal.core.model.units import Moment, Seconds
from teal.errors import Locked, Refused
from teal.ports import Holder

_TRIES = 5  # whoever only looks holds a shared lock for an instant: that must not refuse a command
_PAUSE = Seconds(0.02)
_LONGEST = 4096
_LATEST = 1e11  # seconds since the epoch: what a calendar can show


class FileLock:
    """``flock`` on one file; what the file says of its holder counts only while the lock is really held."""

    def __init__(self, path: Path, *, now: Callable[[], float] = time.time) -> None:
        self._path = path
        self._word = path.with_name(f"{path.name}.asked")  # what another command wants of the one that holds it
        self._now = now

    def holder(self) -> Holder | None:
        """Return who holds the lock at this moment, None for nobody."""
        try:
            fd = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        except (FileNotFoundError, PermissionError):
            return None
        try:
            return None if _try(fd, fcntl.LOCK_SH) else _read(fd, Moment(os.fstat(fd).st_mtime))
        finally:
            os.close(fd)

    def ask(self, word: str) -> None:
        """Leave *word* for the command that holds the lock."""
        try:
            new = self._word.with_suffix(".new")
            new.write_text(word)
            new.replace(self._word)
        except OSError as error:
            raise Refused(f"{self._word} can't be written: {error.strerror}", hint="`teal check` says more") from error

    def waits(self) -> bool:
        """Tell whether a word that was left has not been read yet."""
        return self._word.exists()

    def asked(self) -> str:
        """Return the word that was left, once; "" for none."""
        with suppress(OSError):
            word = self._word.read_text()
            self._word.unlink()
            return word
        return ""

    @contextmanager
    def hold(self, command: str) -> Iterator[None]:
        """Take the lock or raise ``Locked`` at once; the file's own folder must exist."""
        fd = self._open()
        try:
            if not any(_try(fd, fcntl.LOCK_EX, pause=Seconds(_PAUSE * bool(attempt))) for attempt in range(_TRIES)):
                raise _locked(_read(fd, Moment(os.fstat(fd).st_mtime)))
            self.asked()  # it was left for another command
            _write(fd, Holder(command, user_name(), socket.gethostname(), os.getpid(), Moment(self._now())))
            try:
                yield
            finally:
                with suppress(OSError):
                    os.ftruncate(fd, 0)
        finally:
            os.close(fd)

    def _open(self) -> int:
        try:
            return os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o644)
        except OSError as error:
            raise Refused(
                f"the lock {self._path} can't be opened: {error.strerror}",
                hint="`teal check` says how to prepare the state directory",
            ) from error


def _try(fd: int, kind: int, *, pause: Seconds = Seconds(0.0)) -> bool:
    time.sleep(pause)
    try:
        fcntl.flock(fd, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _write(fd: int, holder: Holder) -> None:
    """Write who holds it; the lock holds on a full disk, too, where only the name is missing."""
    with suppress(OSError):
        os.ftruncate(fd, 0)
        os.pwrite(fd, msgspec.json.encode(holder) + b"\n", 0)


def _read(fd: int, changed: Moment) -> Holder:
    for attempt in range(_TRIES):  # it may be about to write its name
        time.sleep(_PAUSE * bool(attempt))
        with suppress(msgspec.DecodeError, OSError):
            holder = msgspec.json.decode(os.pread(fd, _LONGEST, 0), type=Holder)
            if 0 <= holder.since < _LATEST:
                return holder
    return Holder("another command", "somebody", "this machine", 0, changed)


def _locked(holder: Holder) -> Locked:
    since = time.strftime("%H:%M:%S", time.localtime(holder.since))
    return Locked(
        f"{holder.said} since {since}",
        hint="wait until it has ended; `teal status` shows how far it is",
    )

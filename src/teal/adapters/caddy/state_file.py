"""The state file that the proxy reads for every request, replaced in one durable rename."""

from __future__ import annotations

import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from teal.adapters.durable import sync_folder
from teal.core.model.traffic import Traffic, format_traffic, parse_traffic
from teal.errors import Unavailable

NAME = "state"  # below the directory that the proxy mounts at /etc/teal


class StateFile:
    """``state`` in the directory that the proxy mounts: one line, no newline at its end, readable for every user."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / NAME

    def read(self) -> Traffic | None:
        """Return what the file says; None for no file that can be read, or nothing that the proxy knows.

        The proxy goes plain then.
        """
        try:
            content = self._path.read_bytes()
        except (FileNotFoundError, IsADirectoryError):
            return None
        except OSError as error:
            if self.closed():
                return None
            raise _unavailable("read", self._path, error) from error
        return parse_traffic(_as_the_proxy_reads(content))

    def closed(self) -> bool:
        """Tell whether the file is there, and not every user may read it."""
        try:
            return not self._path.stat().st_mode & stat.S_IROTH
        except OSError:
            return False

    def write(self, traffic: Traffic) -> None:
        """Replace the file in one rename that survives a power cut; raise ``Unavailable`` where it stays as it was."""
        self._replace(format_traffic(traffic).encode())

    @contextmanager
    def lent(self) -> Iterator[None]:
        """Let the file be written within this block; then put back what was there before, or remove the file."""
        try:
            before = self._path.read_bytes()
        except FileNotFoundError:
            before = None
        except OSError as error:
            raise _unavailable("read", self._path, error) from error
        try:
            yield
        finally:
            if before is not None:
                self._replace(before)
            else:
                self._path.unlink(missing_ok=True)

    def _replace(self, content: bytes) -> None:
        beside = self._path.with_name(f".{NAME}-{secrets.token_hex(4)}")
        try:
            self._sweep()
            self._set_aside()
            _write(beside, content)
            beside.replace(self._path)
            sync_folder(self._path.parent)
        except OSError as error:
            with suppress(OSError):
                beside.unlink(missing_ok=True)
            raise _unavailable("written", self._path, error) from error

    def _set_aside(self) -> None:
        """Put a directory that stands in the file's place beside the one that the proxy mounts."""
        if self._path.is_dir() and not self._path.is_symlink():
            self._path.rename(self._path.parent.with_name(f"{NAME}.bad-{secrets.token_hex(4)}"))

    def _sweep(self) -> None:
        """Remove what a killed command wrote and never renamed; whoever writes holds the lock."""
        for left in self._path.parent.glob(f".{NAME}-*"):
            left.unlink(missing_ok=True)


def _as_the_proxy_reads(content: bytes) -> str:
    """Return the content as Caddy's file placeholder does: without one line end."""
    return content.removesuffix(b"\n").removesuffix(b"\r").decode(errors="replace")


def _write(path: Path, content: bytes) -> None:
    """Write a new file that every user may read, whatever the umask, and wait until it is on disk."""
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
    try:
        os.fchmod(fd, 0o644)
        os.write(fd, content)
        os.fsync(fd)
    finally:
        os.close(fd)


def _unavailable(what: str, path: Path, error: OSError) -> Unavailable:
    return Unavailable(
        f"the proxy's state file {path} can't be {what}: {error.strerror}",
        hint="`teal check` prints the one command that prepares the directory",
    )

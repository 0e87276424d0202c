"""The host: its memory and disk, the owner's hooks, the published color, randomness, the clock."""

from __future__ import annotations

import asyncio
import os
import re
import secrets
import shutil
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from teal import ports
from teal.adapters import process, provenance
from teal.adapters.state.directory import Home
from teal.core.model.units import Moment, Seconds
from teal.core.report.values import Author, Revision
from teal.errors import CheckFailed, ConfigError, Unavailable
from teal.ports import LineSink

_KILOBYTES = re.compile(r"^(\w+):\s*(\d{1,18})\b", re.MULTILINE)
PUBLISHED = ".deployment-color"
_MOST = 200  # programs of a container that are looked at


class Host(ports.Machine):
    """This machine, seen from a stack's *directory* (its checkout) and the *home* of its state."""

    def __init__(self, directory: str, home: Home, environ: Mapping[str, str]) -> None:
        self._directory = Path(directory)
        self._home = home
        self._state = home.folder
        self._environ = dict(environ)

    def memory(self) -> tuple[int, int]:
        """Return (total, available) bytes of the machine; a limit on Teal itself does not bind the containers."""
        return read_memory(Path("/proc/meminfo").read_text(encoding="ascii"))

    def unprepared(self) -> str:
        """Return the one command that prepares the state directory for this user, "" where nothing is missing."""
        return self._home.missing()

    def programs(self, pid: int) -> Mapping[str, tuple[str, ...]]:
        """Return the programs that run as process *pid* or below it, each with its words; none that can't be seen."""
        found: dict[str, tuple[str, ...]] = {}
        left = [pid] if pid else []
        while left and len(found) < _MOST:
            process = Path(f"/proc/{left.pop()}")
            with suppress(OSError):
                name = (process / "comm").read_text(encoding="utf-8", errors="replace").strip()
                words = (process / "cmdline").read_text(encoding="utf-8", errors="replace").split("\0")
                found.setdefault(name, tuple(filter(None, words)))
                left += map(int, (process / "task" / process.name / "children").read_text(encoding="ascii").split())
        return found

    def disk(self) -> int:
        """Return the bytes that are free under the state directory, or where it will be."""
        there = next(folder for folder in (self._state, *self._state.absolute().parents) if folder.is_dir())
        return shutil.disk_usage(there).free

    def texts(self, folder: str, suffix: str) -> Mapping[str, str]:
        """Return the contents of the files in *folder* whose names end so, by name."""
        try:
            found = sorted(each for each in Path(folder).iterdir() if each.name.endswith(suffix))
            return {each.name: each.read_text(encoding="utf-8") for each in found}
        except FileNotFoundError as error:
            raise ConfigError(f"there is no directory {folder}", hint="create it") from error
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
            raise ConfigError(f"the files in {folder} can't be read: {reason}", hint="make them readable") from error

    async def hook(self, command: Sequence[str], facts: Mapping[str, str], *, on_line: LineSink) -> int:
        """Run *command* in the checkout, *facts* in its environment, and return its status."""
        environment = {**self._environ, **facts, "PWD": str(self._directory)}
        try:
            ended = await process.run(command, cwd=str(self._directory), env=environment, on_line=on_line)
        except OSError as error:
            reason = error.strerror or str(error)
            raise CheckFailed(f"the hook {command[0]} can't be run: {reason}", hint="see hooks in teal.yml") from error
        return ended.status

    def publish(self, color: str) -> None:
        """Write ``.deployment-color`` in one rename, readable by all, owned like the checkout where that is allowed."""
        handle, name = tempfile.mkstemp(dir=self._directory, prefix=f"{PUBLISHED}.")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(f"{color}\n")
            Path(name).chmod(0o644)
            self._give(name)
            Path(name).replace(self._directory / PUBLISHED)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise

    def published(self) -> str | None:
        """Return what is published, None for nothing."""
        try:
            return (self._directory / PUBLISHED).read_text(encoding="utf-8", errors="replace").strip() or None
        except OSError:
            return None

    def author(self) -> Author:
        """Return who gives this command, by sudo or continuous integration, too."""
        return provenance.author(self._environ)

    async def revision(self) -> Revision | None:
        """Return what the checkout stands at; None where it is no repository, or that can't be asked soon."""
        return await provenance.revision(self._directory, self._environ)

    def secret(self) -> str:
        """Return 32 random letters and digits."""
        return secrets.token_hex(16)

    def _give(self, name: str) -> None:
        """Under sudo the file still belongs to whoever owns the checkout: else their ``git clean`` fails."""
        owner = self._directory.stat()
        with suppress(OSError):
            os.chown(name, owner.st_uid, owner.st_gid)


def read_memory(meminfo: str) -> tuple[int, int]:
    """Return (total, available) bytes from the text of /proc/meminfo."""
    kilobytes = {name: int(number) for name, number in _KILOBYTES.findall(meminfo)}
    try:
        return kilobytes["MemTotal"] * 1024, kilobytes["MemAvailable"] * 1024
    except KeyError as error:
        raise Unavailable(f"/proc/meminfo does not name {error}", hint="Teal needs Linux 3.14 or newer") from error


class SystemClock(ports.Clock):
    """This machine's clock."""

    def now(self) -> Moment:
        """Return seconds since the epoch."""
        return Moment(time.time())

    def monotonic(self) -> float:
        """Return seconds since some moment; they never jump."""
        return time.monotonic()

    async def sleep(self, seconds: Seconds) -> None:
        """Wait."""
        await asyncio.sleep(seconds)

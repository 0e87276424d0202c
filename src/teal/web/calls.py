"""Calls `teal` for whoever pressed a button: a process of its own, which goes on though the page dies."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import IO, Any

from teal.core.model.units import Moment
from teal.web.desk import Desk
from teal.web.seen import Begun

_LONGEST = 120.0  # seconds that a look ahead may take
_LAST = 1 << 20  # bytes of what a command has written that are read: its last line is its result


@dataclass(frozen=True, slots=True)
class Told:
    """What a command that only looks has answered, or why it has not."""

    result: Mapping[str, Any] = field(default_factory=dict)
    message: str = ""
    hint: str = ""
    detail: str = ""


@dataclass(slots=True)
class Call:
    """One command that was started here."""

    command: str
    by: str
    at: Moment
    process: subprocess.Popen[bytes]
    output: IO[bytes]  # a file: a pipe would break with the page, and what is told into it would be lost
    _told: bool = False

    def ended_since_asked(self) -> bool:
        """Tell once that it has ended."""
        if self._told or self.process.poll() is None:
            return False
        self._told = True
        return True

    def begun(self) -> Begun:
        """Return how it goes."""
        status = self.process.poll()
        if status is None:
            return Begun(self.command, self.by, self.at, "running")
        told = told_by(last_of(self.output))
        if status == 0:
            return Begun(self.command, self.by, self.at, "done", _outcome(told))
        message = told.message or f"{self.command} ended with exit status {status} and said nothing"
        return Begun(self.command, self.by, self.at, "failed", message, told.hint)


def start(desk: Desk, words: Sequence[str], by: str) -> Call:
    """Start a command in a session of its own: no signal that ends the page reaches it."""
    output = tempfile.TemporaryFile()  # noqa: SIM115 (it lives as long as the call is shown)
    process = subprocess.Popen(
        [*desk.argv, *words, "--json"],
        cwd=desk.cwd or None,
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=output,
        start_new_session=True,
        env=environment(),
    )
    return Call(" ".join(words), by, Moment(time.time()), process, output)


async def ask(desk: Desk, words: Sequence[str]) -> Told:
    """Return what a command answers; for those that change nothing."""
    process = await asyncio.create_subprocess_exec(
        *desk.argv,
        *words,
        "--json",
        cwd=desk.cwd or None,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        env=environment(),
    )
    try:
        async with asyncio.timeout(_LONGEST):
            output, _ = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        return Told(message=f"{' '.join(words)} did not answer within {_LONGEST:.0f} s")
    told = told_by(output)
    if told.result or told.message:
        return told
    return Told(message=f"{' '.join(words)} said nothing that this page understands")


def environment() -> dict[str, str]:
    """Return this process's environment, in which nothing asks for colors."""
    return {**os.environ, "NO_COLOR": "1"}


def last_of(output: IO[bytes]) -> bytes:
    """Return the end of what was written."""
    length = output.seek(0, os.SEEK_END)
    output.seek(max(0, length - _LAST))
    return output.read()


def told_by(output: bytes) -> Told:
    """Return what the last object among lines of JSON says."""
    for line in reversed(output.decode(errors="replace").splitlines()):
        try:
            found = json.loads(line)
        except ValueError:
            continue
        if isinstance(found, dict):
            return _told(found)
    return Told()


def _told(found: Mapping[str, Any]) -> Told:
    error = found.get("error")
    if not isinstance(error, dict):
        return Told(result=found)
    message, hint, detail = (str(error.get(key) or "") for key in ("message", "hint", "detail"))
    return Told({}, message, hint, detail)


def _outcome(told: Told) -> str:
    outcome = told.result.get("outcome")
    return "nothing had changed since the release that serves" if outcome == "unchanged" else ""

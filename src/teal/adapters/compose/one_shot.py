"""A one-shot runs in a container that outlives Teal, so that a kill neither repeats nor doubles it."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from teal.adapters.process import Ended
from teal.errors import Failed, TealError
from teal.ports import LineSink

_FOUND = re.compile(r"([a-z]+) (-?\d{1,9}) ?(\w*)")
DEFINITION = "teal.definition"  # digest of the file that a one-shot was made from


class Docker(Protocol):
    """A docker that runs commands."""

    async def __call__(
        self, argv: Sequence[str], *, on_line: LineSink | None = None, failure: TealError | None = None
    ) -> Ended:
        """Run ``docker`` *argv*; where it fails, *failure* is raised, if given."""
        ...


@dataclass(frozen=True, slots=True)
class EarlierRun:
    """The container of an earlier attempt; all empty for none."""

    state: str = ""
    status: int = 0
    definition: str = ""

    @property
    def running(self) -> bool:
        """Tell whether it runs now."""
        return self.state == "running"

    def serves(self, definition: str) -> bool:
        """Tell whether it does, or has done, what *definition* asks for."""
        return self.definition == definition and (self.running or (self.state == "exited" and self.status == 0))


def digest(file: str) -> str:
    """Return what tells the definition in *file* from others."""
    return hashlib.sha256(Path(file).read_bytes()).hexdigest()


async def run(
    docker: Docker, compose: Sequence[str], service: str, *, name: str, definition: str, on_line: LineSink
) -> int:
    """Run *service* in container *name*, or find it there; return its exit status. Cancelled, it is stopped."""
    found = await _found(docker, name)
    if found.running:
        on_line(f"{name} still runs from an earlier attempt: waiting until it ends")
    try:
        if not found.serves(definition):
            await _renew(docker, found, name)
            await _start(docker, compose, service, name, definition)
        await docker(("logs", "--follow", name), on_line=on_line)
        status = await _ended(docker, name)
    except asyncio.CancelledError:
        await asyncio.shield(docker(("stop", name)))
        raise
    if status == 0:
        await docker(("rm", "--volumes", name))
    return status


async def _found(docker: Docker, name: str) -> EarlierRun:
    show = f'{{{{.State.Status}}}} {{{{.State.ExitCode}}}} {{{{index .Config.Labels "{DEFINITION}"}}}}'
    ended = await docker(("container", "inspect", "--format", show, name))
    found = _FOUND.fullmatch(ended.lines[-1]) if ended.status == 0 and ended.lines else None
    return EarlierRun(found[1], int(found[2]), found[3]) if found else EarlierRun()


async def _renew(docker: Docker, found: EarlierRun, name: str) -> None:
    """Remove the previous container; one that still runs, by another definition, is waited for first."""
    if found.running:
        await _ended(docker, name)
    await docker(("rm", "--force", "--volumes", name))


async def _start(docker: Docker, compose: Sequence[str], service: str, name: str, definition: str) -> None:
    options = ("--detach", "--no-deps", "--use-aliases", "--no-TTY", "--interactive=false", "--name", name)
    label = ("--label", f"{DEFINITION}={definition}")
    failure = Failed(f"the one-shot {service} can't be started", hint="what Docker printed is above")
    await docker((*compose, "run", *options, *label, service), failure=failure)


async def _ended(docker: Docker, name: str) -> int:
    """Return the exit status once it has ended: its log may end before it, or not be readable at all."""
    ended = await docker(("wait", name))
    if ended.status == 0 and ended.lines and ended.lines[-1].isdecimal():
        return int(ended.lines[-1])
    raise Failed(
        f"the one-shot {name} was removed while it ran: nobody knows how it ended",
        hint="check whether its work is done, then deploy again",
        detail=ended.text,
    )

"""Translates: a one-shot into a container that outlives Teal, so that a kill neither repeats nor doubles it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Protocol

from teal.adapters.child import Ended
from teal.errors import Failed, TealError
from teal.ports import Told


class Docker(Protocol):
    """A docker that runs commands."""

    async def __call__(
        self, argv: Sequence[str], *, told: Told | None = None, failure: TealError | None = None
    ) -> Ended:
        """Run ``docker`` *argv*; where it fails, *failure* is raised, if given."""
        ...


async def run(docker: Docker, compose: Sequence[str], service: str, *, name: str, told: Told) -> int:
    """Run *service* in container *name*, or find it there; return its exit status. Cancelled, it is stopped."""
    state, status = await _found(docker, name)
    if state == "running":
        told(f"{name} still runs since the last attempt: waiting for its end")
    elif state != "exited" or status != 0:
        await docker(("rm", "--force", "--volumes", name))
        await _start(docker, compose, service, name)
    try:
        await docker(("logs", "--follow", name), told=told)
        status = await _ended(docker, name)
    except asyncio.CancelledError:
        await asyncio.shield(docker(("stop", name)))
        raise
    if status == 0:
        await docker(("rm", "--volumes", name))
    return status


async def _found(docker: Docker, name: str) -> tuple[str, int]:
    """Return the state and exit status of the container, ("", 0) for none."""
    ended = await docker(("container", "inspect", "--format", "{{.State.Status}} {{.State.ExitCode}}", name))
    words = ended.lines[-1].split() if ended.lines else []
    return (words[0], int(words[1])) if ended.status == 0 and len(words) == 2 else ("", 0)


async def _start(docker: Docker, compose: Sequence[str], service: str, name: str) -> None:
    options = ("--detach", "--no-deps", "--no-TTY", "--interactive=false", "--name", name)
    await docker((*compose, "run", *options, service), failure=Failed(f"the one-shot {service} can't be started"))


async def _ended(docker: Docker, name: str) -> int:
    """Return the exit status once it has ended: its log may end before it, or not be readable at all."""
    ended = await docker(("wait", name))
    if ended.status == 0 and ended.lines and ended.lines[-1].isdecimal():
        return int(ended.lines[-1])
    raise Failed(
        f"the one-shot {name} was removed while it ran: nobody knows how it ended",
        hint="look whether its work is done, then deploy again",
        detail=ended.text,
    )

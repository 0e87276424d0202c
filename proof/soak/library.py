"""A program that lives long and deploys by the library, again and again, in one process.

Run as ``python -m proof.soak.library`` in a stack's folder it deploys once for each line of its input, and answers with
a line of its own: what the process holds afterwards.
"""

import asyncio
import gc
import os
import subprocess
import sys
import threading
from pathlib import Path
from typing import Self

import msgspec

from proof.managed import Managed, ProofFailed
from teal.cli.options import Purpose
from teal.cli.redaction import Redactor
from teal.cli.runner import ignore_events
from teal.cli.wiring import opened
from teal.config.options import Options, Overrides
from teal.run.api import DeployOptions
from teal.run.commands.deploy import deploy
from teal.run.commands.status import history, status


class Held(msgspec.Struct, frozen=True):
    """What a process holds: open file descriptors, bytes of memory of its own, threads."""

    fds: int
    memory: int
    threads: int = 0


class Library:
    """The process, seen from outside."""

    def __init__(self, stack: Managed) -> None:
        self._stack = stack

    def __enter__(self) -> Self:
        self._child = subprocess.Popen(
            [sys.executable, "-m", "proof.soak.library"],
            cwd=self._stack.folder,
            env={**self._stack.environment, "PYTHONPATH": os.pathsep.join(sys.path)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.held = self._asked("look")
        return self

    def __exit__(self, *_: object) -> None:
        self._child.kill()
        self._child.communicate()

    def deploy(self) -> None:
        """Let it deploy once."""
        self.held = self._asked("deploy")

    def _asked(self, word: str) -> Held:
        assert self._child.stdin is not None
        assert self._child.stdout is not None
        self._child.stdin.write(f"{word}\n")
        self._child.stdin.flush()
        answer = self._child.stdout.readline()
        if not answer:
            raise ProofFailed("the process that deploys by the library has ended; its error is above")
        return msgspec.json.decode(answer, type=Held)


async def once(word: str) -> None:
    """Open the stack, look at it, deploy it if *word* says so, and close it."""
    async with opened(Options(), Overrides(), Purpose.CHANGE, Redactor(os.environ)) as found:
        if word == "deploy":
            await deploy(found.ports, found.stack, DeployOptions(force=True, build="none"), ignore_events)
        await status(found.ports, found.stack)
        history(found.ports, 20)


def held_by(pid: int | str) -> Held | None:
    """Return what process *pid* holds; None where that is not for this user to know."""
    process = Path(f"/proc/{pid}")
    try:
        fields = dict(line.split(":", 1) for line in (process / "status").read_text().splitlines())
        return Held(len(list((process / "fd").iterdir())), int(fields["RssAnon"].split()[0]) * 1024)
    except OSError:
        return None


def main() -> None:
    """Deploy at each line, in one event loop."""
    with asyncio.Runner() as runner:
        for line in sys.stdin:
            runner.run(once(line.strip()))
            gc.collect()
            held = held_by("self")
            assert held is not None
            answer = Held(held.fds, held.memory, threading.active_count())
            sys.stdout.write(msgspec.json.encode(answer).decode() + "\n")
            sys.stdout.flush()


if __name__ == "__main__":
    main()

"""The Machine port in memory, with keys that are not random, and the Clock port, whose wall clock can jump."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Mapping, Sequence

from teal import ports
from teal.core.model.units import Moment, Seconds
from teal.core.report.values import Author, Revision
from teal.ports import LineSink
from tests.simulated.process import Process, acts, asks, passes, reads, writes
from tests.simulated.world import World


class SimulatedClock(ports.Clock):
    """Time in the world."""

    def __init__(self, world: World, process: Process) -> None:
        self.world = world
        self.process = process

    @reads
    def now(self) -> Moment:
        return Moment(self.world.now)

    @reads
    def monotonic(self) -> float:
        return self.world.loop.time()

    @passes
    async def sleep(self, seconds: Seconds) -> None:
        await asyncio.sleep(seconds)


GIB = 1024**3


class SimulatedMachine(ports.Machine):
    """A host with 16 GiB."""

    def __init__(self, world: World, process: Process) -> None:
        self.world = world
        self.process = process

    @reads
    def memory(self) -> tuple[int, int]:
        return 16 * GIB, 8 * GIB

    @reads
    def unprepared(self) -> str:
        return ""

    @reads
    def programs(self, pid: int) -> Mapping[str, tuple[str, ...]]:
        return {}

    @reads
    def disk(self) -> int:
        return 0 if self.world.disk.full else 50 * GIB

    @reads
    def texts(self, folder: str, suffix: str) -> Mapping[str, str]:
        found = {path.removeprefix(f"{folder}/"): text for path, text in self.world.disk.texts.items()}
        return {name: text for name, text in sorted(found.items()) if "/" not in name and name.endswith(suffix)}

    @acts
    async def hook(self, command: Sequence[str], facts: Mapping[str, str], *, on_line: LineSink) -> int:
        return 0

    @writes
    def publish(self, color: str) -> None:
        if self.world.disk.unwritable or self.world.disk.full:
            raise OSError(errno.ENOSPC, "No space left on device")
        self.world.disk.published = color

    @reads
    def published(self) -> str | None:
        return self.world.disk.published or None

    @reads
    def author(self) -> Author:
        return Author("somebody")

    @asks
    async def revision(self) -> Revision | None:
        return None

    @reads
    def secret(self) -> str:
        return self.world.id("k3y")

"""Translates: the Clock port: virtual time, and a wall clock that can be made to jump."""

from __future__ import annotations

import asyncio

from teal import ports
from tests.simulated.process import Process, passes, reads
from tests.simulated.world import World


class SimulatedClock(ports.Clock):
    """Time in the world."""

    def __init__(self, world: World, process: Process) -> None:
        self.world = world
        self.process = process

    @reads
    def now(self) -> float:
        return self.world.now

    @reads
    def monotonic(self) -> float:
        return self.world.loop.time()

    @passes
    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

"""Translates: the Lock port: held by a process of the world, freed when it dies."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from teal import ports
from teal.errors import Locked
from teal.ports import Holder
from tests.simulated.process import Process, reads
from tests.simulated.world import World


class MemoryLock(ports.Lock):
    """One mutating command at a time."""

    def __init__(self, world: World, process: Process) -> None:
        self.world = world
        self.process = process

    @reads
    def holder(self) -> Holder | None:
        held, since = self.world.holder, self.world.held_since
        return None if held is None else Holder(self.world.held_for, "somebody", "here", held.pid, since)

    @contextmanager
    def hold(self, command: str) -> Iterator[None]:
        self.process.check()
        if self.world.holder is not None:
            raise Locked(f"{self.world.held_for} works on this stack", hint="wait until it has ended")
        self.world.holder, self.world.held_for, self.world.held_since = self.process, command, self.world.now
        try:
            yield
        finally:
            if self.world.holder is self.process:
                self.world.holder = None

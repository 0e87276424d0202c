"""The Databases port in memory: what was applied lies in the world, and outlives Teal."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from teal import ports
from teal.core.judge.values import Catalog, Counted, Planned, Tried
from teal.core.migrations.connection import Credentials
from teal.core.migrations.files import Applied, ScriptFile
from teal.core.migrations.gate import DatabaseSession
from teal.core.model.units import Moment
from teal.errors import Locked
from teal.ports import LineSink
from tests.simulated.process import Process, acts, asks
from tests.simulated.world import World


class SimulatedDatabases(ports.Databases):
    """The one database of the world."""

    def __init__(self, world: World, process: Process) -> None:
        self.world = world
        self.process = process

    def missing(self) -> tuple[str, ...]:
        return ()

    @asynccontextmanager
    async def open(self, login: Credentials, *, application: str) -> AsyncIterator[SimulatedDatabase]:
        yield SimulatedDatabase(self.world, self.process)


class SimulatedDatabase(ports.Database):
    """A database that believes each file, and has as many rows to fill as its world says."""

    def __init__(self, world: World, process: Process) -> None:
        self.world = world
        self.process = process

    @asks
    async def catalog(self) -> Catalog:
        return Catalog(asked=True)

    @asks
    async def statements(self) -> Counted:
        return Counted()

    @asks
    async def unplanned(self, parts: object, queries: object) -> Planned:
        return Planned()

    @asks
    async def tried(self, attempts: object) -> dict[str, Tried]:
        return {}

    @asks
    async def sessions(self) -> tuple[DatabaseSession, ...]:
        return ()

    @asks
    async def count(self, sql: str) -> int:
        return self.world.rows

    @asks
    async def applied(self) -> tuple[Applied, ...]:
        return tuple(self.world.applied.values())

    @acts
    async def apply(self, file: ScriptFile, *, on_line: LineSink) -> None:
        assert file.name not in self.world.applied, f"{file.name} is applied a second time"
        self._record(file)

    @acts
    async def batch(self, sql: str, *, on_line: LineSink) -> int:
        filled = min(self.world.rows, 1000)
        self.world.rows -= filled
        return filled

    @acts
    async def record(self, file: ScriptFile) -> None:
        self._record(file)

    @asynccontextmanager
    async def exclusively(self, stack: str) -> AsyncIterator[None]:
        holder = self.world.migrating
        if holder is not None and holder.alive:
            raise Locked(f"another runner migrates this database now: {holder.name}", hint="wait for its end")
        self.world.migrating = self.process
        try:
            yield
        finally:
            self.world.migrating = None

    def _record(self, file: ScriptFile) -> None:
        self.world.applied[file.name] = Applied(file.name, file.checksum, Moment(self.world.now), len(file.statements))

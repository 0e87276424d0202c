"""The corpus' world in a real TimescaleDB: each entry has a schema of its own, so that all share one database."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from teal.core.judge import Phase, Script
from teal.core.migrations.sql import parse
from tests.engine.server import Server

ROWS = 1_500
SOURCE = (Path(__file__).parent / "world.sql").read_text(encoding="utf-8")


class World:
    """One schema with the tables of ``world.sql``."""

    def __init__(self, server: Server, database: str, schema: str) -> None:
        self._server, self._database, self.schema = server, database, schema
        self._open: list[Any] = []

    async def client(self, **settings: str) -> Any:
        """Return a connection that sees this schema first."""
        connection = await self._server.connect(self._database)
        self._open.append(connection)
        said = {"search_path": f"{self.schema}, public", "max_parallel_maintenance_workers": "0", **settings}
        await connection.execute("; ".join(f"SET {name} = {value}" for name, value in said.items()))
        return connection

    async def make(self) -> None:
        """Create the schema and all that is in it."""
        client = await self.client()
        await client.execute(f"CREATE EXTENSION IF NOT EXISTS timescaledb; CREATE SCHEMA IF NOT EXISTS {self.schema}")
        await client.execute(SOURCE.replace("{rows}", str(ROWS)))

    async def close(self) -> None:
        """End all connections; the schema goes with the server."""
        for connection in self._open:
            connection.terminate()


@asynccontextmanager
async def world(server: Server, database: str, schema: str) -> AsyncIterator[World]:
    """Make a world, and leave it."""
    made = World(server, database, schema)
    try:
        await made.make()
        yield made
    finally:
        await made.close()


async def apply(client: Any, script: Script) -> None:
    """Apply *script* as a runner does: in one transaction or one by one; a backfill until nothing is left."""
    if not parse(script.sql):
        return
    own = re.search(r"^\s*BEGIN;", script.sql, re.M) is not None
    if script.transaction and not own:
        async with client.transaction():
            await client.execute(script.sql)
    else:
        for statement in parse(script.sql):
            await client.execute(statement.sql)
    if script.phase is Phase.BACKFILL and "LIMIT" in script.sql and "DO $$" not in script.sql:
        for _ in range(50):
            if (await client.execute(script.sql)).endswith(" 0"):
                return

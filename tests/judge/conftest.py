"""A real TimescaleDB for the tests of the judge."""

import asyncio
from collections.abc import Iterator

import pytest

from tests.engine.sandbox import Sandbox
from tests.engine.server import Server


@pytest.fixture(scope="session")
def place() -> Iterator[tuple[Server, str]]:
    box = Sandbox()
    try:
        server = Server(box)
        database = asyncio.run(server.make())
        asyncio.run(_extend(server, database))
        yield server, database
    finally:
        box.clean()


async def _extend(server: Server, database: str) -> None:
    client = await server.connect(database)
    for setting in ("fsync = off", "synchronous_commit = off", "autovacuum = off"):  # what is tried needs no disk
        await client.execute(f"ALTER SYSTEM SET {setting}")
    await client.execute("SELECT pg_reload_conf(); CREATE EXTENSION IF NOT EXISTS timescaledb")
    await client.close()

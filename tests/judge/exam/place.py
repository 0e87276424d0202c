"""A database for each question, made in a real server and dropped after it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

from teal.adapters.postgres import PostgresDatabases
from teal.ports import Database
from tests.engine.sandbox import Sandbox
from tests.engine.server import Server
from tests.judge.exam.entries import Entry

ROLES = ("clerk", "auditor")  # what an application or its neighbor logs in as; a setup grants to them


class Place:
    """The database of one question, set up as its change finds it."""

    def __init__(self, server: Server, name: str) -> None:
        self._server, self._name = server, name
        self._open: list[Any] = []

    async def client(self, role: str = "") -> Any:
        """Return a connection of its own, as *role*."""
        connection = await self._server.connect(self._name)
        self._open.append(connection)
        await connection.execute("SET statement_timeout = '60s'")  # nothing of the exam may wait for ever
        if role:
            await connection.execute(f"SET ROLE {role}")
        return connection

    @asynccontextmanager
    async def teal(self) -> AsyncIterator[Database]:
        """Give Teal's own way into the database."""
        async with PostgresDatabases().open(self._server.login(self._name), application="teal exam") as database:
            yield database

    async def close(self) -> None:
        for connection in self._open:
            connection.terminate()


@contextmanager
def serving() -> Iterator[Server]:
    """Run a server."""
    box = Sandbox()
    try:
        server = Server(box)
        asyncio.run(prepare(server))
        yield server
    finally:
        box.clean()


async def prepare(server: Server) -> None:
    """Create the roles; what is tried needs no disk."""
    client = await server.connect()
    for setting in ("fsync = off", "synchronous_commit = off", "full_page_writes = off", "autovacuum = off"):
        await client.execute(f"ALTER SYSTEM SET {setting}")
    await client.execute("SELECT pg_reload_conf()")
    for role in ROLES:
        if not await client.fetchval("SELECT count(*) FROM pg_roles WHERE rolname = $1", role):
            await client.execute(f"CREATE ROLE {role}")
    await client.close()


@asynccontextmanager
async def standing(server: Server, entry: Entry, *, analyzed: bool = False) -> AsyncIterator[Place]:
    """Make the database of *entry*; the server takes it along when it goes."""
    name = await server.make()
    place = Place(server, name)
    try:
        client = await place.client()
        if entry.timescale:
            await client.execute("CREATE EXTENSION IF NOT EXISTS timescaledb")
        await client.execute(entry.setup)
        if analyzed:
            await client.execute("ANALYZE")
        yield place
    finally:
        await place.close()

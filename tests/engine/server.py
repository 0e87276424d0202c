"""A real TimescaleDB in a container, with a database of its own for each test."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from importlib import import_module
from typing import Any

from teal.adapters.postgres import PostgresDatabases
from teal.core.migrations.connection import Credentials
from teal.core.migrations.files import ScriptFile, read_files
from teal.errors import Unavailable
from teal.ports import Database
from tests.engine.sandbox import Sandbox, docker

IMAGE = "timescale/timescaledb-ha:pg17"
PASSWORD = "not-to-be-seen"


class Server:
    """One server, reached by its container's address as Teal reaches it."""

    def __init__(self, sandbox: Sandbox, *settings: str) -> None:
        said = [f"--env=POSTGRES_{key}={value}" for key, value in (("USER", "shop"), ("PASSWORD", PASSWORD))]
        command = ["postgres", *(f"-c{each}" for each in settings)] if settings else []
        self.container = docker("run", "-d", "--label", sandbox.mine, *said, IMAGE, *command)
        show = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
        self.address = docker("inspect", "--format", show, self.container)
        asyncio.run(self._ready())

    def login(self, name: str) -> Credentials:
        return Credentials("shop", PASSWORD, name, 5432, "web.DATABASE_URL", addresses=(self.address,))

    async def connect(self, name: str = "shop") -> Any:
        """Return a bare connection, as an application has it."""
        return await import_module("asyncpg").connect(
            host=self.address, user="shop", password=PASSWORD, database=name, timeout=5
        )

    async def make(self) -> str:
        """Create a database; return its name."""
        name, connection = f"t_{secrets.token_hex(4)}", await self.connect()
        await connection.execute(f"CREATE DATABASE {name}")
        await connection.close()
        return name

    async def _ready(self) -> None:
        """Wait until it takes connections for good: while it is made, it listens on a socket only."""
        for _ in range(600):
            try:
                async with PostgresDatabases().open(self.login("shop"), application="test") as database:
                    await database.applied()
                    return
            except Unavailable:
                await asyncio.sleep(0.1)
        raise TimeoutError(docker("logs", self.container))


class Place:
    """One database: Teal's way into it, and an application's."""

    def __init__(self, server: Server, name: str) -> None:
        self.server, self.name = server, name

    @property
    def login(self) -> Credentials:
        return self.server.login(self.name)

    @asynccontextmanager
    async def teal(self, application: str = "teal shop", **facts: Any) -> AsyncIterator[Database]:
        async with PostgresDatabases().open(replace(self.login, **facts), application=application) as database:
            yield database

    @asynccontextmanager
    async def client(self) -> AsyncIterator[Any]:
        connection = await self.server.connect(self.name)
        try:
            yield connection
        finally:
            await connection.close()

    async def ask(self, sql: str) -> Any:
        async with self.client() as client:
            return await client.fetchval(sql)

    async def run(self, sql: str) -> None:
        async with self.client() as client:
            await client.execute(sql)


def file(name: str, sql: str) -> ScriptFile:
    """Return the file *name* (without .sql) that holds *sql*."""
    (found,) = read_files({f"{name}.sql": sql})
    return found

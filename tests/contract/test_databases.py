"""The database answers alike, in a real TimescaleDB and in the simulated world."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Protocol

import pytest

from teal.adapters.postgres import PostgresDatabases
from teal.core.migrations.connection import Credentials
from teal.errors import Locked
from teal.ports import Database, Databases
from tests.engine.sandbox import Sandbox
from tests.engine.server import Server, file
from tests.simulated import Process, SimulatedDatabases, World, virtual_loop

pytestmark = [pytest.mark.engine, pytest.mark.timeout(120)]
ROWS = 2500
FILL = "UPDATE t SET x = id WHERE id IN (SELECT id FROM t WHERE x IS NULL LIMIT 1000)"
LEFT = "SELECT count(*) FROM t WHERE x IS NULL"
EXPAND = file("0001_one.expand", "CREATE TABLE one (id int);\nCREATE TABLE two (id int);")
BACKFILL = file("0001_one.backfill", f"{FILL};")
Test = Callable[[Databases, Credentials], Awaitable[None]]


class Place(Protocol):
    """A world with a database in which ROWS rows are to be filled."""

    def run(self, test: Test) -> None:
        """Run *test* with the way to it."""
        ...


class Simulated:
    """The database of a simulated world."""

    def run(self, test: Test) -> None:
        loop = virtual_loop()
        world = World(loop, "shop")
        world.rows = ROWS
        login = Credentials("", "", "shop", 5432, "web.DATABASE_URL")
        loop.run_until_complete(test(SimulatedDatabases(world, Process(world, "deploy", (), pid=1)), login))
        loop.close()


class Real:
    """A database of its own on a real server."""

    def __init__(self, server: Server) -> None:
        self._server = server

    def run(self, test: Test) -> None:
        async def whole() -> None:
            name = await self._server.make()
            client = await self._server.connect(name)
            await client.execute("CREATE TABLE t (id int, x int)")
            await client.execute(f"INSERT INTO t SELECT i FROM generate_series(1, {ROWS}) i")
            await client.close()
            await test(PostgresDatabases(), self._server.login(name))

        asyncio.run(whole())


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    box = Sandbox()
    try:
        yield Server(box)
    finally:
        box.clean()


@pytest.fixture(params=["real", "simulated"])
def place(request: pytest.FixtureRequest) -> Place:
    return Real(request.getfixturevalue("server")) if request.param == "real" else Simulated()


def silent(_line: str) -> None:
    pass


async def names(database: Database) -> list[tuple[str, str, int, bool]]:
    return [(row.name, row.checksum, row.done, row.at is not None) for row in await database.applied()]


def test_what_was_applied_or_recorded_is_known_to_the_next_connection(place: Place) -> None:
    async def test(databases: Databases, login: Credentials) -> None:
        async with databases.open(login, application="teal shop") as database:
            assert await names(database) == []
            await database.apply(EXPAND, on_line=silent)
            await database.record(BACKFILL)
        async with databases.open(login, application="teal shop") as database:
            found = await names(database)
        wanted = [(each.name, each.checksum, len(each.statements), True) for each in (EXPAND, BACKFILL)]
        assert sorted(found) == sorted(wanted)

    place.run(test)


def test_batches_fill_until_no_row_is_left(place: Place) -> None:
    async def test(databases: Databases, login: Credentials) -> None:
        async with databases.open(login, application="teal shop") as database:
            assert await database.count(LEFT) == ROWS
            assert [await database.batch(FILL, on_line=silent) for _ in range(4)] == [1000, 1000, 500, 0]
            assert await database.count(LEFT) == 0

    place.run(test)


def test_one_runner_at_a_time(place: Place) -> None:
    async def refused(two: Database) -> None:
        with pytest.raises(Locked, match="another runner migrates this database now"):
            async with two.exclusively("shop"):
                pass

    async def test(databases: Databases, login: Credentials) -> None:
        first, second = (databases.open(login, application="teal shop") for _ in range(2))
        async with first as one, second as two:
            async with one.exclusively("shop"):
                await refused(two)
            async with two.exclusively("shop"):
                pass

    place.run(test)


def test_a_catalog_was_asked_for_and_nothing_is_missing(place: Place) -> None:
    async def test(databases: Databases, login: Credentials) -> None:
        assert databases.missing() == ()
        async with databases.open(login, application="teal shop") as database:
            assert (await database.catalog()).asked

    place.run(test)

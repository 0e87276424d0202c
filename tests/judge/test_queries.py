"""The statements of the release that serves are planned against the schema that a change makes, on a real server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from teal.adapters.postgres import planning
from teal.core.judge import Phase, Script
from teal.core.judge.queries import findings, parts, read_queries, readable
from teal.core.judge.values import Counted, Finding, Planned, Query
from teal.errors import ConfigError, Failed, Refused
from tests.engine.sandbox import Sandbox
from tests.engine.server import Place, Server
from tests.judge.exam.asking import ask
from tests.judge.exam.entries import Entry, load
from tests.judge.exam.place import prepare

ADD = "CREATE TABLE caps (jar int);\nALTER TABLE jars ADD COLUMN town text;"
JOINED = "SELECT town FROM jars JOIN cellars ON cellars.id = jars.cellar WHERE jars.id = $1"
SETUP = """
CREATE TABLE cellars (id int PRIMARY KEY, town text);
CREATE TABLE jars (id int PRIMARY KEY, cellar int);
CREATE TABLE bumps (at timestamptz);
CREATE SEQUENCE bumped;
CREATE FUNCTION bump() RETURNS int LANGUAGE plpgsql VOLATILE AS $$
BEGIN PERFORM nextval('bumped'); INSERT INTO bumps VALUES (now()); RETURN 1; END $$;
"""


@pytest.mark.engine
@pytest.mark.timeout(120)
@pytest.mark.parametrize("entry", [one for one in load() if one.kind == "queries"], ids=lambda one: one.name)
def test_a_statement_that_can_not_be_planned_any_more_is_refused(entry: Entry, place: tuple[Server, str]) -> None:
    asyncio.run(prepare(place[0]))
    assert asyncio.run(ask(place[0], entry)).refused == entry.refuse


# --- the owner's file


def test_each_statement_of_a_file_has_its_line() -> None:
    text = "-- what the shop asks\nSELECT 1;\n\n  UPDATE jars SET cellar = $1\n  WHERE id = $2;\n"
    assert [one.at for one in read_queries(text, "db/asks.sql")] == ["db/asks.sql:2", "db/asks.sql:4"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("SELECT 1;\nSELECT %s FROM jars WHERE id = ?;", "asks.sql:2: "),
        ("SELECT 1;\nSELECT id FROM jars WHERE id = :id;", "asks.sql:2: "),
        ("SELECT 1;\nSET work_mem = '1GB';", "asks.sql:2: only SELECT"),
        ("-- none yet\n", "asks.sql holds no statement"),
    ],
)
def test_a_file_that_is_no_list_of_statements_is_an_error_of_its_line(text: str, said: str) -> None:
    with pytest.raises(ConfigError, match=r"migrations\.queries: ") as failed:
        read_queries(text, "asks.sql")
    assert said in failed.value.message
    assert failed.value.hint


# --- what the server has counted


def test_of_what_is_counted_utilities_and_texts_that_are_cut_short_are_left() -> None:
    counted = [
        "BEGIN",
        "SET x = $1",
        "SELECT id FROM jars WHERE id =",
        "VACUUM jars",
        "EXPLAIN SELECT $1",
        "SELECT $1; SELECT $2",
    ]
    assert readable([*counted, "SELECT id FROM jars WHERE id = $1"]) == (
        Query("SELECT id FROM jars WHERE id = $1", "pg_stat_statements"),
    )


def test_a_constant_that_the_server_has_counted_away_is_given_back_its_type() -> None:
    (one, two) = readable(
        ["SELECT now() - interval $1 FROM jars", "SELECT EXTRACT($1 FROM at), $2 FROM jars WHERE at > date $3"]
    )
    assert one.sql == "SELECT now() - ($1)::interval FROM jars"
    assert two.sql == "SELECT extract(epoch FROM at), $2 FROM jars WHERE at > ($3)::date"


# --- what is tried


def expands(*texts: str) -> list[Script]:
    return [Script(f"{number:04}_x.expand.sql", Phase.EXPAND, text) for number, text in enumerate(texts, 3)]


@pytest.mark.parametrize(
    ("sql", "why"),
    [
        ("CREATE INDEX CONCURRENTLY i ON jars (id)", "CONCURRENTLY"),
        ("VACUUM jars", "VACUUM"),
        ("DO $$ BEGIN COMMIT; END $$", "a DO block with COMMIT"),
        ("CALL tidy()", "CALL of a procedure, which may commit"),
        ("COPY jars TO '/tmp/jars'", "COPY to or from a file"),
        ("SELECT setval('bumped', 9)", "setval()"),
        ("SELECT bump()", "bump()"),
        ("DO $$ BEGIN PERFORM dblink_exec('x', 'DROP TABLE jars'); END $$", "dblink_exec()"),
    ],
)
def test_what_a_rollback_would_not_take_back_is_left_out_and_told(sql: str, why: str) -> None:
    tried, left = parts(expands(f"{ADD}\n{sql};"))
    assert [one.line for one in tried] == [1, 2]
    assert left == (f"0003_x.expand.sql:3 ({why})",)


def test_of_a_series_the_expands_are_tried_and_nothing_that_only_sets_the_stage() -> None:
    scripts = [
        *expands("BEGIN;\nSET lock_timeout = '9s';\nALTER TABLE jars ADD COLUMN x int;\nCOMMIT;"),
        Script("0003_x.backfill.sql", Phase.BACKFILL, "UPDATE jars SET x = 1 WHERE id = 1"),
        Script("0003_x.contract.sql", Phase.CONTRACT, "DROP TABLE jars"),
    ]
    tried, left = parts(scripts)
    assert [one.sql for one in tried] == ["ALTER TABLE jars ADD COLUMN x int"]
    assert left == ()


# --- on a server


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """One that counts statements."""
    box = Sandbox()
    try:
        yield Server(box, "shared_preload_libraries=timescaledb,pg_stat_statements")
    finally:
        box.clean()


@asynccontextmanager
async def standing(server: Server) -> AsyncIterator[Place]:
    await prepare(server)
    place = Place(server, await server.make())
    await place.run(SETUP)
    yield place


def on(server: Server, do: Callable[[Place], Awaitable[Any]]) -> Any:
    async def run() -> Any:
        async with standing(server) as place:
            return await do(place)

    return asyncio.run(run())


async def planned(place: Place, scripts: list[Script], *queries: str) -> Planned:
    async with place.teal() as database:
        return await database.unplanned(
            parts(scripts)[0], [Query(sql, f"asks.sql:{at}") for at, sql in enumerate(queries, 1)]
        )


engine = pytest.mark.engine


@engine
@pytest.mark.timeout(120)
def test_a_finding_names_the_statement_that_breaks_the_query_and_the_line_of_the_query(server: Server) -> None:
    scripts = expands("CREATE TABLE lids (id int);", ADD)

    async def do(place: Place) -> tuple[Finding, ...]:
        return findings((await planned(place, scripts, "SELECT id FROM jars", JOINED)).unplanned, scripts)

    (one,) = on(server, do)
    assert (one.script, one.line, one.rule, one.excused) == ("0004_x.expand.sql", 2, "old-statement", None)
    assert "(asks.sql:2)" in one.why
    assert 'column reference "town" is ambiguous' in one.why
    assert "-- teal: allow=old-statement reason=" in one.remedy


@engine
def test_a_reason_before_the_statement_excuses_it(server: Server) -> None:
    scripts = expands(ADD.replace("ALTER", '-- teal: allow=old-statement reason="that page is gone"\nALTER'))

    async def do(place: Place) -> tuple[Finding, ...]:
        return findings((await planned(place, scripts, JOINED)).unplanned, scripts)

    (one,) = on(server, do)
    assert (one.line, one.excused) == (3, "that page is gone")


@engine
def test_no_query_is_run_and_nothing_stays(server: Server) -> None:
    async def do(place: Place) -> tuple[Planned, Any, Any, Any]:
        seen = await planned(
            place,
            expands(ADD),
            "SELECT bump()",
            "INSERT INTO jars SELECT bump(), bump() FROM generate_series(1, 9) RETURNING bump()",
            "WITH gone AS (DELETE FROM cellars RETURNING id) SELECT bump() FROM gone",
            "SELECT nextval('bumped')",
            "UPDATE jars SET cellar = bump() WHERE id = $1",
        )
        bumped = await place.ask("SELECT is_called FROM bumped")
        rows = await place.ask("SELECT (SELECT count(*) FROM bumps) + (SELECT count(*) FROM jars)")
        columns = await place.ask(
            "SELECT string_agg(attname, ',') FROM pg_attribute WHERE attrelid = 'jars'::regclass AND attnum > 0"
        )
        return seen, bumped, rows, columns

    assert on(server, do) == (Planned(), False, 0, "id,cellar")


@engine
def test_what_can_not_be_planned_before_either_is_no_fault_of_the_change(server: Server) -> None:
    async def do(place: Place) -> Planned:
        return await planned(place, expands(ADD), "SELECT gone FROM jars", "SELECT id FROM jars")

    seen = on(server, do)
    assert seen.unplanned == ()
    assert [one.sql for one in seen.unknown] == ["SELECT gone FROM jars"]


@engine
def test_many_queries_let_go_of_the_locks_now_and_then(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning, "_HELD", 0.0)

    async def do(place: Place) -> Planned:
        queries = [*(f"SELECT id, {number} FROM jars" for number in range(20)), JOINED]
        return await planned(place, expands(ADD), *queries)

    assert [one.query.at for one in on(server, do).unplanned] == ["asks.sql:21"]


@engine
@pytest.mark.timeout(60)
def test_a_lock_that_somebody_holds_is_waited_for_and_nobody_is_killed_as_a_deadlock(server: Server) -> None:
    """The application holds one table and then needs the other, which the trial has locked meanwhile."""
    scripts = expands("ALTER TABLE cellars ADD COLUMN x int; ALTER TABLE jars ADD COLUMN town text;")

    async def do(place: Place) -> Planned:
        async with place.client() as application:
            await application.execute("SET deadlock_timeout = '1s'; BEGIN; UPDATE jars SET cellar = 1")
            running = asyncio.create_task(planned(place, scripts, JOINED))
            await asyncio.sleep(0.1)
            await application.execute("UPDATE cellars SET town = 'x'; COMMIT")
            return await running

    assert len(on(server, do).unplanned) == 1


@engine
def test_a_change_that_fails_says_where(server: Server) -> None:
    async def do(place: Place) -> None:
        await planned(place, expands("CREATE TABLE lids (id int);\nCREATE TABLE jars (id int);"), "SELECT 1")

    with pytest.raises(Failed, match=r'0003_x\.expand\.sql:2: relation "jars" already exists'):
        on(server, do)


@engine
def test_a_search_path_of_the_change_is_not_the_application_s(server: Server) -> None:
    scripts = expands("CREATE SCHEMA other; SET search_path = other; CREATE TABLE jars (n int);")

    async def do(place: Place) -> Planned:
        return await planned(place, scripts, "SELECT cellar FROM jars")

    assert on(server, do) == Planned()


@engine
def test_what_the_server_has_counted_in_this_database_is_read_by_whoever_may(server: Server) -> None:
    async def do(place: Place) -> tuple[Counted, Counted]:
        await place.run(
            "CREATE SCHEMA stats; GRANT USAGE ON SCHEMA stats TO clerk;"
            " CREATE EXTENSION pg_stat_statements WITH SCHEMA stats"
        )
        other = Place(server, await server.make())
        await other.run("CREATE TABLE elsewhere (id int); ")
        await other.run("SELECT id FROM elsewhere")
        async with place.client() as application:
            await application.execute("PREPARE one AS SELECT cellar FROM jars WHERE id = $1; EXECUTE one (3)")
            await application.fetch("SELECT town FROM cellars WHERE id = 7")
            await application.execute("GRANT SELECT ON jars TO clerk; SET ROLE clerk; SELECT id FROM jars; RESET ROLE")
        async with place.teal() as database:
            whole = await database.statements()
        async with place.teal() as database:
            connection = database._connection  # type: ignore[attr-defined]
            await connection.execute("SET ROLE clerk")
            own = await database.statements()
        return whole, own

    whole, own = on(server, do)
    asked = [one.sql for one in readable(whole.queries)]
    assert "SELECT town FROM cellars WHERE id = $1" in asked
    assert "SELECT id FROM jars" in asked  # another role's
    assert not any("elsewhere" in each for each in whole.queries)
    assert whole.hidden == 0
    assert "SELECT id FROM jars" in own.queries
    assert not any("cellars WHERE" in each for each in own.queries)
    assert own.hidden > 3


@engine
def test_a_counted_statement_that_breaks_is_found(server: Server) -> None:
    async def do(place: Place) -> Planned:
        await place.run("CREATE EXTENSION pg_stat_statements")
        async with place.client() as application:
            await application.fetch(JOINED, 3)
            await application.fetch("SELECT now() - interval '1 day', extract(epoch FROM now()) FROM jars")
        async with place.teal() as database:
            counted = await database.statements()
            return await database.unplanned(parts(expands(ADD))[0], readable(counted.queries))

    seen = on(server, do)
    assert [one.query for one in seen.unplanned] == [Query(JOINED, "pg_stat_statements")]
    assert not any("interval" in one.sql for one in seen.unknown)


@engine
def test_where_nothing_is_counted_it_is_said_how_to(server: Server, place: tuple[Server, str]) -> None:
    async def do(at: Place) -> None:
        async with at.teal() as database:
            await database.statements()

    with pytest.raises(Refused, match="pg_stat_statements is not installed"):
        on(server, do)

    async def unloaded(at: Place) -> None:
        await at.run("CREATE EXTENSION pg_stat_statements")
        await do(at)

    with pytest.raises(Refused, match="pg_stat_statements is not loaded") as refused:
        on(place[0], unloaded)
    assert "shared_preload_libraries" in refused.value.hint

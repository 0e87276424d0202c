"""The files of `teal migrate plan` on a real TimescaleDB: whichever release writes, both columns hold it."""

import pytest

from teal.core.migrations.draft import ColumnChange, assertion, read_sentence, series
from teal.core.migrations.files import read_files
from teal.core.model.migrations import Phase
from tests.engine.server import Place

pytestmark = [pytest.mark.engine, pytest.mark.anyio, pytest.mark.timeout(120)]

RENAME = "rename {table}.author to writer text not null"
RETYPE = "change {table}.stars to numeric(8,2) as score not null using stars::numeric(8,2) back round(score)::integer"
TABLES = {
    "reviews": "CREATE TABLE reviews (key int PRIMARY KEY, author text NOT NULL DEFAULT 'nobody',"
    " stars int NOT NULL DEFAULT 0, at timestamptz NOT NULL DEFAULT now())",
    "visits": "CREATE TABLE visits (key int, author text NOT NULL DEFAULT 'nobody', stars int NOT NULL DEFAULT 0,"
    " at timestamptz NOT NULL DEFAULT now()); CREATE EXTENSION IF NOT EXISTS timescaledb;"
    " SELECT create_hypertable('visits', 'at')",
}


@pytest.fixture(params=TABLES)
async def table(request, server, anyio_backend):
    place = Place(server, await server.make())
    await place.run(TABLES[request.param])
    await place.run(
        f"INSERT INTO {request.param} (key, author, stars) SELECT n, 'old', n % 6 FROM generate_series(1, 12000) n"
    )
    return place, request.param


async def carry(place: Place, table: str, change: ColumnChange, *phases: Phase) -> None:
    """Apply the files of *phases*, the backfill until nothing is left."""
    drafts = series(change, 1, hypertable=table == "visits")
    scripts = {script.phase: script for script in read_files({draft.name: draft.sql for draft in drafts})}
    for script in (scripts[phase] for phase in phases):
        async with place.teal() as database:
            if script.phase is not Phase.BACKFILL:
                await database.apply(script, on_line=str)
                continue
            for statement in script.statements:
                while await database.batch(statement.sql, on_line=str):
                    pass


async def test_a_rename_keeps_both_columns_in_step_until_the_contract(table):
    place, name = table
    change = read_sentence(RENAME.format(table=name))
    await carry(place, name, change, Phase.EXPAND)
    await place.run(f"INSERT INTO {name} (key, author) VALUES (20001, 'by the old release')")
    await place.run(f"INSERT INTO {name} (key, writer) VALUES (20002, 'by the new one')")
    await place.run(f"UPDATE {name} SET author = 'changed, not filled yet' WHERE key = 1")
    await place.run(f"UPDATE {name} SET stars = 5 WHERE key = 2")
    assert await place.ask(assertion(change).replace("count(*)", "count(*) > 11000"))
    await carry(place, name, change, Phase.BACKFILL)
    assert await place.ask(assertion(change)) == 0
    await place.run(f"UPDATE {name} SET writer = 'by the new one' WHERE key = 3")
    await place.run(f"UPDATE {name} SET author = 'by the old one' WHERE key = 4")
    assert await place.ask(assertion(change)) == 0
    some = "key IN (1, 3, 4, 20001, 20002)"
    both = f"SELECT string_agg(author || '=' || writer, ', ' ORDER BY key) FROM {name} WHERE {some}"
    assert await place.ask(both) == (
        "changed, not filled yet=changed, not filled yet, by the new one=by the new one, by the old one=by the old one,"
        " by the old release=by the old release, by the new one=by the new one"
    )
    await carry(place, name, change, Phase.CONTRACT)
    assert await place.ask(f"SELECT count(*) FROM {name} WHERE writer IS NULL") == 0
    left = f"SELECT count(*) FROM pg_attribute WHERE attrelid = '{name}'::regclass AND attname = 'author'"
    assert await place.ask(left) == 0
    assert await place.ask("SELECT count(*) FROM pg_proc WHERE proname LIKE 'teal_%'") == 0


async def test_a_finer_type_keeps_what_the_old_one_can_not_hold(table):
    place, name = table
    change = read_sentence(RETYPE.format(table=name))
    await carry(place, name, change, Phase.EXPAND, Phase.BACKFILL)
    await place.run(f"INSERT INTO {name} (key, score) VALUES (20001, 4.26)")
    await place.run(f"UPDATE {name} SET author = 'the old release changes something else' WHERE key = 20001")
    await place.run(f"UPDATE {name} SET stars = 1 WHERE key = 7")
    both = f"SELECT string_agg(stars || '=' || score, ', ' ORDER BY key) FROM {name} WHERE key IN (7, 20001)"
    assert await place.ask(both) == "1=1.00, 4=4.26"
    assert await place.ask(assertion(change)) == 0
    await place.run(f"SET session_replication_role = replica; UPDATE {name} SET stars = 5 WHERE key = 9")
    assert await place.ask(assertion(change)) == 1  # a write that the trigger did not see is found


async def test_a_required_column_goes_in_two_steps(table):
    place, name = table
    await place.run(f"ALTER TABLE {name} ADD COLUMN source text NOT NULL DEFAULT 'here'")
    await place.run(f"ALTER TABLE {name} ALTER COLUMN source DROP DEFAULT")
    change = read_sentence(f"remove {name}.source not null")
    await carry(place, name, change, Phase.EXPAND)
    await place.run(f"INSERT INTO {name} (key) VALUES (20001)")
    await place.run(f"INSERT INTO {name} (key, source) VALUES (20002, 'by the old release')")
    await carry(place, name, change, Phase.CONTRACT)
    await place.run(f"INSERT INTO {name} (key) VALUES (20003)")

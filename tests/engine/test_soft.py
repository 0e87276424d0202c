"""The soft form of a contract on a real TimescaleDB: away for users, back by one command, gone for good at last."""

from __future__ import annotations

import json
from typing import Any

import pytest

from teal.core.migrations.tombstones import hard_form, hard_name, soft_form, soft_name, undo_form
from teal.errors import Failed
from tests.engine.server import Place, file

pytestmark = [pytest.mark.engine, pytest.mark.anyio, pytest.mark.timeout(120)]

TABLE = """
CREATE TABLE review (id int NOT NULL, at timestamptz NOT NULL DEFAULT now(), author text NOT NULL, writer text);
COMMENT ON COLUMN review.author IS 'who wrote it, 100 % sure';
"""
TRIGGER = """
CREATE FUNCTION same() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF TG_OP = 'INSERT' THEN
        NEW.writer := coalesce(NEW.writer, NEW.author); NEW.author := coalesce(NEW.author, NEW.writer);
    ELSIF NEW.writer IS DISTINCT FROM OLD.writer THEN NEW.author := NEW.writer;
    ELSE NEW.writer := NEW.author; END IF;
    RETURN NEW; END $$;
CREATE TRIGGER same BEFORE INSERT OR UPDATE ON review FOR EACH ROW EXECUTE FUNCTION same();
INSERT INTO review (id, author) VALUES (1, 'Ada');
"""
CONTRACT = file(
    "0007_writer.contract",
    "DROP TRIGGER same ON review;\nALTER TABLE review DROP COLUMN author;\nDROP FUNCTION same();\n",
)
COLUMNS = "SELECT string_agg(attname, ',' ORDER BY attnum) FROM pg_attribute WHERE attrelid = 'review'::regclass AND attnum > 0 AND NOT attisdropped"  # noqa: E501
TOMBSTONES = "SELECT count(*) FROM pg_attribute WHERE attrelid = 'review'::regclass AND attname LIKE 'teal_gone_%' AND NOT attisdropped"  # noqa: E501
COMMENT = "SELECT col_description('review'::regclass, 3)"


@pytest.fixture(params=["a table", "a hypertable"])
async def place(request, server, anyio_backend):
    place = Place(server, await server.make())
    await place.run(TABLE)
    if request.param == "a hypertable":
        await place.run("CREATE EXTENSION IF NOT EXISTS timescaledb; SELECT create_hypertable('review', 'at')")
    await place.run(TRIGGER)
    return place


def silent(_line: str) -> None:
    pass


async def apply(place: Any, *forms: Any) -> set[str]:
    async with place.teal() as database:
        for form in forms:
            await database.apply(form, on_line=silent)
        return {row.name for row in await database.applied() if row.at is not None}


SOFT, HARD, UNDO = soft_form(CONTRACT, 1000.0), hard_form(CONTRACT), undo_form(CONTRACT)


async def test_the_column_is_away_and_the_new_release_goes_on_writing(place):
    assert soft_name(CONTRACT.name) in await apply(place, SOFT)
    assert await place.ask(COLUMNS) == "id,at,teal_gone_author,writer"
    await place.run("INSERT INTO review (id, writer) VALUES (2, 'Bob'); UPDATE review SET writer = 'Eve' WHERE id = 1")
    assert await place.ask("SELECT string_agg(writer, ',' ORDER BY id) FROM review") == "Eve,Bob"
    assert json.loads(await place.ask(COMMENT))["contract"] == "0007_writer"
    async with place.teal() as database:
        assert await database.count(TOMBSTONES) == 1


async def test_one_command_brings_it_back_with_trigger_comment_and_what_it_held(place):
    applied = await apply(place, SOFT, UNDO)
    assert soft_name(CONTRACT.name) not in applied
    assert await place.ask(COLUMNS) == "id,at,author,writer"
    assert await place.ask(COMMENT) == "who wrote it, 100 % sure"
    assert await place.ask("SELECT author FROM review WHERE id = 1") == "Ada"
    await place.run("INSERT INTO review (id, writer) VALUES (2, 'Bob')")
    assert await place.ask("SELECT author FROM review WHERE id = 2") == "Bob"
    async with place.teal() as database:
        assert await database.count(TOMBSTONES) == 0


async def test_at_last_the_contract_runs_as_it_is_written(place):
    applied = await apply(place, SOFT, HARD)
    assert hard_name(CONTRACT.name) in applied
    assert soft_name(CONTRACT.name) not in applied
    assert await place.ask(COLUMNS) == "id,at,writer"
    assert await place.ask("SELECT count(*) FROM pg_proc WHERE proname = 'same'") == 0


async def test_away_back_and_away_again(place):
    assert soft_name(CONTRACT.name) in await apply(place, SOFT, UNDO, SOFT)
    assert await place.ask(COLUMNS) == "id,at,teal_gone_author,writer"


async def test_what_is_not_there_leaves_everything_as_it_was(place):
    absent = file("0008_x.contract", "ALTER TABLE review DROP COLUMN writer; ALTER TABLE review DROP COLUMN absent;")
    with pytest.raises(Failed):
        await apply(place, soft_form(absent, 1000.0))
    assert await place.ask(COLUMNS) == "id,at,author,writer"

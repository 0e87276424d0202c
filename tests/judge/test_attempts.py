"""What can't be read is tried on a copy of its table, on a real TimescaleDB; nothing of that is left."""

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest

from teal.core.judge import Lint, Phase, Script
from teal.core.judge.attempts import wanted
from teal.core.judge.evaluate import judge
from teal.core.judge.values import Tried
from tests.engine.server import Server
from tests.judge.exam.asking import Verdict, ask_database
from tests.judge.exam.entries import Entry
from tests.judge.exam.place import prepare, standing

pytestmark = [pytest.mark.engine, pytest.mark.timeout(120)]

SETUP = """
CREATE TABLE jars (id bigint PRIMARY KEY, grams integer, note text NOT NULL DEFAULT 'x', at timestamptz DEFAULT now());
INSERT INTO jars SELECT g, nullif(g % 50, 0), 'n' || g FROM generate_series(1, 400) g;
"""
GOOD = """
    IF TG_OP = 'INSERT' THEN
        NEW.ounces := coalesce(NEW.ounces, NEW.grams); NEW.grams := coalesce(NEW.grams, NEW.ounces);
    ELSIF NEW.grams IS DISTINCT FROM OLD.grams THEN NEW.ounces := NEW.grams;
    ELSIF NEW.ounces IS DISTINCT FROM OLD.ounces THEN NEW.grams := NEW.ounces;
    END IF;
    RETURN NEW;
"""


def expand(body: str, *, before: str = "", events: str = "BEFORE INSERT OR UPDATE") -> str:
    return f"""
ALTER TABLE jars ADD COLUMN ounces integer;
{before}
CREATE FUNCTION keep_ounces() RETURNS trigger LANGUAGE plpgsql AS $$
{body}
$$;
CREATE TRIGGER keep_ounces {events} ON jars FOR EACH ROW EXECUTE FUNCTION keep_ounces();
"""


# A body that asks for the columns by names that it is given while it runs.
DYNAMIC = """
DECLARE mine integer; theirs integer; was integer;
BEGIN
    EXECUTE 'SELECT ($1).' || quote_ident('ounces') || ', ($1).' || quote_ident('grams') INTO mine, theirs USING NEW;
    IF TG_OP = 'INSERT' THEN
        NEW.ounces := coalesce(mine, theirs); NEW.grams := coalesce(theirs, mine);
        RETURN NEW;
    END IF;
    EXECUTE 'SELECT ($1).' || quote_ident('grams') INTO was USING OLD;
    IF theirs IS DISTINCT FROM was THEN NEW.ounces := theirs; ELSE NEW.grams := mine; END IF;
    RETURN NEW;
END
"""
LOOP = """
DECLARE way text;
BEGIN
    FOREACH way IN ARRAY ARRAY['ounces', 'grams'] LOOP
        IF way = 'ounces' AND TG_OP = 'INSERT' THEN
            NEW.ounces := coalesce(NEW.ounces, NEW.grams);
        ELSIF way = 'ounces' AND NEW.grams IS DISTINCT FROM OLD.grams THEN
            NEW.ounces := {first};
        ELSIF way = 'grams' AND (TG_OP = 'INSERT' OR NEW.ounces IS DISTINCT FROM OLD.ounces) THEN
            NEW.grams := NEW.ounces;
        END IF;
    END LOOP;
    RETURN NEW;
END
"""
AS_IT_IS = "CREATE FUNCTION as_it_is(g integer) RETURNS integer LANGUAGE plpgsql AS $$ BEGIN RETURN g; END $$;"
FAILING = AS_IT_IS.replace("RETURN g;", "RETURN 6 / (g - 2);")
CALLING = f"BEGIN {GOOD} END".replace("NEW.ounces := NEW.grams;", "NEW.ounces := as_it_is(NEW.grams);").replace(
    "coalesce(NEW.ounces, NEW.grams)", "coalesce(NEW.ounces, as_it_is(NEW.grams))"
)

TRIGGERS: Mapping[str, tuple[str, str, str]] = {
    "put together, and right": (SETUP, expand(DYNAMIC), ""),
    "put together, one way only": (
        SETUP,
        expand(DYNAMIC.replace("ELSE NEW.grams := mine;", "")),
        "sync-one-way",
    ),
    "put together, and an UPDATE is undone": (
        SETUP,
        expand(DYNAMIC.replace("NEW.ounces := theirs; ELSE", "NEW.grams := was; ELSE")),
        "trigger-changes-writes",
    ),
    "put together, and an UPDATE does not reach the new column": (
        SETUP,
        expand(DYNAMIC.replace("NEW.ounces := theirs; ELSE", "NULL; ELSE")),
        "sync-misses-writes",
    ),
    "put together, and each write fails": (
        SETUP,
        expand(DYNAMIC.replace("quote_ident('grams') INTO was", "quote_ident('gram') INTO was")),
        "trigger-rejects",
    ),
    "put together, and it writes elsewhere": (
        f"{SETUP}; CREATE TABLE seen (jar bigint);",
        expand(
            DYNAMIC.replace("DECLARE", "DECLARE into_it text := 'seen';").replace(
                "IF TG_OP", "EXECUTE format('INSERT INTO %I VALUES ($1)', into_it) USING NEW.id; IF TG_OP"
            )
        ),
        "trigger-writes-elsewhere",
    ),
    "of a function of the database, and right": (f"{SETUP}; {AS_IT_IS}", expand(CALLING), ""),
    "of a function of the database, and wrong": (f"{SETUP}; {FAILING}", expand(CALLING), "trigger-rejects"),
    "its function is in the database": (
        f"""{SETUP}; CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;""",
        "CREATE TRIGGER stamp BEFORE INSERT OR UPDATE ON jars FOR EACH ROW EXECUTE FUNCTION stamp();",
        "",
    ),
    "its function is in the database, and drops writes": (
        f"""{SETUP}; CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;""",
        "CREATE TRIGGER stamp BEFORE UPDATE ON jars FOR EACH ROW EXECUTE FUNCTION stamp();",
        "trigger-rejects",
    ),
    "a loop, and right": (SETUP, expand(LOOP.format(first="NEW.grams")), ""),
    "of a hypertable, and right": (
        f"{SETUP}; ALTER TABLE jars DROP CONSTRAINT jars_pkey; ALTER TABLE jars ALTER at SET NOT NULL;"
        " SELECT create_hypertable('jars', 'at', migrate_data => true)",
        expand(DYNAMIC),
        "",
    ),
    "put together, and it fills a table of the same change": (
        SETUP,
        "CREATE TABLE jar_log (grams integer PRIMARY KEY);"
        + expand(
            DYNAMIC.replace(
                "IF TG_OP", "EXECUTE format('INSERT INTO %I VALUES ($1)', 'jar_log') USING NEW.grams; IF TG_OP"
            )
        ),
        "unread-trigger",
    ),
    "a loop, and an old value wins": (
        SETUP,
        expand(LOOP.format(first="coalesce(OLD.grams, 1)")),
        "sync-misses-writes",
    ),
    "the table is named with its schema": (SETUP, expand(DYNAMIC).replace(" jars ", " public.jars "), ""),
    "nextval would leave a gap": (
        f"{SETUP}; CREATE SEQUENCE counted;",
        expand(
            DYNAMIC.replace("IF TG_OP", "EXECUTE 'SELECT nextval(''counted'')'; PERFORM nextval('counted'); IF TG_OP")
        ),
        "unread-trigger",
    ),
    "what reaches out is installed": (
        f"{SETUP}; CREATE EXTENSION dblink;",
        expand(DYNAMIC),
        "unread-trigger",
    ),
    "what it calls reaches out": (
        f"""{SETUP}; CREATE EXTENSION dblink;
        CREATE FUNCTION as_it_is(g integer) RETURNS integer LANGUAGE plpgsql AS $$
        BEGIN PERFORM dblink_exec('dbname=elsewhere', 'SELECT 1'); RETURN g; END $$;""",
        expand(CALLING),
        "unread-trigger",
    ),
}
BATCH = "UPDATE jars SET {what} WHERE id IN (SELECT id FROM jars WHERE {where} ORDER BY id LIMIT 100);"
LONG = "CREATE FUNCTION is_long(t text) RETURNS boolean IMMUTABLE LANGUAGE sql AS 'SELECT length(t) < 6';"
BATCHES: Mapping[str, tuple[str, str, str]] = {
    "a computed WHERE that ends": (SETUP, BATCH.format(what="note = 'jar ' || id", where="length(note) < 5"), ""),
    "a computed WHERE that does not": (
        SETUP,
        BATCH.format(what="note = left('n' || id, 3)", where="length(note) < 5"),
        "never-done",
    ),
    "a function of the database that ends": (
        f"{SETUP}; {LONG}",
        BATCH.format(what="note = lpad(note, 8, '0')", where="is_long(note)"),
        "",
    ),
    "a function of the database that does not": (
        f"{SETUP}; {LONG}",
        BATCH.format(what="note = rpad(note, 5, '0')", where="is_long(note)"),
        "never-done",
    ),
    "rows with NULL are picked again": (
        f"{SETUP}; UPDATE jars SET grams = 1 WHERE grams IS NULL; ALTER TABLE jars ADD COLUMN ounces integer;",
        BATCH.format(what="ounces = abs(grams) % 7", where="coalesce(ounces, -1) < 0"),
        "never-done",
    ),
    "no row is there to be tried": (
        f"{SETUP}; TRUNCATE jars",
        BATCH.format(what="note = 'jar ' || id", where="length(note) < 5"),
        "never-done",
    ),
}


def entry(name: str, setup: str, files: Mapping[str, str]) -> Entry:
    return Entry(name, "N2", False, "catalogue", "", setup, files, (), True, True, "", {}, (), (), (), (), {})


async def _asked(server: Server, one: Entry) -> tuple[Verdict, Any, Any]:
    """Return the verdict, and what is in the database before and after it."""
    everything = """SELECT (SELECT count(*) FROM pg_namespace), (SELECT count(*) FROM pg_proc),
        (SELECT count(*) FROM pg_trigger), (SELECT count(*) FROM pg_class), (SELECT last_value FROM s),
        (SELECT md5(string_agg(j::text, ',' ORDER BY id)) FROM jars j)"""
    async with standing(server, one, analyzed=True) as place:
        client = await place.client()
        await client.execute("CREATE SEQUENCE s; SELECT nextval('s')")
        before = await client.fetchrow(everything)
        async with place.teal() as database:
            verdict = await ask_database(one, database)
        return verdict, before, await client.fetchrow(everything)


def verdict(server: Server, name: str, setup: str, files: Mapping[str, str]) -> Verdict:
    asyncio.run(prepare(server))
    said, before, after = asyncio.run(_asked(server, entry(name, setup, files)))
    assert before == after, "something is left"
    return said


@pytest.mark.parametrize("name", TRIGGERS)
def test_a_trigger_that_can_not_be_read_is_tried(name: str, place: tuple[Server, str]) -> None:
    setup, sql, rule = TRIGGERS[name]
    said = verdict(place[0], name, setup, {"0007_ounces.expand.sql": sql})
    assert {one.rpartition(" ")[2] for one in said.said} == ({rule} if rule else set())


@pytest.mark.parametrize("name", BATCHES)
def test_a_batch_whose_end_can_not_be_shown_is_tried(name: str, place: tuple[Server, str]) -> None:
    setup, sql, rule = BATCHES[name]
    said = verdict(place[0], name, setup, {"0007_ounces.backfill.sql": sql})
    assert {one.rpartition(" ")[2] for one in said.said} == ({rule} if rule else set())


def test_nobody_waits_for_a_trial_and_it_waits_for_nobody_long(place: tuple[Server, str]) -> None:
    setup, sql, _ = TRIGGERS["put together, and right"]
    one = entry("locked", setup, {"0007_ounces.expand.sql": sql})

    async def asked() -> tuple[Verdict, Tried, float]:
        async with standing(place[0], one, analyzed=True) as at, at.teal() as database:
            other, writer = await at.client(), await at.client()
            await writer.execute("SET lock_timeout = 1")  # so it would fail if it had to wait
            scripts = [Script("0007_ounces.expand.sql", Phase.EXPAND, sql)]
            catalog = await database.catalog()
            (attempt,) = wanted(scripts, catalog, Lint(), judge(scripts, catalog, Lint()))
            free = asyncio.create_task(ask_database(one, database))
            while not free.done():
                await writer.execute("UPDATE jars SET note = note || '.' WHERE id = 7")
            await other.execute("BEGIN; LOCK TABLE jars IN ACCESS EXCLUSIVE MODE")
            began = asyncio.get_running_loop().time()
            seen = await database.tried([attempt])
            return free.result(), seen[attempt.key], asyncio.get_running_loop().time() - began

    asyncio.run(prepare(place[0]))
    free, locked, seconds = asyncio.run(asked())
    assert free.said == ()
    assert "lock timeout" in locked.untried
    assert seconds < 2

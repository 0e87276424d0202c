"""What the adapter reads from a real database is what the corpus is judged by."""

import asyncio
from dataclasses import replace

import pytest

from teal.adapters.postgres.catalog import read_catalog
from teal.core.judge import Catalog, Lint, Phase, Script
from teal.core.judge.evaluate import judge
from teal.core.migrations.draft import read_sentence, series
from tests.engine.server import Server
from tests.judge.catalog import WORLD
from tests.judge.corpus import load
from tests.judge.real import world
from tests.judge.test_order import PLANS, judged

pytestmark = [pytest.mark.engine, pytest.mark.timeout(120)]
RENAME = next(one for one in load() if one.name == "a rename, with its contract")
CONDITIONAL = """
DO $$ BEGIN IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'visitor') THEN CREATE ROLE visitor; END IF; END $$;
GRANT INSERT ON tags TO visitor;
CREATE FUNCTION later() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE TRIGGER later AFTER UPDATE OF name ON tags FOR EACH ROW
    WHEN (NEW.name <> '(a) EXECUTE') EXECUTE FUNCTION later();
CREATE TRIGGER off BEFORE INSERT ON tags FOR EACH ROW EXECUTE FUNCTION later();
ALTER TABLE tags DISABLE TRIGGER off;"""
NOT_THERE = {"readings", "readings_daily"}  # Debian's TimescaleDB has no columnstore


@pytest.fixture(scope="module")
def catalog(place) -> Catalog:
    """The catalog of the world, which now also has a check and a trigger of an earlier deploy."""
    return asyncio.run(_read(place))


async def _read(place: tuple[Server, str]) -> Catalog:
    server, _ = place
    async with world(server, await server.make(), "public") as made:
        client = await made.client()
        await client.execute("ALTER TABLE notes ADD CONSTRAINT filled CHECK (text IS NOT NULL)")
        await client.execute(RENAME.scripts[0].sql.replace("notes", "drafts"))
        await client.execute(CONDITIONAL)
        await client.execute("ANALYZE")
        return await read_catalog(client)


def test_the_catalog_says_what_the_world_is(catalog: Catalog) -> None:
    assert catalog.asked
    assert catalog.hypertables == WORLD.hypertables - NOT_THERE
    assert catalog.partitioned == WORLD.partitioned
    assert catalog.views == WORLD.views
    assert catalog.viewed == {of: views for of, views in WORLD.viewed.items() if not of.startswith("readings.")}
    assert catalog.domains == WORLD.domains
    known = {name: of for name, of in WORLD.columns.items() if name not in {*NOT_THERE, "drafts"}}
    assert catalog.columns.items() >= known.items()
    assert catalog.indexes.items() >= WORLD.indexes.items()
    assert catalog.functions.items() >= WORLD.functions.items()
    assert catalog.triggers.items() >= WORLD.triggers.items()
    assert catalog.bodies.items() >= WORLD.bodies.items()
    assert catalog.rows.keys() >= WORLD.rows.keys() - NOT_THERE
    assert catalog.signatures.items() >= WORLD.signatures.items()
    assert catalog.labels == WORLD.labels
    assert catalog.roles >= WORLD.roles
    assert set(catalog.needs) >= set(WORLD.needs)
    assert catalog.partition_keys == {of: keys for of, keys in WORLD.partition_keys.items() if of != "readings"}
    assert catalog.checks == {**WORLD.checks, "notes": {"filled": "(text IS NOT NULL)"}}


def test_each_change_is_judged_by_the_real_catalog_as_by_the_known_one(catalog: Catalog) -> None:
    rows = catalog.rows | dict.fromkeys((name for name, rows in WORLD.rows.items() if rows > 1_000), 100_000)
    seen = replace(catalog, rows=rows, checks=WORLD.checks, needs=WORLD.needs, triggers=WORLD.triggers)
    for entry in load():
        if entry.asked and entry.table != "columnstore":
            assert judge(entry.scripts, seen, Lint()) == entry.findings, entry.name


@pytest.mark.parametrize("plan", PLANS)
def test_what_teal_plans_passes_by_the_real_catalog(plan: str, catalog: Catalog) -> None:
    drafts = series(read_sentence(plan), 3, hypertable="metrics" in plan)
    assert judged({draft.name: draft.sql for draft in drafts}, catalog) == ()


def test_a_trigger_of_an_earlier_deploy_is_known(catalog: Catalog) -> None:
    found = judge(
        [Script("c.sql", Phase.CONTRACT, "DROP VIEW old_list; ALTER TABLE drafts DROP COLUMN text")], catalog, Lint()
    )
    assert [one.rule for one in found] == ["sync-trigger-left"]


def test_when_a_trigger_fires_and_who_writes_is_known(catalog: Catalog) -> None:
    (later,) = catalog.triggers["tags"]  # the one that is off does nothing
    said = later.name, later.insert, later.update, later.before, later.row, later.columns, later.when
    assert said == ("later", False, True, False, True, frozenset({"name"}), "(new.name <> '(a) EXECUTE'::text)")
    assert catalog.writers == {"tags": frozenset({"visitor"})}

"""What an examiner found wrong: each example is judged right, for a true reason, with a database and without."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ruamel.yaml import YAML

from teal.adapters.postgres import PostgresDatabases
from teal.core.judge import Catalog, Finding, Lint, Script
from teal.core.judge.evaluate import judge
from teal.core.migrations.files import read_files
from teal.core.model.migrations import DatabaseAt, Migrations, Phase
from teal.errors import Refused
from teal.ports import Database
from teal.run.migrations import judge as runs
from tests.engine.server import Server
from tests.judge.exam.place import prepare

BASE = """
CREATE TABLE jars (id bigint PRIMARY KEY, volume integer, tag text NOT NULL DEFAULT 'x');
INSERT INTO jars SELECT g, g, 'l' || g FROM generate_series(1, 1500) g;
"""
WORDS = {
    "add": "ALTER TABLE jars ADD COLUMN millis integer;\n",
    "function": """CREATE FUNCTION keep_millis() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF TG_OP = 'INSERT' THEN
        NEW.millis := coalesce(NEW.millis, NEW.volume); NEW.volume := coalesce(NEW.volume, NEW.millis);
    ELSIF NEW.volume IS DISTINCT FROM OLD.volume THEN NEW.millis := NEW.volume;
    ELSIF NEW.millis IS DISTINCT FROM OLD.millis THEN NEW.volume := NEW.millis; END IF;
    RETURN NEW; END $$;\n""",
    "trigger": "\nCREATE TRIGGER keep_millis BEFORE INSERT OR UPDATE ON jars FOR EACH ROW"
    " EXECUTE FUNCTION keep_millis();\n",
}
WORDS["both"] = WORDS["function"] + WORDS["trigger"]
SETUPS = {
    "with trigger": WORDS["add"] + WORDS["both"],
    "with log": """CREATE TABLE jar_log (jar bigint);
CREATE FUNCTION log_jar() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN INSERT INTO jar_log VALUES (NEW.id); RETURN NEW; END $$;
CREATE TRIGGER log_jar AFTER INSERT ON jars FOR EACH ROW EXECUTE FUNCTION log_jar();""",
}


@dataclass(frozen=True)
class Example:
    """A change, what it finds, and which rules refuse it."""

    name: str
    kind: str
    files: dict[str, str]
    setup: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    offline: tuple[str, ...] = ()
    says: str = ""
    never: str = ""
    clerk: str = ""  # whether a role that was granted all of jars can write into it afterwards: works, fails

    def judged(self, catalog: Catalog) -> list[Finding]:
        """Return what refuses the files as they are written, read as a deploy and `teal migrate check` read them."""
        scripts = [
            Script(f"{each.name}.sql", each.phase, each.sql, each.transaction) for each in read_files(self.files)
        ]
        return [one for one in judge(scripts, catalog, Lint()) if one.excused is None]


def _example(said: dict[str, Any]) -> Example:
    files = {f"{name}.sql": _filled(sql) for name, sql in said["files"].items()}
    refused = _listed(said.get("refused"))
    rest = {key: said[key] for key in ("says", "never", "clerk") if key in said}
    setup = tuple(SETUPS.get(each, _filled(each)) for each in _listed(said.get("setup")))
    return Example(said["name"], said["kind"], files, setup, refused, _listed(said.get("offline", refused)), **rest)


def _filled(sql: str) -> str:
    for word, text in WORDS.items():
        sql = sql.replace(f"{{{word}}}", text)
    return sql


def _listed(said: Any) -> tuple[str, ...]:
    return () if said is None else (said,) if isinstance(said, str) else tuple(said)


EXAMPLES = [_example(said) for said in YAML(typ="safe").load(Path(__file__).with_name("examined.yml"))]
NAMES = [f"{one.kind}: {one.name}" for one in EXAMPLES]


def test_each_kind_is_there() -> None:
    kinds = {f"N{n}" for n in range(1, 14)} | {f"P{n}" for n in range(1, 14)} | {"offline", "words"}
    assert {one.kind for one in EXAMPLES} == kinds
    assert len(set(NAMES)) == len(NAMES)


@pytest.mark.parametrize("one", EXAMPLES, ids=NAMES)
def test_an_example_is_judged_right_without_a_database(one: Example) -> None:
    assert {each.rule for each in one.judged(Catalog())} == set(one.offline)


@pytest.mark.engine
@pytest.mark.timeout(60)
@pytest.mark.parametrize("one", EXAMPLES, ids=NAMES)
def test_an_example_is_judged_right_with_a_database_by_check_and_by_a_deploy(
    one: Example, place: tuple[Server, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    asyncio.run(_asked(one, place[0], monkeypatch))


async def _asked(one: Example, server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    await prepare(server)
    name = await server.make()
    client = await server.connect(name)
    for sql in (BASE, *one.setup, "ANALYZE"):
        await client.execute(sql)
    await client.close()

    @asynccontextmanager
    async def opened(ports: object, stack: object) -> AsyncIterator[Database]:
        async with PostgresDatabases().open(server.login(name), application="test") as database:
            yield database

    monkeypatch.setattr(runs, "opened", opened)
    found = await runs.judged(_context(one, []), 0, offline=True)
    _demand(one, {each.rule: f"{each.why}; {each.remedy}" for each in found.hurting})
    if one.clerk:
        assert await _writes(one, await server.connect(name)) == one.clerk
    refused = await _deploy(one)
    assert bool(refused) == bool(one.refused)
    assert not refused or any(f"({rule})" in refused for rule in one.refused)


async def _writes(one: Example, client: Any) -> str:
    """Apply the files in a transaction that is rolled back, and write as the application does."""
    await client.execute(f"BEGIN; {' '.join(one.files.values())}; SET LOCAL ROLE clerk")
    try:
        await client.execute("INSERT INTO jars (id, volume) VALUES (9001, 1)")
    except import_module("asyncpg").InsufficientPrivilegeError:
        return "fails"
    finally:
        await client.close()
    return "works"


async def _deploy(one: Example) -> str:
    """Judge as a deploy and then `teal migrate contract` do, which refuse what they are about to run; return why."""
    try:
        for phases in ((Phase.EXPAND, Phase.BACKFILL), (Phase.CONTRACT,)):
            await runs.judge(_context(one, []), 1, phases, only="000")
    except Refused as error:
        return error.message
    return ""


def _context(one: Example, notes: list[str]) -> Any:
    """Return as much of a stack as the judge asks for: the files, and where its notes go."""
    migrations = Migrations(files="sql", database=DatabaseAt("db", {}))
    return SimpleNamespace(
        stack=SimpleNamespace(migrations=migrations, project="shop"),
        ports=SimpleNamespace(machine=SimpleNamespace(texts=lambda folder, suffix: one.files)),
        reporter=SimpleNamespace(note=lambda said, warning=False: notes.append(said)),
    )


def _demand(one: Example, found: dict[str, str]) -> None:
    assert set(found) == set(one.refused)
    said = " ".join(found.values())
    assert one.says in said
    assert not one.never or one.never not in said

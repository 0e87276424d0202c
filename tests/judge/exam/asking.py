"""What the judge says of a question: the files as written are read, and judged with the database or without."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from teal.core.judge import Catalog, Lint, Script
from teal.core.judge.attempts import wanted
from teal.core.judge.evaluate import judge
from teal.core.judge.queries import findings, parts, readable
from teal.core.judge.trying import Attempt
from teal.core.judge.values import Tried
from teal.core.migrations.files import pending, read_files
from teal.errors import ConfigError
from teal.ports import Database
from tests.engine.server import Server
from tests.judge.exam.entries import Entry
from tests.judge.exam.place import standing


@dataclass(frozen=True)
class Verdict:
    """Whether the change is refused, and what was said."""

    refused: bool
    said: tuple[str, ...] = ()
    attempts: tuple[Attempt, ...] = ()  # what is to be tried, since it can't be read


async def ask(server: Server, entry: Entry) -> Verdict:
    """Return the verdict on *entry*."""
    if not entry.database:
        return _judged(entry, Catalog())
    async with standing(server, entry, analyzed=True) as place, place.teal() as database:
        return await ask_database(entry, database)


async def ask_database(entry: Entry, database: Database) -> Verdict:
    """Return the verdict on *entry* by what its database says, and by what is tried in it."""
    catalog = await database.catalog()
    verdict = _judged(entry, catalog)
    if verdict.attempts:
        verdict = _judged(entry, catalog, await database.tried(verdict.attempts))
    if verdict.refused or not entry.queries:
        return verdict
    files = pending(read_files(entry.texts), ())
    scripts = [Script(f"{each.name}.sql", each.phase, each.sql, each.transaction) for each in files]
    seen = await database.unplanned(parts(scripts)[0], readable(entry.queries))
    said = findings(seen.unplanned, scripts)
    return Verdict(bool(said), tuple(f"{each.script}:{each.line}: {each.rule}" for each in said))


def _judged(entry: Entry, catalog: Catalog, tried: Mapping[str, Tried] | None = None) -> Verdict:
    """Judge as ``teal migrate check`` does."""
    try:
        files = pending(read_files(entry.texts), ())
    except ConfigError as error:
        return Verdict(refused=True, said=(error.message,))
    scripts = [Script(f"{each.name}.sql", each.phase, each.sql, each.transaction) for each in files]
    findings = judge(scripts, catalog, Lint(), tried)
    found = [each for each in findings if each.excused is None]
    said = tuple(f"{each.script}:{each.line}: {each.rule}" for each in found)
    return Verdict(bool(found), said, wanted(scripts, catalog, Lint(), findings) if catalog.asked else ())

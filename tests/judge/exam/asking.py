"""What the judge says of a question: the files as written are read, and judged with the database or without."""

from __future__ import annotations

from dataclasses import dataclass

from teal.core.judge import Catalog, Lint, Script
from teal.core.judge.evaluate import judge
from teal.core.judge.queries import findings, parts, readable
from teal.core.migrations.files import pending, read_files
from teal.errors import ConfigError
from tests.engine.server import Server
from tests.judge.exam.entries import Entry
from tests.judge.exam.place import Place, standing


@dataclass(frozen=True)
class Verdict:
    """Whether the change is refused, and what was said."""

    refused: bool
    said: tuple[str, ...] = ()


async def ask(server: Server, entry: Entry) -> Verdict:
    """Return the verdict on *entry*."""
    if not entry.database:
        return _judged(entry, Catalog())
    async with standing(server, entry, analyzed=True) as place:
        return await _by_database(entry, place)


async def _by_database(entry: Entry, place: Place) -> Verdict:
    async with place.teal() as database:
        verdict = _judged(entry, await database.catalog())
        if verdict.refused or not entry.queries:
            return verdict
        files = pending(read_files(entry.texts), ())
        scripts = [Script(f"{each.name}.sql", each.phase, each.sql, each.transaction) for each in files]
        seen = await database.unplanned(parts(scripts)[0], readable(entry.queries))
        said = findings(seen.unplanned, scripts)
        return Verdict(bool(said), tuple(f"{each.script}:{each.line}: {each.rule}" for each in said))


def _judged(entry: Entry, catalog: Catalog) -> Verdict:
    """Judge as ``teal migrate check`` does."""
    try:
        files = pending(read_files(entry.texts), ())
    except ConfigError as error:
        return Verdict(refused=True, said=(error.message,))
    scripts = [Script(f"{each.name}.sql", each.phase, each.sql, each.transaction) for each in files]
    found = [each for each in judge(scripts, catalog, Lint()) if each.excused is None]
    return Verdict(bool(found), tuple(f"{each.script}:{each.line}: {each.rule}" for each in found))

"""The corpus in a real TimescaleDB: the safe is applied under a running application, the refused is seen to hurt."""

import asyncio
import re
from itertools import count
from typing import Any, Self

import pytest

from teal.core.judge import Phase
from tests.engine.server import Server
from tests.judge import losing
from tests.judge.catalog import WORLD
from tests.judge.corpus import Entry, load
from tests.judge.hurting import hurt
from tests.judge.real import World, apply, world
from tests.judge.releases import LONGEST, Seen, use

pytestmark = [pytest.mark.engine, pytest.mark.timeout(120)]

REAL = [entry for entry in load() if entry.table != "columnstore" and entry.asked]
SAFE = [entry for entry in REAL if not entry.refused]
HURTING = [entry for entry in REAL if entry.hurts]
TRIES = 3  # a wait for a lock is there each time, a busy machine is not
_schemas = count(1)


def name(entry: Entry) -> str:
    return f"{entry.topic}: {entry.name}"


@pytest.mark.parametrize("entry", SAFE, ids=name)
def test_the_safe_is_applied_and_the_application_notices_nothing(entry: Entry, place: tuple[Server, str]) -> None:
    for _ in range(TRIES):
        seen = asyncio.run(_under_use(entry, place))
        assert seen.failed == []
        assert seen.lost == []
        if seen.longest < LONGEST:
            return
    raise AssertionError(f"it took {seen.longest:.2f} s in each of {TRIES} tries: {seen.slowest}")


async def _under_use(entry: Entry, place: tuple[Server, str]) -> Seen:
    seen = Seen()
    async with world(*place, f"w{next(_schemas)}") as made:
        watch = await _Watch.begin(made, entry)
        later = alone = False
        for script in entry.scripts:
            if script.phase in (Phase.CONTRACT, Phase.WINDOW) and not (later or alone):
                seen.lost += await watch.both()
            alone = alone or script.phase is Phase.WINDOW  # from here on the old release is stopped
            later = later or script.phase is Phase.CONTRACT
            if script.phase is Phase.WINDOW:
                await apply(await made.client(), script)
            else:
                await _beside(made, entry, script, seen, later=later)
        seen.lost += await watch.after(entry)
    return seen


class _Watch:
    """What releases write into the tables that an entry names: as it was before the entry, and as it is now."""

    def __init__(self, client: Any, tables: list[losing.Table], *, filled: bool) -> None:
        self._client, self._tables, self._filled = client, tables, filled
        self._seen: dict[str, dict[str, losing.Outcome]] = {}

    @classmethod
    async def begin(cls, made: World, entry: Entry) -> Self:
        """Play the old release's writes before anything is applied; an excused entry's owner answers for them."""
        client, sql = await made.client(), " ".join(script.sql for script in entry.scripts)
        known = [] if entry.excused else [name for name in WORLD.columns if name not in WORLD.compressed]
        filled = any(script.phase is Phase.BACKFILL for script in entry.scripts)
        watch = cls(client, await losing.tables(client, sql, known), filled=filled)
        for table in watch._tables:
            watch._seen[table.name] = await losing.old_writes(client, table)
        return watch

    async def both(self) -> list[str]:
        """Return what is lost while both releases may serve."""
        return [
            each
            for table in self._tables
            for each in await losing.lost(self._client, table, self._seen[table.name], filled=self._filled)
        ]

    async def after(self, entry: Entry) -> list[str]:
        """Return what is lost when all of *entry* is applied."""
        phases = {script.phase for script in entry.scripts}
        if Phase.WINDOW in phases:  # one release alone meets it: what its triggers make of a value is as it wants it
            return []
        if Phase.CONTRACT not in phases:
            return await self.both()
        return [each for table in self._tables for each in await losing.not_kept(self._client, table)]


async def _beside(made: World, entry: Entry, script, seen: Seen, *, later: bool) -> None:
    stop, freed = asyncio.Event(), re.search(r"DROP COLUMN legacy", script.sql) is not None
    clients = [await made.client() for _ in range(2)]
    running = [asyncio.create_task(use(one, seen, stop, later=later, freed=freed)) for one in clients]
    try:
        await asyncio.sleep(0.02)
        await apply(await made.client(lock_timeout="'1s'"), script)
    finally:
        stop.set()
        await asyncio.gather(*running)


@pytest.mark.parametrize("entry", HURTING, ids=name)
def test_the_refused_hurts(entry: Entry, place: tuple[Server, str]) -> None:
    assert asyncio.run(_hurt(entry, place))


async def _hurt(entry: Entry, place: tuple[Server, str]) -> str:
    async with world(*place, f"w{next(_schemas)}") as made:
        return await hurt(made, entry)


LOSING = {
    "a backfill without a trigger",
    "a backfill with a trigger for another column",
    "a trigger one way only",
    "a trigger for inserts only",
    "a trigger for each statement",
    "a trigger for updates of one column only",
    "a trigger that changes what was written",
    "a trigger whose ELSE undoes",
    "a trigger with a condition",
    "a plain copy, one way",
}


@pytest.mark.parametrize("entry", [one for one in REAL if one.name in LOSING], ids=name)
def test_lost_writes_are_seen_whatever_the_entry_says(entry: Entry, place: tuple[Server, str]) -> None:
    assert asyncio.run(_lost(entry, place))


async def _lost(entry: Entry, place: tuple[Server, str]) -> list[str]:
    async with world(*place, f"w{next(_schemas)}") as made:
        watch = await _Watch.begin(made, entry)
        for script in entry.scripts:
            if script.phase in (Phase.EXPAND, Phase.BACKFILL):
                await apply(await made.client(), script)
        return await watch.both()


def test_enough_of_both_is_tried() -> None:
    assert len(HURTING) >= 40
    assert len(SAFE) >= 60
    assert {one.name for one in REAL} >= LOSING

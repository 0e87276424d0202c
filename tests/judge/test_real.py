"""The corpus in a real TimescaleDB: the safe is applied under a running application, the refused is seen to hurt."""

import asyncio
import re
from itertools import count

import pytest

from teal.core.judge import Phase
from tests.engine.server import Server
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
        if seen.longest < LONGEST:
            return
    raise AssertionError(f"it took {seen.longest:.2f} s in each of {TRIES} tries: {seen.slowest}")


async def _under_use(entry: Entry, place: tuple[Server, str]) -> Seen:
    seen = Seen()
    async with world(*place, f"w{next(_schemas)}") as made:
        later = False
        for script in entry.scripts:
            later = later or script.phase is Phase.CONTRACT
            if script.phase is Phase.WINDOW:
                await apply(await made.client(), script)
            else:
                await _beside(made, entry, script, seen, later=later)
    return seen


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


def test_enough_of_both_is_tried() -> None:
    assert len(HURTING) >= 40
    assert len(SAFE) >= 60

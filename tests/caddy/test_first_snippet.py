"""A proxy that still has the first snippet, as a stack has that was prepared long ago, goes on under today's Teal."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from teal.adapters.caddy.config import metrics, snippet_version
from teal.core.model.side import Side
from teal.core.model.traffic import OpenRequests, open_on
from teal.ports import Heard
from tests.caddy.world import KEY, SITE, World

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
async def caddy(tmp_path_factory: pytest.TempPathFactory, anyio_backend: str) -> AsyncIterator[World]:
    first = Path(__file__).with_name("first.caddy")
    async with World(tmp_path_factory.mktemp("first"), SITE, first) as made:
        yield made


async def test_it_says_that_it_is_the_first_and_counts_nothing_by_color(world: World) -> None:
    place = ("127.0.0.1", world.http)
    world.write(f"blue green {KEY}")
    assert await world.probe.snippet(place, world.entry, KEY) == 1
    assert await world.probe.counts(place, world.entry, KEY) is None
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{world.admin}") as admin:
        config = (await admin.get("/config/")).json()
    assert (snippet_version(config), metrics(config)) == (1, True)


async def test_it_goes_on_to_switch_to_hold_to_open_and_to_count_what_is_in_flight(world: World) -> None:
    place = ("127.0.0.1", world.http)
    world.write(f"blue green {KEY}")
    assert await world.text("/x") == "200 blue /x"
    assert await world.probe.state(place, world.entry, KEY) == Heard("blue green")
    assert (await world.probe.ask(place, world.entry, KEY, "/x")).body == "green /x "
    slow = asyncio.create_task(world.text("/slow"))
    await world.blue.busy(1)
    assert open_on(Side.BLUE, ["platform"], await world.counts(), [("platform", world.port)]) == OpenRequests(1, 0)
    world.blue.go.set()
    assert await slow == "200 blue"
    world.write("hold")
    held = asyncio.create_task(world.text("/x"))
    await asyncio.sleep(0.4)
    assert not held.done()
    world.write("green")
    assert await held == "200 green /x"
    world.write("maintenance")
    assert (await world.text("/x")).startswith("503")


@pytest.mark.parametrize("word", ["blue+green=40", "blue.8", "blue.8^green.7"])
async def test_words_that_it_does_not_know_would_lead_nobody_to_a_color(world: World, word: str) -> None:
    """Why its version is asked for before any of them is written: with no plain containers, these would be held."""
    world.write(word)
    assert await world.text("/x") == "200 plain /x"

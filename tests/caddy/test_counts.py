"""Caddy's counts of what is in flight, as Teal reads them: exact, by side, WebSockets apart."""

import asyncio

import aiohttp
import httpx
import pytest

from teal.core.model.side import Side
from teal.core.model.traffic import OpenRequests, open_on
from teal.errors import Unavailable
from teal.ports import Endpoint
from tests.caddy.world import KEY, World

pytestmark = pytest.mark.anyio


async def seen(world: World, side: Side) -> OpenRequests | None:
    """Return what is open on *side*, in the core's own words."""
    return open_on(side, ["platform"], await world.counts(), [("platform", world.port)])


async def test_idle_sides_count_zero(world: World) -> None:
    world.write(f"blue blue {KEY}")
    assert [await seen(world, side) for side in Side] == [OpenRequests(0, 0)] * 3


async def test_requests_streams_and_websockets_are_counted_where_they_run(world: World) -> None:
    world.write(f"blue blue {KEY}")
    begun = [asyncio.create_task(world.text("/slow")) for _ in range(4)]
    begun += [asyncio.create_task(world.text("/events?count=1&then=wait")) for _ in range(2)]
    async with aiohttp.ClientSession(f"http://127.0.0.1:{world.http}") as session:
        sockets = [await session.ws_connect("/ws") for _ in range(3)]
        await world.blue.busy(9)
        assert await seen(world, Side.BLUE) == OpenRequests(6, 3)
        world.write(f"green green {KEY}")
        begun += [asyncio.create_task(world.text("/slow")) for _ in range(2)]
        sockets.append(await session.ws_connect("/ws"))
        await world.green.busy(3)
        assert (await seen(world, Side.BLUE), await seen(world, Side.GREEN)) == (OpenRequests(6, 3), OpenRequests(2, 1))
        world.blue.go.set()
        world.green.go.set()
        assert {answer.split()[0] for answer in await asyncio.gather(*begun)} == {"200"}
        assert await seen(world, Side.BLUE) == OpenRequests(0, 3)
        assert world.blue.now.total() == 3
        for socket in sockets:
            await socket.send_str("hello")
            assert (await socket.receive_str()).endswith("hello")
            await socket.close()
    await world.blue.busy(0)
    await world.green.busy(0)
    await asyncio.sleep(0.2)
    assert [await seen(world, side) for side in Side] == [OpenRequests(0, 0)] * 3


async def test_what_was_held_is_counted_where_it_went(world: World) -> None:
    world.write(f"hold green {KEY}")
    begun = [asyncio.create_task(world.text("/slow")) for _ in range(5)]
    await asyncio.sleep(0.5)
    world.write(f"green green {KEY}")
    await world.green.busy(5)
    assert (await seen(world, Side.GREEN), await seen(world, Side.PLAIN)) == (OpenRequests(5, 0), OpenRequests(0, 0))
    world.blue.go.set()
    world.green.go.set()
    await asyncio.gather(*begun)
    assert await seen(world, Side.GREEN) == OpenRequests(0, 0)


async def test_clients_that_went_away_are_not_counted(world: World) -> None:
    world.write(f"blue blue {KEY}")
    begun = [asyncio.create_task(world.text("/slow")) for _ in range(5)]
    await world.blue.busy(5)
    for task in begun:
        task.cancel()
    await asyncio.sleep(0.5)
    assert await seen(world, Side.BLUE) == OpenRequests(0, 0)
    assert world.blue.now.total() == 5  # the application is not told
    world.blue.go.set()
    await world.blue.busy(0)


async def test_a_reload_of_the_owner_s_loses_no_count(world: World) -> None:
    world.write(f"blue blue {KEY}")
    begun = [asyncio.create_task(world.text("/slow")) for _ in range(4)]
    await world.blue.busy(4)
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{world.admin}") as admin:
        config = (await admin.get("/config/")).json()
        await admin.post("/load", json=config, headers={"Cache-Control": "must-revalidate"})
    assert await seen(world, Side.BLUE) == OpenRequests(4, 0)
    world.blue.go.set()
    world.green.go.set()
    await asyncio.gather(*begun)
    assert await seen(world, Side.BLUE) == OpenRequests(0, 0)


async def test_no_count_is_an_error_and_not_a_zero(world: World) -> None:
    world.write("blue")
    with pytest.raises(Unavailable, match="does not say what is in flight"):
        await world.counts()
    world.write(f"blue blue {KEY}")
    with pytest.raises(Unavailable, match="no answer"):
        await world.probe.in_flight(("127.0.0.1", world.port), world.entry, KEY)
    with pytest.raises(Unavailable, match="does not say"):
        await world.probe.in_flight(("127.0.0.2", world.port), world.entry, KEY)
    assert open_on(Side.BLUE, ["other"], await world.counts(), [("other", 1)]) is None


async def test_the_probe_asks_over_https(world: World) -> None:
    world.write(f"blue green {KEY}")
    endpoint = Endpoint("platform", world.port, world.https, tls=True, host="localhost")
    answer = await world.probe.ask(("127.0.0.1", world.https), endpoint, KEY, "/x")
    assert (answer.status, answer.upstream, answer.body) == (200, f"platform-green:{world.port}", "green /x ")
    assert (await world.probe.in_flight(("127.0.0.1", world.https), endpoint, KEY))[f"platform-blue:{world.port}"] == 0


async def test_the_probe_takes_what_came_of_an_endless_answer(world: World) -> None:
    world.write(f"blue green {KEY}")
    world.probe._within = 1.0
    answer = await world.probe.ask(("127.0.0.1", world.http), world.entry, KEY, "/events?count=99")
    assert (answer.status, answer.upstream) == (200, f"platform-green:{world.port}")
    assert answer.body.startswith("data: green 0")

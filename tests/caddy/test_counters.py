"""Caddy's counters by color, as Teal reads them: they sum to what was sent, and nothing of Teal's own is in them."""

import asyncio

import aiohttp
import httpx
import pytest

from tests.caddy.world import KEY, World

pytestmark = pytest.mark.anyio


async def send(world: World, count: int, path: str = "/x", method: str = "GET") -> None:
    async def one() -> None:
        await world.client.request(method, path)

    await asyncio.gather(*(one() for _ in range(count)))


async def test_what_users_sent_is_counted_by_color_status_and_method(world: World) -> None:
    world.write(f"blue green {KEY}")
    await world.counted()
    await send(world, 40)
    await send(world, 7, method="POST")
    await send(world, 5, "/status/500")
    world.write(f"green blue {KEY}")
    await send(world, 11)
    await send(world, 3, "/status/404")
    counted = await world.counted()
    assert counted.blue.requests == {(200, "GET"): 40, (200, "POST"): 7, (500, "GET"): 5}
    assert counted.green.requests == {(200, "GET"): 11, (404, "GET"): 3}
    assert (counted.blue.answers, counted.green.answers, counted.blue.errors, counted.anew) == (52, 14, 5, False)
    assert (counted.blue.in_flight, counted.green.in_flight) == (0, 0)


async def test_a_color_that_a_line_with_no_key_names_counts_too(world: World) -> None:
    world.write(f"blue blue {KEY}")
    await world.counted()
    world.write("blue")
    await send(world, 12)
    world.write(f"blue blue {KEY}")
    assert (await world.counted()).blue.total == 12


async def test_nothing_of_teal_s_own_is_counted_nor_what_waits_or_is_turned_away(world: World) -> None:
    world.write(f"blue green {KEY}")
    await world.counted()
    place = ("127.0.0.1", world.http)
    for _ in range(5):
        await world.probe.ask(place, world.entry, KEY, "/x")
        assert await world.probe.snippet(place, world.entry, KEY) == 2
        await world.counts()
        await world.probe.state(place, world.entry, KEY)
    world.write(f"maintenance green {KEY}")
    await send(world, 4)
    world.write(f"hold green {KEY}")
    held = asyncio.create_task(send(world, 3))
    await asyncio.sleep(0.4)
    world.write(f"green green {KEY}")
    await held
    world.write(f"plain green {KEY}")
    await send(world, 4)
    assert (await world.counted()).total == 0


async def test_a_prober_goes_where_users_go_and_is_not_counted_as_one(world: World) -> None:
    world.write(f"blue green {KEY}")
    await world.counted()
    probe = {"Proxy-Authorization": "Teal probe"}

    async def seen() -> str:
        got = await world.client.get("/x", headers=probe)
        assert "x-teal-upstream" not in got.headers
        return f"{got.status_code} {got.text.strip()}"

    keyed = (f"blue green {KEY}", f"green blue {KEY}", f"plain blue {KEY}")
    for line in (*keyed, "blue", "green", "plain", "maintenance"):
        world.write(line)
        assert await seen() == await world.text("/x"), line
    world.write(f"hold green {KEY}")
    held = asyncio.create_task(seen())
    await asyncio.sleep(0.4)
    assert not held.done()
    world.write(f"green blue {KEY}")
    assert await held == await world.text("/x")
    counted = await world.counted()
    assert (counted.blue.total, counted.green.total) == (2, 3)  # what ``text`` sent
    assert all("authorization" not in name.lower() for name in {**world.blue.headers, **world.green.headers})


async def test_open_requests_are_in_flight_and_a_late_end_is_no_slow_answer(world: World) -> None:
    world.write(f"blue green {KEY}")
    await world.counted()
    slow = [asyncio.create_task(world.text("/slow")) for _ in range(4)]
    stream = asyncio.create_task(world.text("/events?count=1&then=wait"))
    async with aiohttp.ClientSession() as session, session.ws_connect(f"http://127.0.0.1:{world.http}/ws"):
        await world.blue.busy(6)
        await asyncio.sleep(0.3)
        counted = await world.counted()
        assert (counted.blue.in_flight, counted.blue.total) == (6, 0)
        world.blue.go.set()
        world.green.go.set()
        await asyncio.gather(*slow, stream)
    await asyncio.sleep(0.2)
    counted = await world.counted()
    assert (counted.blue.in_flight, counted.blue.total, counted.blue.slower(0.25)) == (0, 6, 4)
    assert counted.blue.with_status(101, 101) == 1


async def test_a_color_that_can_t_be_dialled_counts_its_errors(world: World) -> None:
    world.write(f"green blue {KEY}")
    await world.counted()
    await world.green.stop()
    begun = asyncio.create_task(send(world, 2))
    await asyncio.sleep(0.5)
    assert (await world.counted()).green.in_flight == 2
    begun.cancel()
    await asyncio.sleep(0.3)
    counted = await world.counted()
    assert counted.green.in_flight == 0
    assert counted.green.requests == {(499, "GET"): 2}  # who asked went away before anybody was there


async def test_counters_that_the_owner_s_reload_has_emptied_begin_anew_and_say_so(world: World) -> None:
    world.write(f"blue green {KEY}")
    await send(world, 9)
    await world.counted()
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{world.admin}") as admin:
        config = (await admin.get("/config/")).json()
        await admin.post("/load", json=config, headers={"Cache-Control": "must-revalidate"})
    await send(world, 2)
    counted = await world.counted()
    assert (counted.anew, counted.blue.total) == (True, 2)


async def test_where_caddy_counts_nothing_there_are_no_counts(world: World) -> None:
    place = ("127.0.0.1", world.http)
    world.write("blue")
    assert await world.probe.snippet(place, world.entry, KEY) == 1  # as a snippet that does not know the question
    assert await world.probe.counts(place, world.entry, KEY) is None
    world.write(f"blue green {KEY}")
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{world.admin}") as admin:
        config = (await admin.get("/config/")).json()
        without = {**config, "apps": {**config["apps"], "http": {**config["apps"]["http"], "metrics": None}}}
        await admin.post("/load", json=without, headers={"Cache-Control": "must-revalidate"})
        try:
            assert await world.probe.counts(place, world.entry, KEY) is None
            assert await world.probe.snippet(place, world.entry, KEY) == 2
        finally:
            await admin.post("/load", json=config, headers={"Cache-Control": "must-revalidate"})

"""Requests that are held go where the state file says when it says something, and nowhere before."""

import asyncio
import time

import pytest

from tests.caddy.world import KEY, World

pytestmark = pytest.mark.anyio


async def held(world: World, count: int = 8) -> list[asyncio.Task[str]]:
    """Begin GETs and POSTs, wait a little, and see that none has an answer."""

    async def post(number: int) -> str:
        got = await world.client.post(f"/{number}", content=f"body {number} ".encode() * 1000)
        assert got.text.endswith(f"body {number} " * 1000)
        return f"{got.status_code} {got.text.split()[0]}"

    async def get(number: int) -> str:
        return " ".join((await world.text(f"/{number}")).split()[:2])

    tasks = [asyncio.create_task((get, post)[number % 2](number)) for number in range(count)]
    await asyncio.sleep(0.6)
    assert not any(task.done() for task in tasks)
    return tasks


@pytest.mark.parametrize(
    ("word", "then"),
    [("hold", "blue"), ("hold", "plain"), (f"hold green {KEY}", "green"), (f"hold green {KEY}", f"green blue {KEY}")],
)
async def test_a_hold_ends_where_the_state_says(world: World, word: str, then: str) -> None:
    world.write(word)
    tasks = await held(world)
    world.write(then)
    began = time.monotonic()
    assert await asyncio.gather(*tasks) == [f"200 {then.split()[0]}"] * len(tasks)
    assert time.monotonic() - began < 1


async def test_during_a_hold_the_key_reaches_the_new_color_and_nothing_is_dialled_for_users(world: World) -> None:
    world.write(f"hold green {KEY}")
    tasks = await held(world)
    assert await world.text("/x", Proxy_Authorization=f"Teal {KEY}") == "200 green /x"
    assert set(world.names.asked) <= {"platform-green"}
    world.write("green")
    assert set(await asyncio.gather(*tasks)) == {"200 green"}


async def test_recreate_answers_from_the_new_color(world: World) -> None:
    world.write("blue")
    assert await world.text() == "200 blue /"
    world.write("hold")
    tasks = await held(world)
    await world.blue.stop()
    world.write("green")
    assert set(await asyncio.gather(*tasks)) == {"200 green"}


@pytest.mark.parametrize("word", ["hold", "maintenance"])
async def test_a_plain_copy_beside_catches_nobody_while_users_are_kept_away(world: World, word: str) -> None:
    world.write("hold")
    tasks = await held(world)
    world.write(word)
    await asyncio.sleep(0.6)
    assert not any(task.done() for task in tasks)
    world.write("green")
    assert set(await asyncio.gather(*tasks)) == {"200 green"}
    assert world.plain.asked.total() == world.blue.asked.total() == 0


async def test_who_waits_goes_on_waiting_when_the_page_goes_up_for_the_others(world: World) -> None:
    world.write("hold")
    tasks = await held(world)
    world.write(f"maintenance blue {KEY}")
    got = await world.client.get("/late")
    assert (got.status_code, got.headers["Retry-After"]) == (503, "30")
    assert await world.text("/x", Proxy_Authorization=f"Teal {KEY}") == "200 blue /x"
    world.write("green")
    assert set(await asyncio.gather(*tasks)) == {"200 green"}


async def test_a_lost_state_holds_requests_until_it_is_restored(world: World) -> None:
    """While a color is active nothing bears the plain name."""
    await world.plain.stop()
    del world.names.known["platform"]
    world.write("blue")
    assert await world.text() == "200 blue /"
    (world.teal / "state").unlink()
    tasks = await held(world)
    world.write("blue")
    assert set(await asyncio.gather(*tasks)) == {"200 blue"}
    assert world.green.asked.total() == world.plain.asked.total() == 0


async def test_a_color_that_cannot_be_dialled_is_tried_again_there_and_wherever_the_state_goes(world: World) -> None:
    world.write("blue")
    await world.blue.stop()
    tasks = await held(world)
    world.write("green")
    assert set(await asyncio.gather(*tasks)) == {"200 green"}
    world.write("blue")
    tasks = await held(world)
    await world.blue.start(world.port)
    assert set(await asyncio.gather(*tasks)) == {"200 blue"}


async def test_plain_waits_for_a_container_that_is_just_starting(world: World) -> None:
    await world.plain.stop()
    tasks = await held(world)
    await world.plain.start(world.port)
    assert set(await asyncio.gather(*tasks)) == {"200 plain"}


async def test_the_key_s_holder_is_never_sent_to_the_users_side(world: World) -> None:
    """A standby color that can't be dialled is no reason to answer a check from the active one."""
    world.write(f"blue green {KEY}")
    await world.green.stop()
    asked = asyncio.create_task(world.text("/x", Proxy_Authorization=f"Teal {KEY}"))
    await asyncio.sleep(1.5)
    assert not asked.done()
    await world.green.start(world.port)
    assert await asked == "200 green /x"
    assert world.blue.asked.total() == 0

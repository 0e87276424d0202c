"""What the Proxy port promises: one file decides, a key opens another side, what is in flight is counted."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import aclosing

import pytest

from teal.core.model.side import Side
from teal.core.model.traffic import Mode, OpenRequests, Traffic, open_on, to
from teal.core.model.units import Seconds
from teal.errors import TealError, Unavailable
from teal.ports import Endpoint, Heard
from tests.contract.doors import Door
from tests.contract.ground import PORT, until

KEY = "k3y"


async def entry(door: Door) -> Endpoint:
    (found,) = (await door.proxy.loaded(await door.container())).entries
    return found


async def counts(door: Door) -> Mapping[Side, OpenRequests | None]:
    found = await door.proxy.in_flight(await door.container(), await entry(door), KEY)
    return {side: open_on(side, ["web"], found, [("web", PORT)]) for side in Side}


@pytest.mark.parametrize(
    "traffic", [*(Traffic(mode) for mode in Mode), *(Traffic(mode).with_key(Side.GREEN, KEY) for mode in Mode)], ids=str
)
async def test_what_is_written_is_read(door: Door, traffic: Traffic) -> None:
    door.proxy.write(traffic)
    assert door.proxy.read() == traffic


@pytest.mark.parametrize(
    ("text", "meant"), [(None, None), ("", None), ("blu", None), ("blue\n", to(Side.BLUE)), ("blue\n\n", None)]
)
async def test_what_a_hand_writes_is_read_as_the_proxy_reads_it(
    door: Door, text: str | None, meant: Traffic | None
) -> None:
    door.spoil(text)
    assert door.proxy.read() == meant
    assert await door.user() == str(meant.users if meant else Mode.PLAIN)


async def test_the_proxy_says_where_users_reach_a_route(door: Door) -> None:
    found = await door.proxy.loaded(await door.container())
    version = await door.proxy.version(await door.container())
    assert tuple(int(part) for part in version.split(".")) >= (2, 11, 2)
    (place,) = found.entries
    assert (place.route, place.port, place.tls, place.host) == ("web", PORT, False, "")
    assert await entry(door) == place
    assert (found.routes, found.dials, found.unfit) == ((("web", PORT),), (), ())


@pytest.mark.parametrize("side", list(Side))
async def test_users_go_where_the_file_says_and_who_shows_the_key_elsewhere(door: Door, side: Side) -> None:
    container, place = await door.container(), await entry(door)
    asked = side.other
    door.proxy.write(to(side).with_key(asked, KEY))
    assert await door.user() == side
    answer = await door.proxy.ask(container, place, KEY)
    assert (answer.status, answer.upstream, answer.body) == (200, f"web-{asked}:{PORT}", asked)
    for wrong in ("", "wr0ng"):
        answer = await door.proxy.ask(container, place, wrong)
        assert (answer.status, answer.upstream, answer.body) == (200, "", side)


async def test_the_snippet_says_what_it_reads_to_whom_shows_the_key(door: Door) -> None:
    container, place = await door.container(), await entry(door)
    door.proxy.write(to(Side.BLUE).with_key(Side.GREEN, KEY))
    assert await door.proxy.state(container, place, KEY) == Heard("blue green")
    for wrong in ("", "wr0ng"):
        heard = await door.proxy.state(container, place, wrong)
        assert (heard.said, heard.words, heard.passed_on) == ("", "status 200", True)


@pytest.mark.parametrize("before", [None, "blu", "green"])
async def test_what_was_in_the_file_is_there_again_when_it_was_only_lent(door: Door, before: str | None) -> None:
    door.spoil(before)
    with door.proxy.lent():
        door.proxy.write(to(Side.BLUE))
        assert door.proxy.read() == to(Side.BLUE)
    assert door.proxy.read() == (to(Side.GREEN) if before == "green" else None)
    assert await door.user() == ("green" if before == "green" else "plain")


async def test_the_key_opens_the_plain_side_too_and_is_needed_for_the_counts(door: Door) -> None:
    container, place = await door.container(), await entry(door)
    door.proxy.write(to(Side.BLUE).with_key(Side.PLAIN, KEY))
    assert (await door.proxy.ask(container, place, KEY)).upstream == f"web:{PORT}"
    for wrong in ("", "wr0ng"):
        with pytest.raises(Unavailable):
            await door.proxy.in_flight(container, place, wrong)
    door.proxy.write(to(Side.BLUE))
    with pytest.raises(Unavailable):
        await door.proxy.in_flight(container, place, KEY)


async def test_what_is_in_flight_is_counted_where_it_is_websockets_apart(door: Door) -> None:
    door.proxy.write(to(Side.BLUE).with_key(Side.GREEN, KEY))
    none = OpenRequests(0, 0)
    assert await counts(door) == {Side.BLUE: none, Side.GREEN: none, Side.PLAIN: none}
    slow = [asyncio.ensure_future(door.user("slow")) for _ in range(2)]
    socket = asyncio.ensure_future(door.user("websocket"))
    await door.ground.clock.sleep(Seconds(0.4))
    assert (await counts(door))[Side.BLUE] == OpenRequests(2, 1)
    door.proxy.write(to(Side.GREEN).with_key(Side.GREEN, KEY))
    assert await counts(door) == {Side.BLUE: OpenRequests(2, 1), Side.GREEN: none, Side.PLAIN: none}
    assert [await each for each in slow] == ["blue", "blue"]
    assert await socket == "blue"

    async def over() -> bool:
        return (await counts(door))[Side.BLUE] == none

    await until(door.ground, over, "nothing is in flight on blue")


async def test_what_users_sent_is_counted_by_color_and_nothing_of_teal_s_own(door: Door) -> None:
    container, place = await door.container(), await entry(door)
    door.proxy.write(to(Side.BLUE).with_key(Side.GREEN, KEY))
    assert await door.proxy.snippet(container, place, KEY) == 2
    assert await door.proxy.snippet(container, place, "wr0ng") == 1
    assert await door.proxy.counts(container, place, "wr0ng") is None
    loaded = await door.proxy.loaded(container)
    assert (loaded.snippet, loaded.metrics) == (2, True)
    before = await door.proxy.counts(container, place, KEY)
    assert before is not None
    for _ in range(3):
        assert await door.user() == "blue"
        await door.proxy.ask(container, place, KEY)
    door.proxy.write(to(Side.GREEN).with_key(Side.GREEN, KEY))
    assert await door.user() == "green"
    after = before
    for _ in range(100):  # a request is counted a moment after its answer has come
        after = await door.proxy.counts(container, place, KEY) or before
        if after.since(before).total == 4:
            break
        await asyncio.sleep(0.05)
    since = after.since(before)
    assert (since.blue.requests, since.green.requests) == ({(200, "GET"): 3}, {(200, "GET"): 1})
    assert (since.blue.answers, since.green.answers, since.anew) == (3, 1, False)
    door.proxy.write(to(Side.GREEN))  # no key is left, and none is needed to look from inside
    async with aclosing(door.proxy.counting(container, Seconds(0.2))) as readings:
        first, second = await anext(readings), await anext(readings)
    assert first is not None
    assert (first.blue.requests, first.green.requests) == (after.blue.requests, after.green.requests)
    assert first.blue.buckets == after.blue.buckets
    assert first == second


async def test_held_requests_are_counted_nowhere_and_follow_the_file(door: Door) -> None:
    door.proxy.write(Traffic(Mode.HOLD).with_key(Side.BLUE, KEY))
    held = [asyncio.ensure_future(door.user()) for _ in range(5)]
    await door.ground.clock.sleep(Seconds(0.7))
    assert not any(each.done() for each in held)
    assert set((await counts(door)).values()) == {OpenRequests(0, 0)}
    assert (await door.proxy.ask(await door.container(), await entry(door), KEY)).body == "blue"
    door.proxy.write(to(Side.GREEN))
    assert {await each for each in held} == {"green"}


async def test_users_are_turned_away_for_maintenance_and_the_key_is_not(door: Door) -> None:
    door.proxy.write(Traffic(Mode.MAINTENANCE).with_key(Side.GREEN, KEY))
    assert await door.user() == "maintenance"
    assert (await door.proxy.ask(await door.container(), await entry(door), KEY)).body == "green"


async def test_a_request_that_nobody_takes_waits_for_a_start_or_another_side(door: Door) -> None:
    door.proxy.write(to(Side.GREEN))
    await door.ground.engine.stop(door.side(Side.GREEN), grace=Seconds(5))
    held = [asyncio.ensure_future(door.user()) for _ in range(2)]
    await door.ground.clock.sleep(Seconds(0.7))
    assert not any(each.done() for each in held)
    await door.ground.engine.start(door.side(Side.GREEN))
    assert [await each for each in held] == ["green", "green"]
    await door.ground.engine.stop(door.side(Side.GREEN), grace=Seconds(5))
    waiting = asyncio.ensure_future(door.user())
    await door.ground.clock.sleep(Seconds(0.7))
    assert not waiting.done()
    door.proxy.write(to(Side.BLUE))
    assert await waiting == "blue"
    await door.ground.engine.start(door.side(Side.GREEN))


async def test_a_question_that_nobody_takes_ends_unanswered(door: Door) -> None:
    door.proxy.write(to(Side.BLUE).with_key(Side.GREEN, KEY))
    await door.ground.engine.stop(door.side(Side.GREEN), grace=Seconds(5))
    with pytest.raises(Unavailable, match="no answer"):
        await door.proxy.ask(await door.container(), await entry(door), KEY)
    await door.ground.engine.start(door.side(Side.GREEN))


async def test_a_proxy_that_does_not_run_answers_nothing(door: Door) -> None:
    place = await entry(door)
    door.proxy.write(to(Side.BLUE).with_key(Side.BLUE, KEY))
    await door.ground.engine.stop((await door.container()).id, grace=Seconds(5))
    stopped = await door.container()
    for ask in (door.proxy.ask, door.proxy.in_flight):
        with pytest.raises(Unavailable):
            await ask(stopped, place, KEY)
    for look in (door.proxy.loaded, door.proxy.version):
        with pytest.raises(TealError, match="is not running"):
            await look(stopped)
    await door.ground.engine.start(stopped.id)

    async def answers() -> bool:
        try:
            return (await door.proxy.ask(await door.container(), place, KEY)).body == "blue"
        except Unavailable:
            return False

    await until(door.ground, answers, "the proxy answers again")


async def test_the_container_sees_the_file_until_its_directory_is_made_anew(door: Door) -> None:
    container = await door.container()
    door.proxy.write(to(Side.GREEN))
    assert not (await door.proxy.drift(container)).blind
    door.lose_mount()  # the last test of this door
    door.proxy.write(to(Side.BLUE))
    assert (await door.proxy.drift(container)).blind

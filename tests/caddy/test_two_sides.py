"""Users on two sides at once: a canary by a cookie's bucket, and pages that stay on the release they came from."""

import asyncio
import random
from collections import Counter
from itertools import permutations

import httpx
import pytest

from tests.caddy.test_keys import asked
from tests.caddy.words import disagreements
from tests.caddy.world import KEY, World

pytestmark = pytest.mark.anyio

VISIT = {"Accept": "text/html,*/*"}
PAGE = {"Sec-Fetch-Mode": "navigate"}
WORDS = ("blue", "green", "plain", "blue+green=40", "green+blue=c0", "plain+blue=80", "blue.8", "green.9^blue.8")


async def side(world: World, method: str = "GET", **headers: str) -> str:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    got = await world.client.request(method, "/x", headers=named)
    return got.text.split()[0]


async def test_the_snippet_and_teal_s_reader_agree_on_random_lines(world: World) -> None:
    found, seen = await disagreements(world, 250, random.randrange(2**32))
    assert found == []
    assert {"blue", "green", "plain", "maintenance", "hold"} <= set(seen)


@pytest.mark.parametrize("key", ["", f" green {KEY}"])
async def test_a_canary_takes_its_share_of_new_visitors_and_keeps_them(world: World, key: str) -> None:
    """Whoever got a bucket stays where it leads; a share that rises moves each once, and never back."""
    world.write(f"blue+green=40{key}")
    visitors, first = [], Counter[str]()
    for _ in range(120):
        async with httpx.AsyncClient(base_url=str(world.client.base_url), trust_env=False) as visitor:
            got = await visitor.get("/", headers=VISIT)
            visitors.append(visitor.cookies["teal_bucket"])
            first[got.text.split()[0]] += 1
    assert 12 <= first["green"] <= 52  # a quarter; four deviations either way
    for share, word in ((0x40, "40"), (0x80, "80"), (0, "00"), (256, "g0")):
        world.write(f"blue+green={word}{key}")
        for bucket in visitors[:40]:
            wanted = "green" if int(bucket, 16) < share else "blue"
            assert await side(world, Cookie=f"teal_bucket={bucket}") == wanted
            assert await side(world, "POST", Cookie=f"teal_bucket={bucket}") == wanted


async def test_who_has_no_bucket_and_asks_for_no_page_gets_none_and_stays_on_the_old_side(world: World) -> None:
    world.write("blue+green=ff")
    got = await world.client.get("/app.js", headers={"Accept": "*/*"})
    assert (got.text.split()[0], "set-cookie" in got.headers) == ("blue", False)
    got = await world.client.post("/", headers=VISIT)
    assert (got.text.split()[0], "set-cookie" in got.headers) == ("blue", False)
    world.write("blue+green=g0")
    assert await side(world, Accept="*/*") == "green"


async def test_pages_stay_on_their_release_until_the_window_is_over(world: World) -> None:
    world.write("green.8^blue.7")
    got = await world.client.get("/", headers={**PAGE, "Cookie": "teal_page=7"})
    assert (got.text.split()[0], got.headers["set-cookie"].split(";")[0]) == ("green", "teal_page=8")
    assert await side(world, Cookie="teal_page=7", Sec_Fetch_Mode="cors") == "blue"
    assert await side(world, "POST", Cookie="teal_page=7", Sec_Fetch_Mode="navigate") == "blue"
    assert await side(world, Cookie="teal_page=8", Sec_Fetch_Mode="cors") == "green"
    assert await side(world, Cookie="teal_page=6") == "green"
    assert await side(world) == "green"
    got = await world.client.get("/", headers={**PAGE, "Cookie": "teal_page=8"})
    assert "set-cookie" not in got.headers
    world.write("green.8")
    assert await side(world, Cookie="teal_page=7") == "green"


async def test_what_is_counted_is_where_it_was_led(world: World) -> None:
    world.write(f"blue+green=40 green {KEY}")
    await world.counted()
    for bucket, times in (("00", 3), ("3f", 2), ("40", 4), ("ff", 1)):
        for _ in range(times):
            await side(world, Cookie=f"teal_bucket={bucket}")
    counted = await world.counted()
    assert (counted.blue.total, counted.green.total) == (5, 5)
    world.write(f"green.8^blue.7 green {KEY}")
    await side(world, Cookie="teal_page=7")
    await side(world)
    counted = await world.counted()
    assert (counted.blue.total, counted.green.total) == (1, 1)


@pytest.mark.parametrize("word", ["blue+green=40", "blue.8^green.7", "blue.8", "hold", "maintenance"])
async def test_the_key_opens_a_side_whatever_users_word_is(world: World, word: str) -> None:
    world.write(f"{word} plain {KEY}")
    assert (await asked(world, f"Teal {KEY}")).endswith("\r\n\r\nplain /x ")
    assert (await asked(world, f"Teal {KEY}", "state")).endswith(f"\r\n\r\n{word} plain")
    assert (await asked(world, f"Teal {KEY}", "version")).endswith("\r\n\r\n2")
    assert (await world.probe.state(("127.0.0.1", world.http), world.entry, KEY)).said == f"{word} plain"


async def test_what_was_held_goes_to_the_first_side_and_what_was_led_to_the_second_stays_there(world: World) -> None:
    for word in ("blue+green=40", "blue.8^green.7"):
        world.write("hold")
        held = asyncio.create_task(world.text("/x", Cookie="teal_bucket=00"))
        await asyncio.sleep(0.3)
        world.write(word)
        assert await held == "200 blue /x"
    await world.green.stop()
    cookies = {"blue+green=40": "teal_bucket=00", "blue.8^green.7": "teal_page=7"}
    tries = {}
    for word, cookie in cookies.items():
        world.write(word)
        tries[word] = asyncio.create_task(world.text("/x", Cookie=cookie))
        await asyncio.sleep(0.4)
    assert not any(each.done() for each in tries.values())
    await world.green.start(world.port)
    assert [await each for each in tries.values()] == ["200 green /x"] * 2
    await world.green.stop()
    begun = asyncio.create_task(world.text("/x", Cookie="teal_page=7"))
    await asyncio.sleep(0.3)
    world.write("blue.8")  # the window is over, and the older side is gone
    assert await begun == "200 blue /x"


async def test_renames_between_all_pairs_of_words_lose_nothing_and_every_request_is_counted(world: World) -> None:
    """Each pair of words in a row, often enough for 1,000 renames; what both sides counted is what was sent there."""
    world.write(f"blue blue {KEY}")
    await world.counted()
    answers, going = Counter[str](), True

    async def user(number: int) -> None:
        chance = random.Random(number)
        async with httpx.AsyncClient(base_url=str(world.client.base_url), timeout=40, trust_env=False) as client:
            while going:
                cookie = f"teal_bucket={chance.randrange(256):02x}; teal_page={chance.choice([7, 8, 9])}"
                headers = {"Cookie": cookie, "Sec-Fetch-Mode": chance.choice(["navigate", "cors"])}
                got = await client.request(chance.choice(["GET", "POST"]), "/x", headers=headers)
                answers[f"{got.status_code} {got.text.split()[0]}"] += 1

    users = [asyncio.create_task(user(number)) for number in range(6)]
    pairs = [each for each in permutations(WORDS, 2) for _ in range(9)]
    random.shuffle(pairs)
    renames = 0
    for pair in pairs:
        for word in pair:
            world.write(f"{word} blue {KEY}")
            renames += 1
            await asyncio.sleep(0.004)
    going = False
    await asyncio.gather(*users)
    counted = await world.counted()
    assert renames >= 1000
    assert set(answers) == {"200 blue", "200 green", "200 plain"}
    assert (counted.blue.total, counted.green.total) == (answers["200 blue"], answers["200 green"])
    assert counted.blue.errors + counted.green.errors == 0

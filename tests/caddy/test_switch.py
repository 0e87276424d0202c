"""Each word of the state file, and what no word may do."""

import asyncio

import aiohttp
import httpx
import pytest

from tests.caddy.world import KEY, World

pytestmark = pytest.mark.anyio


async def test_a_word_sends_users_to_its_side(world: World) -> None:
    for word in ("blue", "green", "plain", "blue"):
        world.write(word)
        assert await world.text("/x") == f"200 {word} /x"


async def test_with_a_key_users_stay_and_only_the_key_s_holder_goes_elsewhere(world: World) -> None:
    for users, asked in (
        ("blue", "green"),
        ("green", "blue"),
        ("plain", "green"),
        ("blue", "plain"),
        ("green", "green"),
    ):
        world.write(f"{users} {asked} {KEY}")
        assert await world.text("/x") == f"200 {users} /x"
        assert await world.text("/x", Proxy_Authorization=f"Teal {KEY}") == f"200 {asked} /x"


@pytest.mark.parametrize("content", [b"", b"bluex", b"Blue", b"blue green", b"blue green ", b"blue red k3y", b" blue"])
async def test_what_no_word_says_is_plain(world: World, content: bytes) -> None:
    world.write_raw(content)
    assert await world.text("/x") == "200 plain /x"


async def test_a_line_end_does_no_harm(world: World) -> None:
    world.write_raw(b"green\n")
    assert await world.text("/x") == "200 green /x"


async def test_no_file_is_plain(world: World) -> None:
    (world.teal / "state").unlink()
    assert await world.text("/x") == "200 plain /x"


async def test_maintenance_turns_users_away_and_lets_the_key_s_holder_in(world: World) -> None:
    for word in ("maintenance", f"maintenance green {KEY}"):
        world.write(word)
        got = await world.client.get("/x")
        assert (got.status_code, got.headers["Retry-After"]) == (503, "30")
    assert await world.text("/x", Proxy_Authorization=f"Teal {KEY}") == "200 green /x"


async def test_the_switch_takes_effect_at_once(world: World) -> None:
    for word in ("blue", "green") * 20:
        world.write(word)
        assert await world.text() == f"200 {word} /"


async def test_over_https_and_http2_too(world: World) -> None:
    world.write("green")
    async with httpx.AsyncClient(http2=True, verify=False, trust_env=False) as client:
        got = await client.get(f"https://localhost:{world.https}/x")
    assert (got.http_version, got.text) == ("HTTP/2", "green /x ")


async def test_a_request_that_reached_the_application_is_not_sent_again_for_half_a_minute(world: World) -> None:
    """Go itself repeats a GET once where a connection that it had kept open turns out to be dead."""
    world.write("blue")
    for method in ("GET", "POST"):
        assert (await world.client.request(method, "/reset")).status_code == 502
    assert world.blue.asked["/reset"] in {2, 3}


async def test_a_reload_of_the_owner_s_keeps_websockets_open(world: World) -> None:
    world.write("blue")
    async with aiohttp.ClientSession() as session, session.ws_connect(f"http://127.0.0.1:{world.http}/ws") as socket:
        config = (await world.client.get(f"http://127.0.0.1:{world.admin}/config/")).json()
        await world.client.post(
            f"http://127.0.0.1:{world.admin}/load", json=config, headers={"Cache-Control": "must-revalidate"}
        )
        await asyncio.sleep(0.3)
        await socket.send_str("still here")
        assert await socket.receive_str() == "blue still here"


async def test_no_file_is_one_line_in_caddy_s_log_for_each_request(world: World) -> None:
    """Caddy says that it can't read the file; where nobody uses Teal, a file that says plain keeps the log quiet."""
    (world.teal / "state").unlink()
    before = world.log().count("failed to read file")
    for _ in range(5):
        assert await world.text("/x") == "200 plain /x"
    assert world.log().count("failed to read file") == before + 5
    world.write("plain")
    assert await world.text("/x") == "200 plain /x"
    assert world.log().count("failed to read file") == before + 5

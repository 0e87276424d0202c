"""What a key opens, what opens nothing, and that no key stands in a log."""

import asyncio

import pytest

from tests.caddy.world import KEY, World

pytestmark = pytest.mark.anyio

NO_KEYS = (
    *("", "Teal", "Teal ", "Teal  ", "Teal *", "Teal x", f"Teal {KEY}x", f"teal {KEY}", KEY, f"Basic {KEY}"),
    *("Teal {http.regexp.teal.3}", "Teal {re.teal.3}", "Teal {vars.teal}", "Teal blue green k3y", "Teal *y", "Teal k*"),
)


async def asked(world: World, header: str, ask: str = "") -> str:
    """Return the whole answer to a GET with this ``Proxy-Authorization``, spaces at its end and all."""
    reader, writer = await asyncio.open_connection("127.0.0.1", world.http)
    lines = ["GET /x HTTP/1.1", "Host: x", "Connection: close", f"Proxy-Authorization: {header}", f"X-Teal-Ask: {ask}"]
    writer.write("\r\n".join([*lines, "", ""]).encode())
    answer = await reader.read()
    writer.close()
    return answer.decode()


async def opens(world: World, header: str) -> bool:
    """Tell whether a header gives more than users have: another side, a header in the answer, the snippet's answers."""
    got = [await asked(world, header, ask) for ask in ("", "state", "upstreams")]
    return any(not one.endswith("\r\n\r\nblue /x ") or "X-Teal-Upstream" in one for one in got)


async def test_the_key_opens(world: World) -> None:
    world.write(f"blue green {KEY}")
    assert await opens(world, f"Teal {KEY}")


async def test_no_other_key_opens(world: World) -> None:
    world.write(f"blue green {KEY}")
    assert [header for header in NO_KEYS if await opens(world, header)] == []


@pytest.mark.parametrize("content", [b"blue", b"blue green ", b"blue green", b"blue green *", b"blue green k3y k3y"])
async def test_without_a_key_in_the_state_nothing_opens(world: World, content: bytes) -> None:
    world.write_raw(content)
    users = (await world.text("/x")).removeprefix("200 ")
    for key in ("", "*", KEY, "{re.teal.3}", " "):
        answer = await asked(world, f"Teal {key}", "upstreams")
        assert answer.endswith(f"\r\n\r\n{users} ")
        assert "X-Teal-Upstream" not in answer


async def test_without_a_file_nothing_opens(world: World) -> None:
    (world.teal / "state").unlink()
    for key in ("", " ", KEY):
        assert (await asked(world, f"Teal {key}", "upstreams")).endswith("\r\n\r\nplain /x ")


async def test_a_key_ends_with_the_state_that_named_it(world: World) -> None:
    world.write(f"blue green {KEY}")
    assert await opens(world, f"Teal {KEY}")
    world.write("blue green another")
    assert not await opens(world, f"Teal {KEY}")


async def test_the_answer_to_a_key_says_who_gave_it(world: World) -> None:
    for side, host in (("blue", "platform-blue"), ("green", "platform-green"), ("plain", "platform")):
        world.write(f"blue {side} {KEY}")
        got = await world.client.get("/x", headers={"Proxy-Authorization": f"Teal {KEY}", "X-Teal-Upstream": "forged"})
        assert got.headers.get_list("X-Teal-Upstream") == [f"{host}:{world.port}"]
    assert "X-Teal-Upstream" not in (await world.client.get("/x")).headers


async def test_the_key_never_reaches_the_application_or_a_log(world: World) -> None:
    world.write("blue green secretkey7")
    for ask in ({}, {"X_Teal_Ask": "state"}, {"X_Teal_Ask": "upstreams"}):
        await world.text("/x", Proxy_Authorization="Teal secretkey7", **ask)
    await world.text("/reset", Proxy_Authorization="Teal secretkey7")  # an error is logged with its request
    assert "Proxy-Authorization" not in world.green.headers
    log = world.log()
    assert '"uri":"/x"' in log
    assert '"status":502' in log
    assert "REDACTED" in log
    assert "secretkey7" not in log


async def test_questions_to_the_snippet_are_left_out_of_the_access_log(world: World) -> None:
    world.write(f"blue green {KEY}")
    for ask in ("state", "upstreams"):
        await world.text("/asked", Proxy_Authorization=f"Teal {KEY}", X_Teal_Ask=ask)
    await world.text("/other")
    assert '"uri":"/other"' in world.log()
    assert '"uri":"/asked"' not in world.log()


async def test_the_state_is_told_without_the_key(world: World) -> None:
    world.write(f"hold green {KEY}")
    assert await world.text("/x", Proxy_Authorization=f"Teal {KEY}", X_Teal_Ask="state") == "200 hold green"


async def test_the_key_opens_nothing_else_of_the_admin_endpoint(world: World) -> None:
    world.write(f"blue green {KEY}")
    headers = {"Proxy-Authorization": f"Teal {KEY}", "X-Teal-Ask": "upstreams"}
    for path in ("/config/", "/reverse_proxy/upstreams/../../config/", "/stop", "/load?x=1"):
        got = await world.client.get(path, headers=headers)
        assert all(set(row) == {"address", "num_requests", "fails"} for row in got.json())
    for method in ("POST", "PUT", "DELETE", "PATCH", "HEAD"):
        got = await world.client.request(method, "/config/", headers=headers)
        assert got.text in {"", "green /config/ "}
    assert (await world.client.get(f"http://127.0.0.1:{world.admin}/config/")).json()["apps"]


async def test_browser_headers_do_not_keep_the_admin_endpoint_from_answering(world: World) -> None:
    world.write(f"blue green {KEY}")
    headers = {"Proxy_Authorization": f"Teal {KEY}", "X_Teal_Ask": "upstreams"}
    got = await world.text("/", **headers, Origin="https://example.com", Sec_Fetch_Mode="cors")
    assert got.startswith("200 [")

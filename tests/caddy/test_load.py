"""Hundreds of switches under load, and none of it is lost or answered by the wrong side."""

import asyncio
import itertools
import time
from collections import Counter
from collections.abc import Awaitable, Callable

import aiohttp
import httpx
import pytest

from tests.caddy.world import KEY, World

pytestmark = [pytest.mark.anyio, pytest.mark.load]

SECONDS = 16.0
WORDS = ("blue", "green", f"blue green {KEY}", f"green blue {KEY}", "plain", "green", f"green green {KEY}")


class Load:
    """Requests of one kind after the other; each names the side that answered it."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.done: Counter[str] = Counter()
        self.failed: list[str] = []
        self.wrong: list[str] = []
        self.switches = 0
        self.over = False
        self._users = "plain"
        self._body = b"0123456789" * 2000

    async def switch(self) -> None:
        end = time.monotonic() + SECONDS
        for word in itertools.cycle(WORDS):
            if time.monotonic() > end:
                break
            self.world.write(word)
            self._users = word.split()[0]
            self.switches += 1
            await asyncio.sleep(0.03)
        self.over = True

    async def repeat(self, kind: str, once: Callable[[], Awaitable[str]]) -> None:
        """Do *once* again and again; where no switch fell into it, the answer must come from where users go."""
        while not self.over:
            before, users = self.switches, self._users
            try:
                side = await once()
            except (aiohttp.ClientError, httpx.HTTPError, TimeoutError, AssertionError, TypeError) as error:
                self.failed.append(f"{kind}: {error!r}")
                continue
            self.done[kind] += 1
            if self.switches == before and side != users:
                self.wrong.append(f"{kind}: {side}, not {users}")

    async def get(self, session: aiohttp.ClientSession) -> str:
        async with session.get("/x") as got:
            assert got.status == 200, got.status
            return (await got.text()).split()[0]

    async def fresh(self) -> str:
        async with aiohttp.ClientSession(f"http://127.0.0.1:{self.world.http}") as session:
            return await self.get(session)

    async def post(self, session: aiohttp.ClientSession) -> str:
        async with session.post("/y", data=self._body) as got:
            assert got.status == 200, got.status
            side, _, body = (await got.read()).split(b" ", 2)
            assert body == self._body
            return side.decode()

    async def events(self, session: aiohttp.ClientSession) -> str:
        async with session.get("/events?count=8") as got:
            assert got.status == 200, got.status
            lines = (await got.text()).split("\n\n")
        side = lines[0].split()[1]
        assert lines == [*(f"data: {side} {number}" for number in range(8)), ""]
        return side

    async def websocket(self, session: aiohttp.ClientSession) -> str:
        async with session.ws_connect("/ws") as socket:
            for number in range(8):
                await socket.send_str(str(number))
                side, said = (await socket.receive_str(timeout=10)).split()
                assert said == str(number)
                await asyncio.sleep(0.05)
        return side

    async def http2(self, client: httpx.AsyncClient) -> str:
        got = await client.get(f"https://localhost:{self.world.https}/x")
        assert (got.status_code, got.http_version) == (200, "HTTP/2"), got.status_code
        return got.text.split()[0]

    async def keyed(self, session: aiohttp.ClientSession) -> str:
        """A wrong key changes nothing."""
        async with session.get("/x", headers={"Proxy-Authorization": "Teal wrong"}) as got:
            assert got.status == 200, got.status
            return (await got.text()).split()[0]


async def test_nothing_is_lost_in_hundreds_of_switches(world: World) -> None:
    load = Load(world)
    origin = f"http://127.0.0.1:{world.http}"
    client = httpx.AsyncClient(http2=True, verify=False, trust_env=False, timeout=20)
    async with aiohttp.ClientSession(origin) as session, client, asyncio.TaskGroup() as group:
        kinds: dict[str, tuple[int, Callable[[], Awaitable[str]]]] = {
            "get": (3, lambda: load.get(session)),
            "fresh": (2, load.fresh),
            "post": (2, lambda: load.post(session)),
            "events": (2, lambda: load.events(session)),
            "websocket": (2, lambda: load.websocket(session)),
            "http2": (2, lambda: load.http2(client)),
            "wrong key": (1, lambda: load.keyed(session)),
        }
        for kind, (count, once) in kinds.items():
            for _ in range(count):
                group.create_task(load.repeat(kind, once))
        group.create_task(load.switch())
    print(f"\n{load.switches} switches, {len(load.failed)} failed and {len(load.wrong)} wrong of {dict(load.done)}")
    assert load.failed == []
    assert load.wrong == []
    assert load.switches >= 100
    assert set(load.done) == set(kinds)
    assert load.done.total() >= 1000

"""DRAIN_TIMEOUT reached with streams, uploads and WebSockets open: cut as documented, and counted in the report."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import aiohttp
import pytest

from tests.engine.stack import wait_until
from tests.faults.world import QUICK, World

pytestmark = [pytest.mark.engine, pytest.mark.load, pytest.mark.row("drain")]
DRAIN, SOCKETS = 7, 5  # seconds: both longer than what the other users leave open (3 s)


class Long:
    """An event stream, an upload and WebSockets that a user never ends; when and how each was ended."""

    def __init__(self, url: str, sockets: int) -> None:
        self.url, self.sockets = url, sockets
        self.open = 0
        self.ended: dict[str, float] = {}
        self.codes: list[int | None] = []

    def run(self) -> None:
        asyncio.run(self._all())

    async def _all(self) -> None:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=90)) as session:
            sockets = (self._socket(session, number) for number in range(self.sockets))
            await asyncio.gather(self._stream(session), self._upload(session), *sockets)

    async def _stream(self, session: aiohttp.ClientSession) -> None:
        try:
            async with session.get(f"{self.url}/events?count=1000&interval=0.25") as answer:
                self.open += 1
                async for _ in answer.content:
                    pass
        except aiohttp.ClientError:
            pass
        self.ended["stream"] = time.time()

    async def _upload(self, session: aiohttp.ClientSession) -> None:
        async def slowly() -> AsyncIterator[bytes]:
            for _ in range(300):
                yield b"x" * 100
                await asyncio.sleep(0.2)

        self.open += 1
        try:
            async with session.post(f"{self.url}/echo", data=slowly()) as answer:
                await answer.read()
        except aiohttp.ClientError:
            pass
        self.ended["upload"] = time.time()

    async def _socket(self, session: aiohttp.ClientSession, number: int) -> None:
        async with session.ws_connect(f"{self.url}/ws") as socket:
            self.open += 1
            await socket.receive()
            self.codes.append(socket.close_code)
        self.ended[f"socket {number}"] = time.time()


@contextmanager
def kept_open(tale: World, sockets: int = 2) -> Iterator[Long]:
    """Yield what is open; it all ends by the server's doing."""
    long = Long(tale.stack.url, sockets)
    thread = threading.Thread(target=long.run, daemon=True)
    thread.start()
    wait_until(lambda: long.open == 2 + sockets, "all of it is open")
    time.sleep(0.5)
    yield long
    thread.join(60)
    assert not thread.is_alive()


def test_what_is_open_when_the_drain_is_over_is_cut_and_counted(tale: World) -> None:
    tale.override(platform={"environment": {"STOP_SECONDS": "1"}, "stop_grace_period": "10s"})
    tale.write("teal.yml", f"timeouts: {{websocket_drain: {SOCKETS}s}}\n")
    tale.teal.run(*QUICK)
    before = tale.active
    with kept_open(tale) as long:
        ended = tale.teal.run(*QUICK, DRAIN_TIMEOUT=str(DRAIN))
    drained = ended.result["drained"]
    assert (drained["cut_requests"], drained["cut_websockets"], drained["counted"]) == (2, 2, True)
    assert DRAIN <= drained["seconds"] < DRAIN + 2
    switched = tale.switches()[-1].at
    assert min(long.ended.values()) >= switched + DRAIN  # nothing was cut before
    assert set(long.codes) <= {1000, 1001, 1012}
    assert tale.whole() != before


@pytest.mark.long
def test_websockets_alone_hold_the_drain_for_their_own_time(tale: World) -> None:
    tale.write("teal.yml", f"timeouts: {{websocket_drain: {SOCKETS}s}}\n")
    before = tale.active

    async def sit(socket_is_open: threading.Event) -> int | None:
        async with aiohttp.ClientSession() as session, session.ws_connect(f"{tale.stack.url}/ws") as socket:
            socket_is_open.set()
            await socket.receive(timeout=60)
            return socket.close_code

    is_open, codes = threading.Event(), list[int | None]()
    thread = threading.Thread(target=lambda: codes.append(asyncio.run(sit(is_open))), daemon=True)
    thread.start()
    assert is_open.wait(10)
    ended = tale.teal.run(*QUICK)
    thread.join(30)
    drained = ended.result["drained"]
    assert (drained["cut_requests"], drained["cut_websockets"]) == (0, 1)
    assert SOCKETS <= drained["seconds"] < SOCKETS + 3
    assert codes
    assert codes[0] in {1000, 1001, 1012}
    assert tale.whole() != before

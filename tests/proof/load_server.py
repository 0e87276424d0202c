"""A small server with the paths of the example stack that can do wrong on purpose, and counts it."""

import asyncio
import socket
import threading
import time
from collections import Counter
from collections.abc import Callable
from typing import Self

from aiohttp import WSCloseCode, WSMsgType, web

Fault = Callable[[str, int], str]  # (path, its number from 1) -> what to do wrong, "" for nothing


def every(count: int, fault: str, path: str = "/echo") -> Fault:
    """Return a plan that does *fault* on each *count*-th request to *path*."""
    return lambda where, number: fault if where == path and number % count == 0 else ""


class Server:
    """Runs in a thread of its own until the with-block ends."""

    def __init__(self, fault: Fault = lambda path, number: "") -> None:
        self.fault, self.release, self.color = fault, "7", "blue"
        self.enqueued: list[str] = []
        self.asked: Counter[str] = Counter()
        self.did: Counter[str] = Counter()
        self._loop = asyncio.new_event_loop()
        self._socket = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.origin = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._ready = threading.Event()

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(10)
        return self

    def __exit__(self, *error: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        app = web.Application(client_max_size=2**24)
        app.add_routes(
            [
                web.route("*", "/echo", self.echo),
                web.get("/slow", self.slow),
                web.get("/events", self.events),
                web.get("/ws", self.ws),
                web.get("/chain", self.chain),
                web.post("/api/jobs", self.jobs),
            ]
        )
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, keepalive_timeout=300)
        self._loop.run_until_complete(runner.setup())
        self._loop.run_until_complete(web.SockSite(runner, self._socket).start())
        self._ready.set()
        self._loop.run_forever()
        self._loop.run_until_complete(runner.cleanup())
        self._loop.close()

    def _wrong(self, request: web.Request) -> str:
        self.asked[request.path] += 1
        fault = self.fault(request.path, self.asked[request.path])
        self.did[fault] += 1
        return fault

    def _marks(self) -> dict[str, str]:
        return {"X-Color": self.color, "X-Release": self.release, "X-Started": f"{time.time():.6f}"}

    async def echo(self, request: web.Request) -> web.StreamResponse:
        marks, body = self._marks(), await request.read() or request.query_string.encode()
        fault = self._wrong(request)
        if fault == "stall":
            time.sleep(0.3)  # noqa: ASYNC251 - the whole server stands still
        if fault == "hang":
            await asyncio.sleep(60)
        if fault == "drop":
            return _drop(request)
        if fault == "truncate":
            return await _truncate(request, body, marks)
        return _answer(fault, body, marks)

    async def slow(self, request: web.Request) -> web.StreamResponse:
        marks = self._marks()
        await asyncio.sleep(float(request.query["seconds"]))
        return _drop(request) if self._wrong(request) == "drop" else web.Response(text="slept", headers=marks)

    async def events(self, request: web.Request) -> web.StreamResponse:
        fault, count = self._wrong(request), int(request.query["count"])
        response = web.StreamResponse(headers={**self._marks(), "Content-Type": "text/event-stream"})
        await response.prepare(request)
        for number in range(count or 10**9):
            if fault and number == (count // 2 or 5):
                return _drop(request) if fault == "cut" else response  # or ended early, properly
            await response.write(f"id: {number}\ndata: {number}\n\n".encode())
            await asyncio.sleep(float(request.query["interval"]))
        return response

    async def ws(self, request: web.Request) -> web.StreamResponse:
        fault = self._wrong(request)
        if fault == "502":
            return web.Response(status=502)
        socket_ = web.WebSocketResponse()
        socket_.headers.update(self._marks())
        await socket_.prepare(request)
        number = 0
        async for message in socket_:
            number += 1
            if fault == "close" and number == 3:
                await socket_.close(code=WSCloseCode.GOING_AWAY, message=b"restart")
            elif fault == "close and go" and number == 3:  # not waiting for the client's own close
                assert request.transport is not None
                assert socket_._writer is not None
                await socket_._writer.close(1012, b"restarting")
                request.transport.close()
            elif fault == "kill" and number == 3:
                assert request.transport is not None
                request.transport.abort()
            elif message.type is WSMsgType.TEXT:
                await socket_.send_str(message.data)
        return socket_

    async def jobs(self, request: web.Request) -> web.StreamResponse:
        if self._wrong(request):
            return web.Response(status=500)
        self.enqueued.append((await request.json())["id"])
        return web.json_response({"job": self.enqueued[-1]}, status=202, headers=self._marks())

    async def chain(self, request: web.Request) -> web.StreamResponse:
        rows = [{"service": name, "color": self.color, "release": self.release} for name in "abcde"]
        match self._wrong(request):
            case "mixed":
                rows[3]["release"] = "6"
            case "missing":
                rows.pop()
        return web.json_response(rows, headers=self._marks())


def _answer(fault: str, body: bytes, marks: dict[str, str]) -> web.Response:
    match fault:
        case "502":
            return web.Response(status=502)
        case "wrong":
            return web.Response(body=b"something else", headers=marks)
        case "unmarked":
            return web.Response(body=body)
        case name if name.startswith("release "):
            return web.Response(body=body, headers={**marks, "X-Release": name.split()[1]})
    return web.Response(body=body, headers=marks)


def _drop(request: web.Request) -> web.StreamResponse:
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


async def _truncate(request: web.Request, body: bytes, marks: dict[str, str]) -> web.StreamResponse:
    response = web.StreamResponse(headers={**marks, "Content-Length": str(len(body))})
    await response.prepare(request)
    await response.write(body[: len(body) // 2])
    await asyncio.sleep(0.02)
    return _drop(request)

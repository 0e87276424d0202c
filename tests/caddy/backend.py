"""An application for tests: it says who it is, and counts what it has begun and not ended."""

import asyncio
from collections import Counter

from aiohttp import WSMsgType, web


class Backend:
    """One release of the application at one address."""

    def __init__(self, name: str, host: str) -> None:
        self.name, self.host = name, host
        self.asked: Counter[str] = Counter()
        self.headers: dict[str, str] = {}
        self.now: Counter[str] = Counter()
        self.go = asyncio.Event()  # lets slow requests end
        self._runner: web.AppRunner | None = None

    @property
    def serving(self) -> bool:
        return self._runner is not None

    async def start(self, port: int) -> int:
        """Serve at *port*, 0 for any; return it."""
        app = web.Application(client_max_size=2**24, middlewares=[self._count])
        app.add_routes([web.get("/ws", self._ws), web.get("/events", self._events), web.get("/slow", self._slow)])
        app.add_routes([web.route("*", "/reset", self._reset), web.route("*", "/status/{code}", self._status)])
        app.add_routes([web.route("*", "/{any:.*}", self._echo)])
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1, keepalive_timeout=300)
        await self._runner.setup()
        site = web.TCPSite(self._runner, self.host, port, reuse_address=True)
        await site.start()
        bound: int = self._runner.addresses[0][1]
        return bound

    async def stop(self) -> None:
        """End, and give Caddy time to see it: a POST on a connection that it keeps and that is ending fails."""
        if self._runner:
            await self._runner.cleanup()
            self._runner = None
            await asyncio.sleep(0.3)

    async def busy(self, count: int) -> None:
        """Wait until *count* requests are in flight here."""
        async with asyncio.timeout(10):
            while self.now.total() != count:  # noqa: ASYNC110 - every request changes it, few wait for it
                await asyncio.sleep(0.02)

    @web.middleware
    async def _count(self, request: web.Request, handler: object) -> web.StreamResponse:
        self.asked[request.path] += 1
        self.headers = dict(request.headers)
        self.now[request.path] += 1
        try:
            return await handler(request)  # type: ignore[operator,no-any-return]
        finally:
            self.now[request.path] -= 1

    async def _echo(self, request: web.Request) -> web.Response:
        body = f"{self.name} {request.path} ".encode() + await request.read()
        return web.Response(body=body, headers={"X-Side": self.name})

    async def _status(self, request: web.Request) -> web.Response:
        return web.Response(status=int(request.match_info["code"]), text=self.name)

    async def _slow(self, request: web.Request) -> web.Response:
        await self.go.wait()
        return web.Response(text=self.name)

    async def _reset(self, request: web.Request) -> web.Response:
        assert request.transport
        request.transport.abort()
        return web.Response()

    async def _events(self, request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await answer.prepare(request)
        for number in range(int(request.query["count"])):
            await answer.write(f"data: {self.name} {number}\n\n".encode())
            await asyncio.sleep(0.1)
        if "then" in request.query:
            await self.go.wait()
        return answer

    async def _ws(self, request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                await socket.send_str(f"{self.name} {message.data}")
        return socket

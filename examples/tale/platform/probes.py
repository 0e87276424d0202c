"""Addresses that tests and load generators use: each does one thing that real applications do.

POST       /echo              the body comes back byte for byte; X-Method and X-Query say the rest
GET        /echo?…            the query comes back as it was sent
GET        /slow?seconds=     an answer that takes its time (at most 120 s)
GET        /events            an event stream: one event each `interval` seconds (default 1), `count` in all
GET        /ws                a WebSocket that echoes text and binary
"""

import asyncio
import json
import time
import weakref

from aiohttp import WSCloseCode, WSMsgType, web
from tale.life import ME, STOPPING

LONGEST = 120.0  # seconds
SOCKETS = web.AppKey("sockets", weakref.WeakSet[web.WebSocketResponse])


def use_probes(app: web.Application) -> None:
    """Add the addresses, and close the WebSockets when the service stops."""
    app[SOCKETS] = weakref.WeakSet()
    app.on_shutdown.append(_close_sockets)
    app.router.add_route("*", "/echo", echo)
    app.router.add_get("/slow", slow)
    app.router.add_get("/events", events)
    app.router.add_get("/ws", websocket)


def _number(request: web.Request, name: str, default: float, highest: float) -> float:
    try:
        return min(max(float(request.query.get(name, default)), 0.0), highest)
    except ValueError as problem:
        raise web.HTTPBadRequest(text=f"{name} is a number\n") from problem


async def echo(request: web.Request) -> web.Response:
    query = request.rel_url.raw_query_string
    headers = {"X-Method": request.method, "X-Query": query}
    if request.method in ("GET", "HEAD"):
        return web.Response(text=query, headers=headers)
    return web.Response(body=await request.read(), headers=headers, content_type=request.content_type)


async def slow(request: web.Request) -> web.Response:
    seconds = _number(request, "seconds", 1.0, LONGEST)
    await asyncio.sleep(seconds)
    return web.json_response({"slept": seconds} | request.app[ME].as_json())


async def events(request: web.Request) -> web.StreamResponse:
    """Send events; a stream without `count` is endless, and closed when the service stops."""
    interval = _number(request, "interval", 1.0, LONGEST)
    count = int(_number(request, "count", 0, 1_000_000))
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
    await response.prepare(request)
    await response.write(b"retry: 500\n\n")
    number, stopping = 0, request.app[STOPPING]
    while not count or number < count:
        number += 1
        content = {"number": number, "time": time.time()} | request.app[ME].as_json()
        await response.write(f"id: {number}\ndata: {json.dumps(content)}\n\n".encode())
        if number != count and await _wait(interval, None if count else stopping):
            break
    await response.write_eof()
    return response


async def _wait(seconds: float, stopping: asyncio.Event | None) -> bool:
    """Wait, but only until *stopping* is set, if given; return whether it is."""
    if stopping is None:
        await asyncio.sleep(seconds)
        return False
    try:
        await asyncio.wait_for(stopping.wait(), seconds)
    except TimeoutError:
        return False
    return True


async def websocket(request: web.Request) -> web.WebSocketResponse:
    socket = web.WebSocketResponse(timeout=3.0, compress=False)
    await socket.prepare(request)
    request.app[SOCKETS].add(socket)
    async for message in socket:
        if message.type is WSMsgType.TEXT:
            await socket.send_str(message.data)
        elif message.type is WSMsgType.BINARY:
            await socket.send_bytes(message.data)
    return socket


async def _close_sockets(app: web.Application) -> None:
    """Tell every WebSocket to come again: the next connection meets the new release."""
    closings = (socket.close(code=WSCloseCode.SERVICE_RESTART, message=b"restarting") for socket in app[SOCKETS])
    await asyncio.gather(*closings, return_exceptions=True)

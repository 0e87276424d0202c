"""HTTP/1.1 and WebSockets by aiohttp, its own retry switched off."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from typing import Any, Literal

import aiohttp

from proof.load.exchange import Answer, Request

QUIET = ("Accept-Encoding", "User-Agent", "Content-Type")


class Http1:
    """One origin over HTTP/1.1: a pool of kept-alive connections, and fresh ones."""

    def __init__(self, origin: str, tls: ssl.SSLContext | None = None) -> None:
        self._origin = origin
        self._kept = _session(tls, fresh=False)
        self._fresh = _session(tls, fresh=True)

    async def exchange(self, request: Request, answer: Answer, *, fresh: bool) -> None:
        """Send *request* once and fill *answer*."""
        session = self._fresh if fresh else self._kept
        data = _paced(request) if request.pace else request.body
        sized = request.pace and request.sized and request.body is not None
        headers = {"Content-Length": str(len(request.body or b""))} if sized else {}
        url = self._origin + request.path
        call = session.request(request.method, url, data=data, headers=headers, allow_redirects=False)
        async with call as response:
            answer.head(response.status, response.headers)
            async for piece in response.content.iter_any():
                answer.body += piece

    async def websocket(self, path: str, answer: Answer) -> aiohttp.ClientWebSocketResponse:
        """Open a WebSocket on a connection of its own."""
        socket_ = await self._fresh.ws_connect(self._origin + path, autoclose=True, autoping=True)
        response = socket_._response  # the handshake's headers have no public name
        answer.head(response.status, response.headers)
        return socket_

    async def close(self) -> None:
        """Close all connections."""
        await self._kept.close()
        await self._fresh.close()


def _session(tls: ssl.SSLContext | None, *, fresh: bool) -> aiohttp.ClientSession:
    context: ssl.SSLContext | Literal[True] = tls or True
    connector = aiohttp.TCPConnector(
        ssl=context, limit=0, family=socket.AF_INET, ttl_dns_cache=None, **_keeping(fresh=fresh)
    )
    timeout = aiohttp.ClientTimeout(total=None, sock_connect=None)  # the caller's asyncio.timeout rules
    session = aiohttp.ClientSession(
        connector=connector, timeout=timeout, skip_auto_headers=QUIET, cookie_jar=aiohttp.DummyCookieJar()
    )
    # aiohttp sends idempotent requests a second time when a kept-alive connection drops: a user's lost
    # request would look like success. There is no public switch; its own test client sets this one.
    assert session._retry_connection is True
    session._retry_connection = False
    return session


def _keeping(*, fresh: bool) -> dict[str, Any]:
    return {"force_close": True} if fresh else {"keepalive_timeout": 60.0}


async def _paced(request: Request) -> AsyncIterator[bytes]:
    for piece in request.pieces():
        yield piece
        await asyncio.sleep(request.pace)

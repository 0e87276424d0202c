"""Calls to the other services, by their plain names: `rag` is always the one of the same color."""

import asyncio
import os
from collections.abc import AsyncIterator, Iterable
from typing import Any

import aiohttp
from aiohttp import web

from tale.life import ME

PORTS = {"platform": 3000, "rag": 3001, "crawler": 3002, "search": 3003, "graph-db": 3004}
SESSION = web.AppKey("session", aiohttp.ClientSession)
# Not `connect`: that counts the wait for one of our own connections too, and after a switch requests come in a burst.
TIMEOUT = aiohttp.ClientTimeout(total=10, sock_connect=3)


def use_peers(app: web.Application) -> None:
    """Give *app* one pooled HTTP client."""

    async def session(app: web.Application) -> AsyncIterator[None]:
        app[SESSION] = aiohttp.ClientSession(timeout=TIMEOUT, connector=aiohttp.TCPConnector(limit=200))
        yield
        await app[SESSION].close()

    app.cleanup_ctx.append(session)


def url_of(service: str, path: str) -> str:
    """Return the address of *path* at *service*; `RAG_URL` and so on may name another place."""
    base = os.environ.get(service.upper().replace("-", "_") + "_URL") or f"http://{service}:{PORTS[service]}"
    return base + path


async def ask(app: web.Application, service: str, path: str, **query: str) -> Any:
    """Return the JSON that *service* answers; raise `aiohttp.ClientError` if it doesn't."""
    async with app[SESSION].get(url_of(service, path), params=query, raise_for_status=True) as answer:
        return await answer.json()


async def tell(app: web.Application, service: str, path: str, content: object) -> Any:
    """PUT *content* as JSON to *service* and return its answer."""
    async with app[SESSION].put(url_of(service, path), json=content, raise_for_status=True) as answer:
        return await answer.json()


def join_chain(app: web.Application, calls: Iterable[str] = ()) -> None:
    """Add `/chain`: this service, and everyone who took part behind the services that it *calls*."""
    names = tuple(calls)

    async def chain(request: web.Request) -> web.Response:
        try:
            parts = await asyncio.gather(*(ask(request.app, name, "/chain") for name in names))
        except (aiohttp.ClientError, TimeoutError) as problem:
            return web.json_response({"error": f"{type(problem).__name__}: {problem}"}, status=502)
        took_part = [request.app[ME].as_json(), *(entry for part in parts for entry in part)]
        return web.json_response(took_part)

    app.router.add_get("/chain", chain)

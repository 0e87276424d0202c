"""The database: one small pool a service, and a health answer that asks it."""

import asyncio
import os
from collections.abc import AsyncIterator

import asyncpg
from aiohttp import web

POOL = web.AppKey("pool", asyncpg.Pool)
DEFAULT_URL = "postgresql://tale:tale@db:5432/tale"
HEALTH_SECONDS = 2.0


def use_database(app: web.Application, *, connections: int = 4) -> None:
    """Give *app* a pool and a `/health` that is 200 while the database answers, else 503.

    The pool connects on demand: a service starts without the database, is unhealthy until it is there,
    and finds it again after a restart of it.
    """

    async def pool(app: web.Application) -> AsyncIterator[None]:
        url = os.environ.get("DATABASE_URL") or DEFAULT_URL
        app[POOL] = await asyncpg.create_pool(url, min_size=0, max_size=connections, command_timeout=10)
        yield
        await app[POOL].close()

    app.cleanup_ctx.append(pool)
    app.router.add_get("/health", _health)


async def _health(request: web.Request) -> web.Response:
    try:
        async with asyncio.timeout(HEALTH_SECONDS):
            await request.app[POOL].fetchval("SELECT 1")
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as problem:
        return web.json_response({"healthy": False, "database": type(problem).__name__}, status=503)
    return web.json_response({"healthy": True, "database": "answers"})

"""What was asked and how long it took, in a hypertable; written in batches, never on a request's time."""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import asyncpg
from aiohttp import web
from tale.database import POOL
from tale.identity import STARTED, Handler
from tale.life import ME, say

FLUSH_SECONDS = 1.0
MAX_WAITING = 20_000  # rows; the oldest are dropped when the database is away for long
COLUMNS = ("time", "path", "status", "milliseconds", "color", "release")
QUIET = frozenset({"/health", "/events", "/ws", "/metrics", "/style.css", "/app.js", "/favicon.ico"})
WAITING = web.AppKey("waiting", deque[tuple[Any, ...]])

LAST_MINUTES = """
SELECT extract(epoch FROM time_bucket('5 seconds', time))::bigint AS second, color, release, count(*) AS requests,
       count(*) FILTER (WHERE status >= 500) AS failed,
       percentile_cont(0.5) WITHIN GROUP (ORDER BY milliseconds) AS median
FROM request_metrics WHERE time > now() - interval '5 minutes'
GROUP BY 1, 2, 3 ORDER BY 1
"""


def use_metrics(app: web.Application) -> None:
    """Note every request of *app*, and add `/metrics`: the last five minutes by release."""
    app[WAITING] = deque(maxlen=MAX_WAITING)

    @web.middleware
    async def note(request: web.Request, handler: Handler) -> web.StreamResponse:
        status = 500
        try:
            response = await handler(request)
            status = response.status
        except web.HTTPException as answer:
            status = answer.status
            raise
        finally:
            if request.path not in QUIET and not request.path.startswith("/site/"):
                _note(request, status)
        return response

    app.middlewares.append(note)
    app.cleanup_ctx.append(_writing)
    app.router.add_get("/metrics", metrics)


def _note(request: web.Request, status: int) -> None:
    started, me = request[STARTED], request.app[ME]
    moment = datetime.fromtimestamp(started, UTC)
    spent = (time.time() - started) * 1000
    path = request.path if request.match_info.http_exception is None else "(unknown)"
    request.app[WAITING].append((moment, path, status, spent, me.color, me.release))


async def _writing(app: web.Application) -> AsyncIterator[None]:
    task = asyncio.create_task(_write_often(app))
    yield
    task.cancel()
    await asyncio.wait([task])
    await _flush(app)


async def _write_often(app: web.Application) -> None:
    while True:
        await asyncio.sleep(FLUSH_SECONDS)
        await _flush(app)


async def _flush(app: web.Application) -> None:
    waiting = app[WAITING]
    rows = list(waiting)
    waiting.clear()
    if not rows:
        return
    try:
        await app[POOL].copy_records_to_table("request_metrics", records=rows, columns=COLUMNS)
    except asyncio.CancelledError:
        _keep(waiting, rows)
        raise
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as problem:
        _keep(waiting, rows)
        say(app[ME], f"metrics not written, kept for later: {type(problem).__name__}")


def _keep(waiting: deque[tuple[Any, ...]], rows: list[tuple[Any, ...]]) -> None:
    """Put *rows* back before what came meanwhile, the latest of them where not all have room."""
    room = MAX_WAITING - len(waiting)
    waiting.extendleft(reversed(rows[-room:] if room else []))


async def metrics(request: web.Request) -> web.Response:
    rows = await request.app[POOL].fetch(LAST_MINUTES)
    return web.json_response([dict(row) for row in rows])

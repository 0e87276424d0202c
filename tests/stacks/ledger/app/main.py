"""Reviews and visits, written and read under one name each, whatever the columns of this release are called.

Each answer tells how long the database took for the statement (``took``, seconds): a lock that a change of the schema
holds shows there and nowhere else.
"""

import asyncio
import os
import signal
import time
import uuid
from decimal import Decimal

import asyncpg
from aiohttp import web

POOL = web.AppKey("pool", asyncpg.Pool)
AUTHOR = os.environ.get("AUTHOR") or "author"
STARS = os.environ.get("STARS") or "stars"
RATED = bool(os.environ.get("RATED"))
SOURCED = bool(os.environ.get("SOURCED"))
TABLES = ("reviews", "visits")
COLUMNS = ("key", AUTHOR, STARS, *(["helpful"] if RATED else []), *(["source"] if SOURCED else []))


def table(request: web.Request) -> str:
    """Return the table of the path."""
    name = request.match_info["table"]
    if name not in TABLES:
        raise web.HTTPNotFound
    return name


def values(said: dict) -> list:
    """Return the values of `COLUMNS`."""
    stars = Decimal(said["stars"]) if STARS == "score" else int(said["stars"])
    return [
        said["key"],
        said["author"],
        stars,
        *([1] if RATED else []),
        *(["here"] if SOURCED else []),
    ]


async def insert(request: web.Request) -> web.Response:
    """Insert one row."""
    places = ", ".join(f"${n + 1}" for n in range(len(COLUMNS)))
    sql = f"INSERT INTO {table(request)} ({', '.join(COLUMNS)}) VALUES ({places})"
    return await timed(request, sql, *values(await request.json()))


async def change(request: web.Request) -> web.Response:
    """Change author or stars of one row."""
    said = await request.json()
    sets = {"author": AUTHOR, "stars": STARS}
    (name,) = said.keys() & sets.keys()
    value = said[name]
    if name == "stars":
        value = Decimal(value) if STARS == "score" else int(value)
    sql = f"UPDATE {table(request)} SET {sets[name]} = $1 WHERE key = $2"
    return await timed(request, sql, value, request.match_info["key"])


async def read(request: web.Request) -> web.Response:
    """Return one row."""
    sql = f"SELECT {AUTHOR} AS author, {STARS} AS stars FROM {table(request)} WHERE key = $1"
    began = time.monotonic()
    row = await request.app[POOL].fetchrow(sql, request.match_info["key"])
    if row is None:
        raise web.HTTPNotFound
    return web.json_response({"author": row["author"], "stars": int(row["stars"]), "took": time.monotonic() - began})


async def timed(request: web.Request, sql: str, *arguments: object) -> web.Response:
    """Execute and tell how long it took; a write that changed no row is a failure."""
    began = time.monotonic()
    status = await request.app[POOL].execute(sql, *arguments)
    if status.endswith(" 0"):
        raise web.HTTPNotFound
    return web.json_response({"took": time.monotonic() - began})


async def check(request: web.Request) -> web.Response:
    """Write, change and read a row in each table as this release does, and take it back."""
    author, stars = "check", Decimal(3) if STARS == "score" else 3
    async with request.app[POOL].acquire() as connection:
        for name in TABLES:
            key = f"check-{uuid.uuid4()}"
            transaction = connection.transaction()
            await transaction.start()
            try:
                places = ", ".join(f"${n + 1}" for n in range(len(COLUMNS)))
                await connection.execute(
                    f"INSERT INTO {name} ({', '.join(COLUMNS)}) VALUES ({places})",
                    *values({"key": key, "author": author, "stars": stars}),
                )
                await connection.execute(f"UPDATE {name} SET {AUTHOR} = 'changed' WHERE key = $1", key)
                found = await connection.fetchval(f"SELECT {AUTHOR} FROM {name} WHERE key = $1", key)
                assert found == "changed", found
            finally:
                await transaction.rollback()
    return web.json_response({"fine": True})


async def health(request: web.Request) -> web.Response:
    """Say whether the database answers."""
    try:
        async with asyncio.timeout(2):
            await request.app[POOL].fetchval("SELECT 1")
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError):
        return web.json_response({"healthy": False}, status=503)
    return web.json_response({"healthy": True})


async def main() -> None:
    """Serve until SIGTERM."""
    app = web.Application()
    app.add_routes(
        [
            web.get("/health", health),
            web.get("/check", check),
            web.post("/{table}", insert),
            web.patch("/{table}/{key}", change),
            web.get("/{table}/{key}", read),
        ]
    )
    app[POOL] = await asyncpg.create_pool(os.environ["DATABASE_URL"], min_size=0, max_size=8, command_timeout=15)
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=8)
    await runner.setup()
    await web.TCPSite(runner, port=3000).start()
    await stopping.wait()
    await runner.cleanup()
    await app[POOL].close()


asyncio.run(main())

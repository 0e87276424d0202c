"""Notes of readers, and their votes in a hypertable: written and read under one name each in every release.

What the columns are called in this release, `shape` says. Each answer tells how long the database took (`took`,
seconds): a lock that a change of the schema holds shows there.
"""

import time
from decimal import Decimal
from typing import Any

import shape
from aiohttp import web
from tale.database import POOL

TABLES = ("notes", "votes")


def use_notes(app: web.Application) -> None:
    """Add the notes to *app*, and `/notes/check`, which tries every statement and takes it back."""
    app.router.add_get("/notes/check", check)
    app.router.add_post("/{table:notes|votes}", insert)
    app.router.add_patch("/{table:notes|votes}/{key}", change)
    app.router.add_get("/{table:notes|votes}/{key}", read)


async def insert(request: web.Request) -> web.Response:
    """Insert one row."""
    sql, values = _insert(request.match_info["table"], await request.json())
    return await _timed(request, sql, *values)


async def change(request: web.Request) -> web.Response:
    """Change author or stars of one row."""
    said = await request.json()
    name = "author" if "author" in said else "stars"
    value, column = (said[name], shape.AUTHOR) if name == "author" else (_stars(said[name]), shape.STARS)
    table = request.match_info["table"]
    return await _timed(request, f"UPDATE {table} SET {column} = $1 WHERE key = $2", value, request.match_info["key"])


async def read(request: web.Request) -> web.Response:
    """Return one row."""
    table = request.match_info["table"]
    began = time.monotonic()
    row = await request.app[POOL].fetchrow(
        f"SELECT {shape.AUTHOR} AS author, {shape.STARS} AS stars FROM {table} WHERE key = $1",
        request.match_info["key"],
    )
    if row is None:
        raise web.HTTPNotFound
    took = time.monotonic() - began
    return web.json_response({"author": row["author"], "stars": int(row["stars"]), "took": took})


async def check(request: web.Request) -> web.Response:
    """Insert, change and read a row of each table as this release does, then take it back."""
    async with request.app[POOL].acquire() as connection:
        for table in TABLES:
            transaction = connection.transaction()
            await transaction.start()
            try:
                sql, values = _insert(table, {"key": "check", "author": "before", "stars": 3})
                await connection.execute(sql, *values)
                await connection.execute(f"UPDATE {table} SET {shape.AUTHOR} = 'after' WHERE key = 'check'")
                found = await connection.fetchval(f"SELECT {shape.AUTHOR} FROM {table} WHERE key = 'check'")
            finally:
                await transaction.rollback()
            if found != "after":
                raise web.HTTPInternalServerError(text=f"{table}: read {found!r} after writing 'after'\n")
    return web.json_response({"fine": True})


def _insert(table: str, said: dict[str, Any]) -> tuple[str, list[Any]]:
    row = {"key": said["key"], shape.AUTHOR: said["author"], shape.STARS: _stars(said["stars"])} | shape.EXTRA[table]
    places = ", ".join(f"${n}" for n in range(1, len(row) + 1))
    return f"INSERT INTO {table} ({', '.join(row)}) VALUES ({places})", list(row.values())


def _stars(said: int) -> int | Decimal:
    return Decimal(said) if shape.STARS == "score" else int(said)


async def _timed(request: web.Request, sql: str, *values: object) -> web.Response:
    """Execute and tell how long it took; a write that changed no row is a failure."""
    began = time.monotonic()
    status = await request.app[POOL].execute(sql, *values)
    if status.endswith(" 0"):
        raise web.HTTPNotFound
    return web.json_response({"took": time.monotonic() - began})

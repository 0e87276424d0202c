"""Translates: the table that says which files were applied; it lies in the database that they changed."""

from __future__ import annotations

from teal.adapters.postgres.driver import Connection
from teal.core.migrations.files import TABLE, Applied, ScriptFile

_MAKE = (
    "CREATE SCHEMA IF NOT EXISTS teal",
    f"""CREATE TABLE IF NOT EXISTS {TABLE} (
    name text PRIMARY KEY, phase text NOT NULL, checksum text NOT NULL,
    begun timestamptz NOT NULL DEFAULT clock_timestamp(), applied timestamptz, done integer NOT NULL DEFAULT 0)""",
)
_ALL = f"""
SELECT name, checksum, extract(epoch FROM applied)::float8 AS at, done FROM {TABLE} ORDER BY name"""
_FINISHED = f"""
INSERT INTO {TABLE} (name, phase, checksum, applied, done) VALUES ($1, $2, $3, clock_timestamp(), $4)
ON CONFLICT (name) DO UPDATE SET checksum = excluded.checksum, applied = excluded.applied, done = excluded.done"""
_BEGUN = f"""
INSERT INTO {TABLE} (name, phase, checksum, done) VALUES ($1, $2, $3, $4)
ON CONFLICT (name) DO UPDATE SET checksum = excluded.checksum, done = excluded.done"""


class Ledger:
    """The table, read and written over *connection*."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    async def all(self) -> tuple[Applied, ...]:
        """Return its rows; none where it was never made."""
        if await self._connection.fetchval("SELECT to_regclass($1)", TABLE) is None:
            return ()
        rows = await self._connection.fetch(_ALL)
        return tuple(Applied(row["name"], row["checksum"], row["at"], row["done"]) for row in rows)

    async def prepare(self) -> None:
        """Make it where it is not there yet."""
        if await self._connection.fetchval("SELECT to_regclass($1)", TABLE) is None:
            for statement in _MAKE:
                await self._connection.execute(statement)

    async def finished(self, file: ScriptFile) -> None:
        """Record that *file* is applied whole."""
        await self._connection.execute(_FINISHED, file.name, str(file.phase), file.checksum, len(file.statements))

    async def begun(self, file: ScriptFile, done: int) -> None:
        """Record that the first *done* statements of *file* are."""
        await self._connection.execute(_BEGUN, file.name, str(file.phase), file.checksum, done)

"""Tries what can't be read: on a copy of its table in a schema of its own, in a transaction that is rolled back.

The table itself is only read; nothing waits for its locks longer than a moment, and the copy ends with the transaction.
All is done with the rights of the connection, which are those that the change itself is applied with.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import cast

from teal.adapters.postgres import errors
from teal.adapters.postgres.driver import Connection, Record
from teal.core.judge.trying import (
    MADE_UP,
    REACHING,
    Attempt,
    Copy,
    Outcome,
    Play,
    Row,
    ends,
    fullest,
    moves,
    placed,
    values_of,
)
from teal.core.judge.values import Tried
from teal.core.migrations.sql import quoted

LONGEST = 15.0  # seconds for one attempt
_SAMPLES = 50  # rows whose values are written into the copy
_BEGIN = "BEGIN; SET LOCAL lock_timeout = '500ms'; SET LOCAL statement_timeout = '3s'"
_PATH = "SELECT string_agg(quote_ident(name), ', ') FROM unnest(current_schemas(false)) name"
_REACHING = """
SELECT extname::text FROM pg_extension WHERE extname = ANY ($1)
UNION SELECT lanname::text FROM pg_language WHERE NOT lanpltrusted AND lanname NOT IN ('internal', 'c') LIMIT 1"""
_COLUMNS = """
SELECT a.attname::text AS name, format_type(a.atttypid, a.atttypmod) AS type, a.attnotnull AS required,
    coalesce(pg_get_expr(d.adbin, d.adrelid), '') AS default,
    ARRAY(SELECT enumlabel::text FROM pg_enum WHERE enumtypid = a.atttypid ORDER BY enumsortorder) AS labels
FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attrelid = to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum"""
_WROTE = """
SELECT schemaname::text AS schema, relname::text AS name, relid::regclass::text AS said FROM pg_stat_xact_user_tables
WHERE relid <> to_regclass($1) AND n_tup_ins + n_tup_upd + n_tup_del > 0 LIMIT 1"""


class _Refused(Exception):
    """The attempt can't be carried out."""


async def tried_on_copies(connection: Connection, attempts: Sequence[Attempt]) -> dict[str, Tried]:
    """Return by its key what was seen of each of *attempts*."""
    return {one.key: Tried(untried=one.refused) if one.refused else await _tried(connection, one) for one in attempts}


async def _tried(connection: Connection, attempt: Attempt) -> Tried:
    if attempt.composes and (reaching := await connection.fetchval(_REACHING, list(REACHING))):
        return Tried(untried=f"{reaching} is installed: SQL that is put together may do what a rollback does not undo")
    try:
        await connection.execute(_BEGIN)
        async with asyncio.timeout(LONGEST):
            bench = await _Bench.made(connection, attempt)
            return await (bench.batch() if attempt.batch else bench.triggers())
    except _Refused as why:
        return Tried(untried=str(why))
    except TimeoutError:
        return Tried(untried=f"it took longer than {LONGEST:.0f} s")
    except Exception as error:
        if not errors.is_of_server(error) or connection.is_closed():
            raise
        return Tried(untried=_first_line(error))
    finally:
        if not connection.is_closed():
            await connection.execute("ROLLBACK")


class _Bench:
    """The copy of a table."""

    def __init__(self, connection: Connection, attempt: Attempt, schema: str) -> None:
        self._connection, self._trial, self._schema = connection, attempt, schema
        own, _, name = attempt.table.rpartition(".")
        self._source = f"{quoted(own or 'public')}.{quoted(name)}"
        self._copy = f"{schema}.{quoted(name)}"
        self._types: dict[str, str] = {}

    @classmethod
    async def made(cls, connection: Connection, attempt: Attempt) -> _Bench:
        """Make the copy, without rows and triggers."""
        schema, path = f"teal_trial_{await connection.fetchval('SELECT pg_backend_pid()')}", ""
        path = await connection.fetchval(_PATH)
        bench = cls(connection, attempt, schema)
        await connection.execute(
            f"CREATE SCHEMA {schema}; SET LOCAL search_path = {schema}, {path}; SET LOCAL check_function_bodies = off;"
            f" CREATE UNLOGGED TABLE {bench._copy} (LIKE {bench._source} INCLUDING DEFAULTS)"
        )
        await bench._run(attempt.statements)
        return bench

    async def _run(self, statements: Sequence[str]) -> None:
        for sql in statements:
            await self._connection.execute(placed(sql, self._trial.table, self._schema))

    # --- triggers

    async def triggers(self) -> Tried:
        """Play rows through the triggers."""
        await self._run(self._trial.triggers)
        await self._connection.execute("SET CONSTRAINTS ALL IMMEDIATE")
        rows = await self._connection.fetch(_COLUMNS, self._copy)
        self._types = {row["name"]: row["type"] for row in rows}
        game = moves(await self._described(rows))
        try:
            play = next(game)
            while True:
                play = game.send(await self._played(play))
        except StopIteration as end:
            return cast("Tried", end.value)

    async def _described(self, rows: Sequence[Record]) -> Copy:
        there = [row["name"] for row in rows if row["name"] in self._trial.serving]
        chosen = ", ".join(f"{quoted(name)}::text" for name in there)
        found = await self._connection.fetch(f"SELECT {chosen} FROM {self._source} LIMIT {_SAMPLES}")
        samples = fullest({name: row[name] for name in there} for row in found)
        values = {}
        for row in rows:
            made_up = await self._taken(row["type"], row["labels"] or MADE_UP)
            values[row["name"]] = values_of(samples, row["name"], made_up)
        return Copy(
            values,
            frozenset(row["name"] for row in rows if row["required"]),
            {row["name"]: row["default"] for row in rows if row["default"]},
            frozenset(there),
            samples,
        )

    async def _taken(self, type_: str, values: Sequence[str]) -> list[str]:
        """Return the first values that a type takes, as it writes them."""
        found: dict[str, None] = {}
        for value in values:
            await self._connection.execute("SAVEPOINT teal_value")
            try:
                found[await self._connection.fetchval(f"SELECT {_text(value)}::{type_}::text")] = None
                await self._connection.execute("RELEASE SAVEPOINT teal_value")
            except Exception as error:
                if not errors.is_of_server(error):
                    raise
                await self._connection.execute("ROLLBACK TO SAVEPOINT teal_value")
            if len(found) > 2:
                break
        return list(found)

    async def _played(self, play: Play) -> Outcome:
        """Return what comes of a play; the copy is as before after it."""
        rows: list[Row | None] = []
        await self._connection.execute("SAVEPOINT teal_play")
        try:
            for step in play:
                tag = await self._connection.execute(self._statement(step.row, update=step.update))
                rows.append(None if tag.endswith(" 0") else await self._row())
            return Outcome(tuple(rows), wrote=await self._wrote())
        except Exception as error:
            if not errors.is_of_server(error) or errors.is_busy(error) or errors.is_cut_short(error):
                raise
            return Outcome(tuple(rows), _first_line(error))
        finally:
            if not self._connection.is_closed():
                await self._connection.execute("ROLLBACK TO SAVEPOINT teal_play; RELEASE SAVEPOINT teal_play")

    async def _wrote(self) -> str:
        """Return another table that was written into."""
        found = next(iter(await self._connection.fetch(_WROTE, self._copy)), None)
        if found is not None and found["schema"] == self._schema:
            raise _Refused(f"it writes into {found['name']}, which may not take each row")
        return str(found["said"]) if found is not None else ""

    def _statement(self, row: Row, *, update: bool) -> str:
        given = {
            name: "NULL" if value is None else f"{_text(value)}::{self._types[name]}" for name, value in row.items()
        }
        if update:
            return f"UPDATE {self._copy} SET {', '.join(f'{quoted(name)} = {value}' for name, value in given.items())}"
        names = ", ".join(map(quoted, given))
        return f"INSERT INTO {self._copy} ({names}) VALUES ({', '.join(given.values())})"

    async def _row(self) -> Row | None:
        chosen = ", ".join(f"{quoted(name)}::text" for name in self._types)
        found = await self._connection.fetch(f"SELECT {chosen} FROM {self._copy} LIMIT 2")
        if len(found) > 1:
            raise _Refused("it writes rows of its own into the table")
        return {name: found[0][name] for name in self._types} if found else None

    # --- a batch

    async def batch(self) -> Tried:
        """Run a batch over a sample of the rows again and again."""
        rows = await self._filled()
        await self._run(self._trial.triggers)
        changed: list[int] = []
        while (said := ends(changed, rows)) is None:
            tag = await self._connection.execute(placed(self._trial.batch, self._trial.table, self._schema))
            changed.append(int(tag.rpartition(" ")[2]))
        return said

    async def _filled(self) -> int:
        """Copy rows, from all over a large table, and some with NULLs; return how many."""
        names = [row["name"] for row in await self._connection.fetch(_COLUMNS, self._source)]
        listed, many = ", ".join(map(quoted, names)), self._trial.rows
        guess = await self._connection.fetchval(
            "SELECT reltuples::float8 FROM pg_class WHERE oid = to_regclass($1)", self._source
        )
        part = f" TABLESAMPLE SYSTEM ({100 * many / guess:f})" if guess > many else ""
        await self._connection.execute(
            f"INSERT INTO {self._copy} ({listed}) SELECT {listed} FROM {self._source}{part} LIMIT {many}"
        )
        for emptied in [[name] for name in self._trial.nullable] + [list(self._trial.nullable)]:
            chosen = ", ".join("NULL" if name in emptied else quoted(name) for name in names)
            await self._connection.execute(
                f"INSERT INTO {self._copy} ({listed}) SELECT {chosen} FROM {self._copy} LIMIT 1"
            )
        return int(await self._connection.fetchval(f"SELECT count(*) FROM {self._copy}"))


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0]

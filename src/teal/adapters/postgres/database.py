"""One database: what is in it, what is asked of it, and the table in it that says which files were applied."""

from __future__ import annotations

import asyncio
import os
import random
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import TypeVar

from teal.adapters.postgres import errors
from teal.adapters.postgres.catalog import read_catalog
from teal.adapters.postgres.driver import Connection
from teal.adapters.postgres.planning import Trial, counted
from teal.adapters.postgres.trying import tried_on_copies
from teal.core.judge.trying import Attempt
from teal.core.judge.values import Catalog, Counted, Part, Planned, Query, Tried
from teal.core.migrations.connection import Credentials
from teal.core.migrations.files import TABLE, Applied, ScriptFile
from teal.core.migrations.gate import DatabaseSession
from teal.core.migrations.sql import Statement, own_transactions
from teal.core.model.migrations import BY_STATISTICS
from teal.errors import Failed, Locked, Refused, TealError
from teal.ports import LineSink

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


TRIES = 10  # for a lock; between two of them a moment at random, so that the queue behind can pass
LONGEST_PAUSE = 1.5  # seconds
UNHURRIED = "30s"  # for the locks of what runs CONCURRENTLY: no reader and no writer waits behind it
ORPHAN = 20.0  # seconds within which the server has noticed that a runner died; it looks each second
_CLASS = 0x7EA1  # of the advisory locks
T = TypeVar("T")

_SESSIONS = """
SELECT coalesce(host(client_addr), '') AS address, coalesce(application_name, '') AS application, pid
FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid() AND coalesce(backend_type, 'client backend') =
    'client backend' ORDER BY pid"""
_COUNTING = (
    f"load it (shared_preload_libraries = '{BY_STATISTICS}') and CREATE EXTENSION {BY_STATISTICS}; or give a file of"
    " SQL as `queries` in teal.yml"
)
_BLOCKERS = """
SELECT format('pid %s%s, in a transaction for %s s', pid, nullif(' of ' || application_name, ' of '),
    extract(epoch FROM now() - xact_start)::int) AS said
FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND xact_start IS NOT NULL
    AND now() - xact_start > interval '1 s' AND backend_type = 'client backend' ORDER BY xact_start LIMIT 3"""
_HOLDER = """
SELECT coalesce(nullif(a.application_name, ''), 'pid ' || a.pid) FROM pg_locks l JOIN pg_stat_activity a USING (pid)
WHERE l.locktype = 'advisory' AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND l.classid = $1::bigint::oid AND l.objid = $2::bigint::oid AND l.granted LIMIT 1"""
_INVALID = """
SELECT c.oid::regclass::text FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
WHERE c.oid = to_regclass($1) AND NOT i.indisvalid"""


class PostgresDatabase:
    """A database over one connection."""

    def __init__(self, connection: Connection, login: Credentials) -> None:
        self._connection = connection
        self._name = login.database
        self._ledger = Ledger(connection)

    # --- asking

    async def catalog(self) -> Catalog:
        """Return what the judge asks about tables, columns and triggers."""
        return await self._asked(lambda: read_catalog(self._connection))

    async def statements(self) -> Counted:
        """Return the statements that the server has counted in this database; ``Refused`` where it counts none."""
        try:
            found = await counted(self._connection)
        except Exception as error:
            if errors.state_of(error) == errors.NOT_LOADED:
                raise Refused(f"{BY_STATISTICS} is not loaded by the server", hint=_COUNTING) from error
            raise self._translated(error) from error
        if found is None:
            raise Refused(f"{BY_STATISTICS} is not installed in the database {self._name}", hint=_COUNTING)
        return found

    async def unplanned(self, parts: Sequence[Part], queries: Sequence[Query]) -> Planned:
        """Apply *parts*, plan *queries* before and after them, and roll all of it back."""
        trial = Trial(self._connection, parts, queries)

        async def again(once: Callable[[], Awaitable[None]]) -> None:
            await self._retried(
                once, lambda: trial.at.script, lambda: Statement({}, "", trial.at.sql, trial.at.line), _unheard
            )

        return await trial.planned(again)

    async def tried(self, attempts: Sequence[Attempt]) -> dict[str, Tried]:
        """Try each of *attempts* on a copy of its table, in a transaction that is rolled back."""
        return await self._asked(lambda: tried_on_copies(self._connection, attempts))

    async def sessions(self) -> tuple[DatabaseSession, ...]:
        """Return the sessions of clients in this database, this one left out."""
        rows = await self._asked(lambda: self._connection.fetch(_SESSIONS))
        return tuple(DatabaseSession(row["address"], row["application"], row["pid"]) for row in rows)

    async def count(self, sql: str) -> int:
        """Return the number that *sql* selects, asked in a read-only transaction; as long as it takes."""

        async def ask() -> object:
            async with self._connection.transaction(readonly=True):
                await self._connection.execute("SET LOCAL statement_timeout = 0")
                return await self._connection.fetchval(sql)

        try:
            found = await ask()
        except Exception as error:
            raise self._translated(error, assertion=sql) from error
        if not isinstance(found, int):
            raise Failed("an assertion must select one number", hint="for example: SELECT count(*) FROM …", detail=sql)
        return found

    async def applied(self) -> tuple[Applied, ...]:
        """Return what is known of files that were applied, or begun."""
        return await self._asked(self._ledger.all)

    # --- changing

    async def apply(self, file: ScriptFile, *, on_line: LineSink) -> None:
        """Apply *file* and record it."""
        try:
            await self._ledger.prepare()
            await (self._whole if file.transaction else self._one_by_one)(file, on_line)
        except Exception as error:
            raise self._translated(error) from error

    async def batch(self, sql: str, *, on_line: LineSink) -> int:
        """Run one statement in a transaction of its own; return how many rows it has changed."""
        statement = Statement({}, "", sql, 1)

        async def once() -> int:
            async with self._connection.transaction():
                await self._connection.execute("SET LOCAL statement_timeout = 0")
                return _rows(await self._connection.execute(sql))

        return await self._retried(once, "the backfill", statement, on_line)

    async def record(self, file: ScriptFile) -> None:
        """Record that *file* is applied, whose statements were run one by one."""

        async def write() -> None:
            await self._ledger.prepare()
            await self._ledger.finished(file)

        await self._asked(write)

    @asynccontextmanager
    async def exclusively(self, stack: str) -> AsyncIterator[None]:
        """Hold the session's advisory lock for *stack*; ``Locked`` where somebody else does."""
        key = zlib.crc32(stack.encode()) - (1 << 31)
        await self._take(key)
        try:
            yield
        finally:
            if not self._connection.is_closed():
                with suppress(TealError):  # a server that has gone has let it go, too
                    await self._asked(
                        lambda: self._connection.fetchval("SELECT pg_advisory_unlock($1, $2)", _CLASS, key)
                    )

    # --- how

    async def _take(self, key: int) -> None:
        """Take the lock; the server may not have noticed yet that a runner has just died."""
        end = asyncio.get_running_loop().time() + ORPHAN
        while not await self._asked(
            lambda: self._connection.fetchval("SELECT pg_try_advisory_lock($1, $2)", _CLASS, key)
        ):
            holder = await self._asked(lambda: self._connection.fetchval(_HOLDER, _CLASS, key & 0xFFFFFFFF))
            if not _is_dead(holder or "") or asyncio.get_running_loop().time() > end:
                raise Locked(
                    f"another runner migrates this database now: {holder or 'it has just begun'}",
                    hint="wait for its end; `teal status` on its machine says what it does",
                )
            await asyncio.sleep(0.25)

    async def _whole(self, file: ScriptFile, on_line: LineSink) -> None:
        """Apply all statements and the record in one transaction, again as a whole where a lock was not to be had."""
        at = file.statements[0] if file.statements else Statement({}, "", "", 1)

        async def once() -> None:
            nonlocal at
            async with self._connection.transaction():
                for at in file.statements:
                    await self._connection.execute(f"SET LOCAL statement_timeout = '{'0' if at.unhurried else '5s'}'")
                    await self._connection.execute(at.sql)
                await self._ledger.finished(file)

        await self._retried(once, f"{file.name}.sql", lambda: at, on_line)

    async def _one_by_one(self, file: ScriptFile, on_line: LineSink) -> None:
        """Apply each statement by itself, from the first that isn't known to be done."""
        done = next((each.done for each in await self._ledger.all() if each.name == file.name), 0)
        number = 0
        for group in own_transactions(file.statements):
            number += len(group)
            if number > done:
                await self._together(group, f"{file.name}.sql", on_line)
                await self._ledger.begun(file, number)
        await self._ledger.finished(file)

    async def _together(self, group: Sequence[Statement], where: str, on_line: LineSink) -> None:
        """Run the statements of a transaction that the file itself begins (or a single one), again as a whole."""
        at = group[0]

        async def once() -> None:
            nonlocal at
            try:
                for at in group:
                    await self._alone(at)
            except Exception:
                if len(group) > 1 and not self._connection.is_closed():
                    await self._connection.execute("ROLLBACK")
                raise
            finally:
                if not self._connection.is_closed():
                    await self._connection.execute("RESET statement_timeout; RESET lock_timeout")

        await self._retried(once, where, lambda: at, on_line)

    async def _alone(self, statement: Statement) -> None:
        """Run *statement* outside of a transaction; what a failed attempt has left of its index is dropped first."""
        if statement.index:
            left = await self._connection.fetchval(_INVALID, statement.index)
            if left:
                how = "CONCURRENTLY " if statement.blocks_nobody else ""  # an index of a hypertable can't be dropped so
                await self._connection.execute(f"DROP INDEX {how}{left}")
        await self._connection.execute(f"SET statement_timeout = '{'0' if statement.unhurried else '5s'}'")
        if statement.blocks_nobody:
            await self._connection.execute(f"SET lock_timeout = '{UNHURRIED}'")
        await self._connection.execute(statement.sql)

    async def _retried(
        self,
        once: Callable[[], Awaitable[T]],
        file: str | Callable[[], str],
        at: Statement | Callable[[], Statement],
        on_line: LineSink,
    ) -> T:
        """Return what *once* returns; tried again where a lock was not to be had."""
        for tries in range(1, TRIES + 1):
            try:
                return await once()
            except Exception as error:
                statement, where = at() if callable(at) else at, file() if callable(file) else file
                if not errors.is_busy(error):
                    raise self._translated(error, where, statement) from error
                if tries == TRIES:
                    blockers = "; ".join(row["said"] for row in await self._connection.fetch(_BLOCKERS))
                    raise errors.explained(error, where, statement, tries=tries, blockers=blockers) from error
                on_line(f"{where}:{statement.line} did not get its lock within 1 s: try {tries + 1} of {TRIES}")
                await asyncio.sleep(random.uniform(0.1, LONGEST_PAUSE))  # noqa: S311 (no secret)
        raise AssertionError("the last try returns or raises")

    async def _asked(self, ask: Callable[[], Awaitable[T]]) -> T:
        try:
            return await ask()
        except Exception as error:
            raise self._translated(error) from error

    def _translated(
        self, error: Exception, where: str = "", statement: Statement | None = None, assertion: str = ""
    ) -> Exception:
        """Return *error* in Teal's words; one that isn't the server's stays as it is."""
        if not errors.is_of_server(error):
            return error
        gone = errors.lost(error, self._name)
        if gone is not None:
            return gone
        if statement is not None:
            return errors.explained(error, where, statement)
        return errors.uncounted(error, assertion) if assertion else errors.unasked(error, self._name)


def _unheard(line: str) -> None:
    """Say nothing: what is only tried is tried again in silence."""


def _rows(tag: str) -> int:
    """Return the number of rows in a command tag; 0 for a command that changes none."""
    verb, _, number = tag.rpartition(" ")
    return int(number) if number.isdecimal() and verb.split(" ")[0] in {"UPDATE", "INSERT", "DELETE", "MERGE"} else 0


def _is_dead(holder: str) -> bool:
    """Tell whether *holder*, as a runner calls itself, was a process of this machine that is no more."""
    host, _, pid = holder.rpartition(" ")[2].rpartition(":")
    if host != os.uname().nodename or not pid.isdecimal():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False

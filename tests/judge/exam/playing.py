"""Plays a change on a real server, by Teal's own runner: a refused one is seen to harm, an allowed one to harm nobody.

README.md says what each form of a harm means.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from importlib import import_module
from itertools import count
from time import monotonic
from typing import Any

from teal.core.migrations.files import ScriptFile
from teal.core.model.migrations import Phase
from teal.errors import ConfigError, TealError
from teal.ports import Database
from tests.engine.server import Server
from tests.judge.exam.entries import Entry
from tests.judge.exam.place import Place, standing

TRIES = 3
ROUNDS = 60  # of a backfill: more than any of the exam's needs
MANY = 1_000  # rows: more than a table that is called small has
LONGEST = 1.0  # seconds that a statement of an application may take beside a change
_numbers = count(1_000_000)

_TABLES = """
SELECT c.oid::bigint AS oid, c.relname AS name, pg_relation_filenode(c.oid)::bigint AS node
FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    AND n.nspname !~ '^(pg_|information_schema|_timescaledb|teal)'
WHERE c.relkind IN ('r', 'p', 'm', 'i')"""
_LOCKED = """
SELECT relation::bigint AS oid FROM pg_locks WHERE pid = pg_backend_pid() AND granted AND locktype = 'relation'
    AND mode IN ('ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')"""
_TOUCHED = """
SELECT relid::bigint AS oid,
    (seq_tup_read + coalesce(idx_tup_fetch, 0) + n_tup_ins + n_tup_upd + n_tup_del)::bigint AS rows,
    (n_tup_upd + n_tup_del)::bigint AS written FROM pg_stat_xact_user_tables"""


class Slow(AssertionError):
    """A statement beside a change took long: for a lock it would each time, on a busy machine it doesn't."""


class Endless(Exception):
    """A backfill that still changes rows after so many rounds."""


async def verify(server: Server, entry: Entry) -> str:
    """Play *entry*; return what was seen, or fail where its label is contradicted."""
    for tries in range(1, TRIES + 1):
        async with standing(server, entry) as place:
            if entry.refuse:
                return await WAYS[next(iter(entry.harm))](place, entry, dict(entry.harm))
            try:
                return await _harmless(place, entry)
            except Slow:
                if tries == TRIES:
                    raise
            except (TealError, import_module("asyncpg").PostgresError) as error:
                raise AssertionError(f"the change, or a statement beside it, fails: {error}") from error
    raise AssertionError("the last try returns or raises")


# --- how a change is carried out


async def _run(place: Place, files: Sequence[ScriptFile]) -> None:
    async with place.teal() as database:
        for file in files:
            await _file(database, file)


async def _file(database: Database, file: ScriptFile) -> None:
    if file.phase is not Phase.BACKFILL:
        await database.apply(file, on_line=_silent)
        return
    for statement in file.statements:
        for _ in range(ROUNDS):
            rows = await database.batch(statement.sql, on_line=_silent)
            if rows == 0 or not statement.batched:
                break
        else:
            raise Endless(f"{file.name}: still {rows} rows a round after {ROUNDS} rounds")
    await database.record(file)


def _silent(said: str) -> None:
    pass


def _named(entry: Entry, upto: str) -> tuple[ScriptFile, ...]:
    """Return the files up to the one whose name contains *upto*; all for none."""
    files = entry.files()
    last = max((at for at, file in enumerate(files) if upto in file.name), default=-1)
    assert last >= 0, f"no file is called {upto}"
    return files[: last + 1]


# --- the allowed


async def _harmless(place: Place, entry: Entry) -> str:
    files, statements = entry.files(), 0
    earlier = (*entry.old, *entry.both)
    assert earlier or entry.new or entry.keeps or entry.queries, "nothing is played"
    await _once(await place.client(entry.role), earlier)
    closed, last = False, max((at for at, file in enumerate(files) if file.phase is Phase.EXPAND), default=-1)
    for at, file in enumerate(files):
        if file.phase is Phase.CONTRACT and not closed:
            closed = True
            await _none(place, entry)
        await _spares(place, file)
        later = (*entry.both, *entry.new)
        statements += await _beside(place, entry.role, later if closed else earlier, file)
        if not closed:  # the new release starts when the last expand is there
            newer = entry.new if at >= last else ()
            await _once(await place.client(entry.role), (*earlier, *newer, *earlier))
    if not closed:
        await _none(place, entry)
    for sql, wanted in entry.keeps.items():
        assert await _answer(place, sql) == wanted, f"{sql}: {await _answer(place, sql)}, not {wanted}"
    await _planned(place, entry.queries)
    return f"{len(files)} files, {statements} statements beside them, none failed"


async def _none(place: Place, entry: Entry) -> None:
    """Find no row that is out of step, before a contract takes away what it could be told by."""
    for sql in entry.zero:
        found = await _answer(place, sql)
        assert found == 0, f"{found}: {sql}"


async def _once(client: Any, statements: Sequence[str]) -> float:
    longest = 0.0
    for sql in statements:
        number = next(_numbers)
        began = monotonic()
        await client.execute(sql.replace("{new}", str(number)).replace("{n}", str(number % 40 + 1)))
        longest = max(longest, monotonic() - began)
    return longest


async def _beside(place: Place, role: str, statements: Sequence[str], file: ScriptFile) -> int:
    """Carry *file* out while an application runs *statements* again and again; return how many."""
    ended, done = asyncio.Event(), 0
    client = await place.client(role)

    async def use() -> float:
        nonlocal done
        longest = 0.0
        while statements:
            last = ended.is_set()
            longest = max(longest, await _once(client, statements))
            done += len(statements)
            await asyncio.sleep(0.002)
            if last:
                break
        return longest

    running = asyncio.create_task(use())
    try:
        await asyncio.sleep(0.01)
        await _run(place, [file])
    finally:
        ended.set()
        longest = await running
    if longest >= LONGEST:
        raise Slow(f"a statement took {longest:.1f} s beside {file.name}")
    return done


async def _spares(place: Place, file: ScriptFile) -> None:
    """Try *file* in transactions that are rolled back: it rewrites no table, and reads none behind a lock."""
    if not file.transaction:
        return
    parts = [[each.sql for each in file.statements]]
    if file.phase is Phase.BACKFILL:  # each in a transaction of its own; what follows a batch may rely on all of them
        parts = [[each.sql] for each in file.statements if not each.sql.upper().startswith("ALTER")]
    for statements in parts:
        seen = await _audit(await place.client(), statements)
        assert not seen.rewritten, f"{file.name} rewrites {seen.rewritten}"
        assert not (seen.locked and seen.read), f"{file.name} reads {seen.read} while {seen.locked} are locked"
        assert not seen.written, f"{file.name} changes {seen.written} in one transaction"


class _Seen:
    """What a transaction does to the tables that were there before it."""

    def __init__(self) -> None:
        self.rewritten: set[str] = set()
        self.locked: set[str] = set()
        self.read: dict[str, int] = {}
        self.written: dict[str, int] = {}


async def _audit(client: Any, statements: Sequence[str], probe: Callable[[], Awaitable[None]] | None = None) -> _Seen:
    before = {row["oid"]: row for row in await client.fetch(_TABLES)}
    seen = _Seen()
    await client.execute("BEGIN; SELECT 1")
    try:
        for sql in statements:
            await client.execute(sql)
        after = {row["oid"]: row["node"] for row in await client.fetch(_TABLES)}
        for oid, row in before.items():
            if oid in after and after[oid] != row["node"]:
                seen.rewritten.add(row["name"])
        seen.locked = {before[row["oid"]]["name"] for row in await client.fetch(_LOCKED) if row["oid"] in before}
        for row in await client.fetch(_TOUCHED):
            name = before[row["oid"]]["name"] if row["oid"] in before else ""
            if name and row["rows"] >= MANY:
                seen.read[name] = row["rows"]
            if name and row["written"] >= MANY:
                seen.written[name] = row["written"]
        if probe is not None:
            await probe()
    finally:
        await client.execute("ROLLBACK")
    return seen


async def _answer(place: Place, sql: str, role: str = "") -> Any:
    return await (await place.client(role)).fetchval(sql)


async def _planned(place: Place, queries: Sequence[str]) -> None:
    """Have the server plan *queries*, and run none."""
    client = await place.client()
    for sql in queries:
        await client.execute(f"EXPLAIN (GENERIC_PLAN) {sql}")


# --- the refused


async def _fails(place: Place, entry: Entry, said: dict[str, Any]) -> str:
    """The change itself fails; one that Teal doesn't even read is run as the runner would have."""
    try:
        files = entry.files()
    except ConfigError:
        return _by(said["fails"], await _refused_by_the_server(place, entry))
    try:
        await _run(place, files)
    except TealError as error:
        return _by(said["fails"], f"it fails: {error.message} {error.detail or ''}")
    except Endless as error:
        raise AssertionError(str(error)) from error
    raise AssertionError("it went through")


async def _refused_by_the_server(place: Place, entry: Entry) -> str:
    client = await place.client()
    try:
        async with client.transaction():
            for text in entry.texts.values():
                await client.execute(text)
    except import_module("asyncpg").PostgresError as error:
        return f"it fails: {error}"
    raise AssertionError("it went through")


async def _breaks(place: Place, entry: Entry, said: dict[str, Any]) -> str:
    """A statement of a release that serves fails, which worked before (unless it is the *new* one's)."""
    sql, role = said["breaks"], said.get("as", entry.role)
    client = await place.client(role)
    if not said.get("new"):
        await client.execute(f"BEGIN; {sql}; ROLLBACK")
    await _run(place, _named(entry, said["after"]) if "after" in said else entry.files())
    client = await place.client(role)
    for first in _statements(said.get("first")):
        await client.execute(first)
    try:
        await client.execute(sql)
    except import_module("asyncpg").PostgresError as error:
        return _by(said["says"], f"{sql}: {error}")
    raise AssertionError(f"it still works: {sql}")


async def _loses(place: Place, entry: Entry, said: dict[str, Any]) -> str:
    """What a release has written is not what is read: by ``want``, or by what the unchanged database answers."""
    question, role = said["ask"], said.get("as", entry.role)
    do = _statements(said.get("do"))
    if "want" in said:
        wanted = said["want"]
    else:
        client = await place.client(role)
        await client.execute("BEGIN")
        for sql in do:
            await client.execute(sql)
        wanted = await client.fetchval(question)
        await client.execute("ROLLBACK")
    for step in said.get("loses") or [{"apply": ""}]:
        ((what, text),) = step.items()
        if what == "apply":
            await _run(place, [file for file in entry.files() if text in file.name])
        else:
            await (await place.client(role)).execute(text)
    client = await place.client(role)
    for sql in do:
        await client.execute(sql)
    found = await client.fetchval(question)
    assert found != wanted, f"nothing is lost: {question}: {found}"
    return f"{question}: {found}, not {wanted}"


async def _endless(place: Place, entry: Entry, said: dict[str, Any]) -> str:
    """A backfill goes on for ever."""
    try:
        await _run(place, entry.files())
    except Endless as error:
        return str(error)
    raise AssertionError("it came to an end")


async def _leaves(place: Place, entry: Entry, said: dict[str, Any]) -> str:
    """A backfill says that it is done, and rows are left."""
    await _run(place, entry.files())
    found = await _answer(place, said["leaves"])
    assert found, f"none is left: {said['leaves']}"
    return f"{found} rows are left: {said['leaves']}"


async def _again(place: Place, entry: Entry, said: dict[str, Any]) -> str:
    """A backfill that is killed before its record is run once more, and does something else then."""
    await _run(place, entry.files())
    once = await _answer(place, said["again"])
    async with place.teal() as database:
        for file in entry.files():
            for statement in file.statements if file.phase is Phase.BACKFILL else ():
                await database.batch(statement.sql, on_line=_silent)
    twice = await _answer(place, said["again"])
    assert once != twice, f"the same again: {once}"
    return f"{said['again']}: {once}, and {twice} when it was run again"


async def _tried(
    place: Place, entry: Entry, said: dict[str, Any], probe: Callable[[], Awaitable[None]] | None = None
) -> _Seen:
    """Run the files before the last (or the one named ``in``), and that one in a transaction that is rolled back."""
    files = _named(entry, said["in"]) if "in" in said else entry.files()
    await _run(place, files[:-1])
    return await _audit(await place.client(), [each.sql for each in files[-1].statements], probe)


async def _scans(place: Place, entry: Entry, said: dict[str, Any]) -> str:
    """All rows are read or written behind a lock that a writer waits for."""
    table = said["scans"]
    other = await place.client()

    async def probe() -> None:
        try:
            await other.execute(f"SET lock_timeout = 50; BEGIN; LOCK TABLE {table} IN ROW EXCLUSIVE MODE; ROLLBACK")
        except import_module("asyncpg").LockNotAvailableError:
            return
        raise AssertionError(f"no writer of {table} waits")

    seen = await _tried(place, entry, said, probe)
    assert seen.read or seen.rewritten, f"nothing is read behind the lock of {seen.locked}"
    return f"writers of {table} wait while {seen.read or seen.rewritten} are read"


async def _rewrites(place: Place, entry: Entry, said: dict[str, Any]) -> str:
    """A table is written anew."""
    seen = await _tried(place, entry, said)
    assert said["rewrites"] in seen.rewritten, f"rewritten: {seen.rewritten}"
    return f"{said['rewrites']} has another file"


async def _rows(place: Place, entry: Entry, said: dict[str, Any]) -> str:
    """One transaction keeps so many rows that writers wait for its end."""
    table, free = said["rows"], -1
    other = await place.client()

    async def probe() -> None:
        nonlocal free
        await other.execute("SET lock_timeout = '300ms'")  # for the table's own lock: SKIP LOCKED waits for that
        free = await other.fetchval(f"SELECT count(*) FROM (SELECT FROM {table} FOR UPDATE SKIP LOCKED) AS free")

    try:
        seen = await _tried(place, entry, said, probe)
    except import_module("asyncpg").LockNotAvailableError as error:
        raise AssertionError(f"not rows, but {table} as a whole is locked") from error
    assert table in seen.written, f"written: {seen.written}"
    return f"{seen.written[table]} rows are locked until it ends, {free} are free"


async def _holds(place: Place, entry: Entry, said: dict[str, Any]) -> str:
    """A lock is held for long while nothing is done."""
    other = await place.client()
    running = asyncio.create_task(_run(place, entry.files()))
    try:
        for _ in range(40):
            try:
                await asyncio.sleep(0.05)
                await other.execute(
                    f"SET lock_timeout = '300ms'; BEGIN; LOCK TABLE {said['holds']} IN ROW EXCLUSIVE MODE; COMMIT"
                )
            except import_module("asyncpg").LockNotAvailableError:
                return f"a writer of {said['holds']} waits for more than 0.3 s"
            if running.done():
                break
    finally:
        await asyncio.gather(running, return_exceptions=True)
    raise AssertionError(f"no writer of {said['holds']} waits")


async def _deadlocks(place: Place, entry: Entry, said: dict[str, Any]) -> str:
    """An application that holds a row of the first table and then needs one of the second gets into a deadlock."""
    first, second = said["deadlocks"]
    old, client = await place.client(), await place.client()
    await old.execute(f"SET deadlock_timeout = 100; BEGIN; LOCK TABLE {first} IN ROW EXCLUSIVE MODE")
    await client.execute("SET deadlock_timeout = 100; BEGIN")
    text = ";".join(each.sql for each in entry.files()[-1].statements)
    change = asyncio.create_task(client.execute(text))
    await asyncio.sleep(0.1)
    ended = await asyncio.gather(
        old.execute(f"LOCK TABLE {second} IN ROW EXCLUSIVE MODE"), change, return_exceptions=True
    )
    found = [str(each) for each in ended if isinstance(each, Exception)]
    assert any("deadlock" in each for each in found), found
    return found[0]


async def _unplanned(place: Place, entry: Entry, said: dict[str, Any]) -> str:
    """A statement of the old release, planned and not run, is an error after the change and was none before."""
    await _planned(place, entry.queries)
    await _run(place, entry.files())
    try:
        await _planned(place, entry.queries)
    except import_module("asyncpg").PostgresError as error:
        return _by(said["unplanned"], f"an old statement fails: {error}")
    raise AssertionError("all of them can still be planned")


def _by(wanted: str, seen: str) -> str:
    """Return what was *seen*, where it is the reason that was *wanted*."""
    assert re.search(wanted, seen, re.IGNORECASE), f"for another reason: {seen}"
    return seen


def _statements(said: str | list[str] | None) -> list[str]:
    return [] if said is None else [said] if isinstance(said, str) else said


WAYS: dict[str, Callable[[Place, Entry, dict[str, Any]], Awaitable[str]]] = {
    "fails": _fails,
    "breaks": _breaks,
    "loses": _loses,
    "endless": _endless,
    "leaves": _leaves,
    "again": _again,
    "scans": _scans,
    "rewrites": _rewrites,
    "rows": _rows,
    "holds": _holds,
    "deadlocks": _deadlocks,
    "unplanned": _unplanned,
}

"""How the damage of a refused change is seen in a real database; each function returns what it saw, or fails.

- ``fails``: the change itself fails.
- ``wait``: while its transaction is open an old statement waits for a lock, and it has gone through all rows: the wait
  grows with the table.
- ``rewrite: TABLE``: the table has another file afterwards. ``queue: TABLE``: behind a reader that is not done, the
  change waits, and behind the change all other readers. ``deadlock: [A, B]``: an application that holds A and then
  needs B gets into a deadlock with it.
- ``old: SQL`` fails afterwards, ``prepared: SQL`` fails where it was prepared before, ``before: SQL`` fails already
  before the last script; ``empty: SQL`` finds nothing any more; ``new: SQL`` is run first (up to script ``upto``);
  ``count: SQL`` then counts rows that are lost, changed or twice;
  ``rows: SQL`` changes some each time.
"""

import asyncio
from importlib import import_module
from typing import Any

from tests.judge.corpus import Entry
from tests.judge.real import ROWS, World, apply

PROBES = (
    "SELECT id FROM reviews WHERE id = 1",
    "UPDATE reviews SET body = 'x' WHERE id = 1",
    "UPDATE metrics SET note = 'x' WHERE device = 1",
    "UPDATE events SET what = 'x' WHERE id = 1",
    "UPDATE codes SET code = 'x' WHERE number = 1",
    "UPDATE filled SET what = 'x' WHERE id = 1",
    "SELECT reviews FROM review_stats WHERE product_id = 1",
)
_READ = """
SELECT sum(seq_tup_read + coalesce(idx_tup_fetch, 0) + n_tup_upd + n_tup_ins)::int FROM pg_stat_xact_user_tables"""


async def hurt(world: World, entry: Entry) -> str:
    """Apply *entry* and return how it was seen to hurt."""
    said = {entry.hurts: ""} if isinstance(entry.hurts, str) else dict(entry.hurts)
    way = next(key for key in said if key not in ("new", "upto"))
    return str(await WAYS[way](world, entry, said))


async def _all(world: World, entry: Entry, upto: int | None = None) -> Any:
    client = await world.client()
    for script in entry.scripts[:upto]:
        await apply(client, script)
    return client


async def fails(world: World, entry: Entry, said: dict[str, Any]) -> str:
    try:
        await _all(world, entry)
    except Exception as error:
        return f"it fails: {error}"
    raise AssertionError("it went through")


async def waits(world: World, entry: Entry, said: dict[str, Any]) -> str:
    client, other = await _all(world, entry, -1), await world.client(lock_timeout="50")
    await client.execute("BEGIN")
    await client.execute(entry.scripts[-1].sql)
    read = await client.fetchval(_READ)
    waited = [sql for sql in PROBES if await _times_out(other, sql)]
    assert waited, "no old statement waits"
    assert read >= ROWS // 2, f"it went through {read} rows only"
    return f"it went through {read} rows while waited: {waited[0]}"


async def _times_out(client: Any, sql: str) -> bool:
    try:
        await client.execute(sql)
    except import_module("asyncpg").LockNotAvailableError:
        return True
    return False


async def rewrites(world: World, entry: Entry, said: dict[str, Any]) -> str:
    client, question = await world.client(), "SELECT pg_relation_filenode($1::text::regclass)"
    before = await client.fetchval(question, said["rewrite"])
    await _all(world, entry)
    after = await client.fetchval(question, said["rewrite"])
    assert before != after, "the same file"
    return f"{said['rewrite']} was in file {before} and is in {after}"


async def queues(world: World, entry: Entry, said: dict[str, Any]) -> str:
    reader, client, other = await world.client(), await world.client(), await world.client(lock_timeout="100")
    await reader.execute(f"BEGIN; UPDATE {said['queue']} SET id = id WHERE id = 1")
    change = asyncio.create_task(client.execute(f"BEGIN; {entry.scripts[-1].sql}"))
    await asyncio.sleep(0.1)
    assert not change.done(), "the change did not wait"
    assert await _times_out(other, f"UPDATE {said['queue']} SET id = id WHERE id = 2")
    await reader.execute("ROLLBACK")
    await change
    return f"behind the change, which waits, every writer of {said['queue']} waits"


async def deadlocks(world: World, entry: Entry, said: dict[str, Any]) -> str:
    first, second = said["deadlock"]
    old, client = await world.client(deadlock_timeout="100"), await world.client(deadlock_timeout="100")
    await old.execute(f"BEGIN; UPDATE {first} SET id = id WHERE id = 1")
    change = asyncio.create_task(client.execute(f"BEGIN; {entry.scripts[-1].sql}"))
    await asyncio.sleep(0.1)
    ended = await asyncio.gather(
        old.execute(f"UPDATE {second} SET id = id WHERE id = 1"), change, return_exceptions=True
    )
    said_so = [str(one) for one in ended if isinstance(one, Exception)]
    assert any("deadlock" in one for one in said_so), said_so
    return said_so[0]


async def breaks(world: World, entry: Entry, said: dict[str, Any]) -> str:
    client = await _all(world, entry, said.get("upto"))
    if "new" in said:
        await client.execute(said["new"])
    return await _fails(client, said["old"])


async def breaks_before(world: World, entry: Entry, said: dict[str, Any]) -> str:
    return await _fails(await _all(world, entry, -1), said["before"])


async def breaks_prepared(world: World, entry: Entry, said: dict[str, Any]) -> str:
    old = await world.client()
    await old.execute(f"PREPARE kept AS {said['prepared']}; EXECUTE kept")
    await _all(world, entry)
    return await _fails(old, "EXECUTE kept")


async def _fails(client: Any, sql: str) -> str:
    try:
        await client.execute(sql)
    except Exception as error:
        return f"{sql}: {error}"
    raise AssertionError(f"it still works: {sql}")


async def counts(world: World, entry: Entry, said: dict[str, Any]) -> str:
    before = await (await world.client()).fetchval(said["count"]) if "new" not in said else 0
    client = await _all(world, entry, said.get("upto"))
    if "new" in said:
        await client.execute(said["new"])
    found = await client.fetchval(said["count"])
    assert found, f"none: {said['count']}"
    return f"{found} rows (before: {before}): {said['count']}"


async def repeats(world: World, entry: Entry, said: dict[str, Any]) -> str:
    client = await _all(world, entry)
    tags = [await client.execute(said["rows"]) for _ in range(3)]
    assert all(not tag.endswith(" 0") for tag in tags), tags
    return f"run again and again: {tags}"


async def empties(world: World, entry: Entry, said: dict[str, Any]) -> str:
    client = await world.client()
    assert await client.fetch(said["empty"]), "nothing was there before"
    await _all(world, entry)
    assert not await client.fetch(said["empty"])
    return f"nothing any more: {said['empty']}"


async def hides(world: World, entry: Entry, said: dict[str, Any]) -> str:
    client = await _all(world, entry)
    schema, role = world.schema, f"reader_{world.schema}"
    grants = f"GRANT USAGE ON SCHEMA {schema} TO {role}; GRANT SELECT ON ALL TABLES IN SCHEMA {schema} TO {role}"
    await client.execute(f"CREATE ROLE {role}; {grants}; SET ROLE {role}")
    assert not await client.fetch(said["as_user"])
    return f"nothing any more: {said['as_user']}"


WAYS = {
    "fails": fails,
    "wait": waits,
    "rewrite": rewrites,
    "queue": queues,
    "deadlock": deadlocks,
    "old": breaks,
    "before": breaks_before,
    "prepared": breaks_prepared,
    "count": counts,
    "rows": repeats,
    "empty": empties,
    "as_user": hides,
}

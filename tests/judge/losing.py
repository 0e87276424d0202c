"""Whether a change loses writes, asked of the tables themselves: no entry has to say how.

The old release's INSERT and UPDATE of each column that was there before the change are played before and after it, and
what is read back must be the same. What the new release writes into a new column must be there. Where a new column
follows the old ones, an UPDATE must bring it to what an INSERT of the same row does; where it is a copy, its own writes
must reach the old column, too. All of it is in a transaction that is rolled back.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

Row = dict[str, str | None]  # as text
Outcome = Row | str  # a row as it was read, or the code of the error
FIRST = 5_000_001  # no row of the world has such a number
_COLUMNS = """
SELECT a.attname AS name, a.attnum AS place, format_type(t.oid, NULL) AS type, a.attnotnull AS required,
    d.adbin IS NOT NULL OR a.attidentity <> '' AS filled, a.attgenerated <> '' OR a.attidentity = 'a' AS closed,
    coalesce(pg_get_expr(d.adbin, d.adrelid) ~ 'now|random|uuid|clock', false) OR a.attidentity <> '' AS moves,
    (SELECT min(e.enumlabel) FROM pg_enum e WHERE e.enumtypid = t.oid) AS low,
    (SELECT max(e.enumlabel) FROM pg_enum e WHERE e.enumtypid = t.oid) AS high,
    EXISTS (SELECT FROM pg_index i
        WHERE i.indrelid = a.attrelid AND i.indisprimary AND a.attnum = ANY (i.indkey)) AS key
FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
WHERE a.attrelid = to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum"""
_NUMBERS = ("smallint", "integer", "bigint")
_MADE = {  # n tells values of a column apart, also by their length; p tells columns apart
    "text": "repeat('Ab', {n}) || '{p}'",
    "character varying": "repeat('Ab', {n}) || '{p}'",
    "numeric": "{p}{n}.25",
    "double precision": "{p}{n}.5",
    "real": "{p}{n}.5",
    "boolean": "{n} % 2 = 0",
    "date": "'2026-06-0{n}'",
    "timestamp with time zone": "'2026-06-0{n} 00:00+00'",
    "timestamp without time zone": "'2026-06-0{n}'",
    "uuid": "'00000000-0000-0000-0000-00000000000{n}'",
    "jsonb": "'{{\"v\": {n}}}'",
} | dict.fromkeys(_NUMBERS, "{p}{n}")


@dataclass(frozen=True)
class Column:
    """A column, and how a value for it is made."""

    name: str
    place: int
    type: str
    required: bool
    filled: bool  # by a default
    moves: bool  # the default is another one each time
    labels: tuple[str, ...] = ()

    def value(self, number: int) -> str:
        """Return a constant that differs by *number*."""
        if self.labels:
            return f"'{self.labels[number % len(self.labels)]}'"
        return _MADE[self.type].format(n=number, p=self.place)


@dataclass(frozen=True)
class Table:
    """A table with the columns that values can be made for; *key* finds a row that was just written."""

    name: str
    key: str
    columns: Mapping[str, Column] = field(default_factory=dict)

    def values(self, number: int, **other: str) -> dict[str, str]:
        """Return constants for all columns but the key."""
        return {name: one.value(number) for name, one in self.columns.items() if name != self.key} | other


async def tables(client: Any, sql: str, known: Sequence[str]) -> list[Table]:
    """Return those of the tables *known* that *sql* names, as they are now."""
    found = [await _table(client, name) for name in known if re.search(rf"\b{name}\b", sql)]
    return [one for one in found if one is not None]


async def _table(client: Any, name: str) -> Table | None:
    rows = [row for row in await client.fetch(_COLUMNS, name) if not row["closed"]]
    columns = {
        row["name"]: Column(
            row["name"],
            row["place"],
            row["type"],
            row["required"],
            row["filled"],
            row["moves"],
            tuple(each for each in (row["low"], row["high"]) if each),
        )
        for row in rows
        if row["type"] in _MADE or row["low"]
    }
    keys = [row["name"] for row in rows if row["key"] and row["type"] in _NUMBERS]
    keys += [name for name, one in columns.items() if one.type in _NUMBERS]
    unmade = [row["name"] for row in rows if row["name"] not in columns and row["required"] and not row["filled"]]
    return Table(name, keys[0], columns) if keys and not unmade else None


class Play:
    """Writes into tables in a transaction that is rolled back."""

    def __init__(self, client: Any) -> None:
        self._client = client
        self._next = FIRST

    async def write(self, table: Table, values: Mapping[str, str], *, key: int = 0) -> tuple[int, str]:
        """INSERT a row, or UPDATE the one of *key*; return its key, and the code of an error."""
        if key:
            assigned = ", ".join(f"{name} = {value}" for name, value in values.items())
            sql = f"UPDATE {table.name} SET {assigned} WHERE {table.key} = {key}"
        else:
            key, self._next = self._next, self._next + 1
            named = {table.key: str(key), **values}
            sql = f"INSERT INTO {table.name} ({', '.join(named)}) VALUES ({', '.join(named.values())})"
        try:
            async with self._client.transaction():
                await self._client.execute(sql)
        except import_module("asyncpg").PostgresError as error:
            return key, str(error.sqlstate)
        return key, ""

    async def read(self, table: Table, key: int, names: Sequence[str]) -> Row | None:
        """Return the row of *key* as text; None where there is none."""
        asked = ", ".join(f"{name}::text AS {name}" for name in names if name != table.key)
        row = await self._client.fetchrow(f"SELECT {asked or 1} FROM {table.name} WHERE {table.key} = {key}")
        return None if row is None else {name: row[name] for name in names if name != table.key}

    async def constant(self, column: Column, constant: str) -> str:
        """Return a constant as it is read from *column*."""
        return str(await self._client.fetchval(f"SELECT ({constant})::{column.type}::text"))

    async def outcome(self, table: Table, values: Mapping[str, str], names: Sequence[str], *, key: int = 0) -> Outcome:
        """Write, and return what is read then."""
        key, failed = await self.write(table, values, key=key)
        return failed or await self.read(table, key, names) or "gone"


async def old_writes(client: Any, table: Table) -> dict[str, Outcome]:
    """Play what the old release writes into its columns; return what it reads then, by what it did."""
    play, names, found = Play(client), list(table.columns), {}
    least = {
        name: one.value(1)
        for name, one in table.columns.items()
        if one.required and not one.filled and name != table.key
    }
    still = [name for name, one in table.columns.items() if not one.moves or name in least]
    transaction = client.transaction()
    await transaction.start()
    try:
        found["INSERT of all columns"] = await play.outcome(table, table.values(1), names)
        found["INSERT of what it must"] = await play.outcome(table, least, still)
        for name, one in table.columns.items():
            if name == table.key:
                continue
            key, failed = await play.write(table, table.values(1))
            if failed:
                continue
            for said in (one.value(2), one.value(3), *(() if one.required else ("NULL",))):
                found[f"UPDATE of {name} to {said}"] = await play.outcome(table, {name: said}, names, key=key)
    finally:
        await transaction.rollback()
    return found


async def lost(client: Any, before: Table, seen: Mapping[str, Outcome], *, filled: bool) -> list[str]:
    """Return which writes of either release are lost now; *filled*: the backfills have run."""
    after = await _table(client, before.name)
    if after is None:
        return []
    now = await old_writes(client, Table(before.name, before.key, before.columns))
    found = [f"{before.name}: {did}: {now[did]}, not {was}" for did, was in seen.items() if now.get(did) != was]
    new = [one for name, one in after.columns.items() if name not in before.columns and after.key == before.key]
    transaction = client.transaction()
    await transaction.start()
    try:
        for column in new:
            found += [f"{before.name}.{column.name}: {each}" for each in await _of_new(client, before, after, column)]
            if filled:
                found += await _unfilled(client, before, column)
    finally:
        await transaction.rollback()
    return found


async def _of_new(client: Any, before: Table, after: Table, column: Column) -> list[str]:
    play, olds, name = Play(client), list(before.columns), column.name
    one, failed = await play.write(before, before.values(1))
    two, also = await play.write(before, before.values(2))
    if failed or also:
        return []
    first, second = await play.read(after, one, [*olds, name]), await play.read(after, two, [*olds, name])
    if first is None or second is None:
        return ["an INSERT by the old release is gone"]
    if first[name] == second[name] and first[name] is not None and not column.filled:
        return []  # a trigger of its own sets it: nobody else writes it
    if first[name] == second[name] or column.moves:
        return await _independent(play, before, after, column)
    found = await _followed(play, before, after, column)
    copies = [old for old in olds if old != before.key and (first[old], second[old]) == (first[name], second[name])]
    for old in copies:
        found += await _both_ways(play, before, after, column, before.columns[old])
    return found


async def _independent(play: Play, before: Table, after: Table, column: Column) -> list[str]:
    """A new column that the old release's rows have no say in: what is written into it is there."""
    found = []
    key, failed = await play.write(after, {**before.values(1), column.name: column.value(3)})
    if not failed:
        found += await _is(play, after, key, column, column.value(3), "after an INSERT")
        if not (await play.write(after, {column.name: column.value(4)}, key=key))[1]:
            found += await _is(play, after, key, column, column.value(4), "after an UPDATE")
    return found


async def _is(play: Play, table: Table, key: int, column: Column, constant: str, when: str) -> list[str]:
    row = await play.read(table, key, [column.name])
    wanted = await play.constant(column, constant)
    return [] if row is not None and row[column.name] == wanted else [f"{row} {when} of {wanted}"]


async def _followed(play: Play, before: Table, after: Table, column: Column) -> list[str]:
    """A new column that follows old ones: an UPDATE by the old release brings it where an INSERT does."""
    found = []
    for old in (each for each in before.columns.values() if each.name != before.key):
        fresh, failed = await play.write(before, before.values(1, **{old.name: old.value(3)}))
        key, also = await play.write(before, before.values(1))
        if failed or also or (await play.write(before, {old.name: old.value(3)}, key=key))[1]:
            continue
        wanted, has = await play.read(after, fresh, [column.name]), await play.read(after, key, [column.name])
        if wanted != has:
            found.append(f"{has} after an UPDATE of {old.name}, {wanted} after an INSERT")
    return found


async def _both_ways(play: Play, before: Table, after: Table, column: Column, old: Column) -> list[str]:
    """A copy: what the new release writes is there, reaches the old column, and an old write comes through after it."""
    found, mine, theirs = [], column.value(3), old.value(4)
    key, _ = await play.write(before, before.values(1))
    if not (await play.write(after, {column.name: mine}, key=key))[1]:
        found += await _is(play, after, key, column, mine, "after an UPDATE by the new release")
        found += await _is(play, after, key, old, mine, f"of {old.name} after an UPDATE of its copy")
        await play.write(before, {old.name: theirs}, key=key)
        found += await _is(play, after, key, old, theirs, f"of {old.name} after the old release's next UPDATE")
        found += await _is(play, after, key, column, theirs, "after the old release's next UPDATE")
    values = before.values(1, **{column.name: mine})
    del values[old.name]
    key, failed = await play.write(after, values)
    if not failed:
        found += await _is(play, after, key, column, mine, "after an INSERT by the new release")
        found += await _is(play, after, key, old, mine, f"of {old.name} after an INSERT of its copy")
    return found


async def _unfilled(client: Any, before: Table, column: Column) -> list[str]:
    """Rows that were there before: the backfill has brought them where an INSERT of the same row brings a new one."""
    named = ", ".join(name for name in before.columns if name != before.key)
    rows = await client.fetch(f"SELECT {before.key} AS key FROM {before.name} ORDER BY 1 LIMIT 3")
    play, asked, found = Play(client), [*before.columns, column.name], []
    for number, row in enumerate(rows):
        fresh = FIRST + 900 + number
        copy = f"INSERT INTO {before.name} ({before.key}, {named}) SELECT {fresh}, {named} FROM {before.name}"
        try:
            async with client.transaction():
                await client.execute(f"{copy} WHERE {before.key} = {row['key']} LIMIT 1")
        except import_module("asyncpg").PostgresError:
            continue
        old, new = await play.read(before, row["key"], asked), await play.read(before, fresh, asked)
        if old is None or new is None:
            continue
        has, wanted = old.pop(column.name), new.pop(column.name)
        copied = has is not None and has in old.values()  # else each release may have values of its own
        if has != wanted and not column.moves and (wanted is not None or copied):
            found.append(f"{before.name}.{column.name}: {has} in an old row, {wanted} in the same row when it is new")
    return found


async def not_kept(client: Any, before: Table) -> list[str]:
    """Return which writes of the release that stays are not read as they were written, when a contract is done."""
    table = await _table(client, before.name)
    found: list[str] = []
    if table is None:
        return []
    play, names = Play(client), [name for name in table.columns if name != table.key]
    transaction = client.transaction()
    await transaction.start()
    try:
        key, failed = await play.write(table, table.values(1))
        for one in (table.columns[name] for name in names if not failed):
            what = f"of {table.name}.{one.name} after an"
            found += await _is(play, table, key, one, one.value(1), f"{what} INSERT")
            if not (await play.write(table, {one.name: one.value(2)}, key=key))[1]:
                found += await _is(play, table, key, one, one.value(2), f"{what} UPDATE")
    finally:
        await transaction.rollback()
    return found

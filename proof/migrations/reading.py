"""Reads back what the database holds, under every name a column has, and says where it is not what was written."""

import json
from collections.abc import Iterator

from proof.managed import Managed
from proof.migrations.writers import Writers

NAMES = {"author": ("author", "writer"), "stars": ("stars", "score")}  # what is written: columns that may hold it


def read_back(stack: Managed, writers: Writers) -> tuple[int, list[str]]:
    """Return how many acknowledged writes were compared, and those that differ, while writers go on."""
    before = writers.settled()
    found = {name: dict(_rows(stack, name)) for name in writers.tables}
    now = writers.settled()
    still = {key: row for key, row in before.items() if key in now and now[key].version == row.version}
    wrong = []
    for key, row in still.items():
        stored = found[row.table].get(key)
        if stored is None:
            wrong.append(f"{row.table} {key}: lost")
            continue
        for said, columns in NAMES.items():
            wrong += [
                f"{row.table} {key}: {column} is {stored[column]!r}, written {getattr(row, said)!r}"
                for column in columns
                if column in stored and str(stored[column]) != str(getattr(row, said))
            ]
    return len(still), wrong


def columns(stack: Managed, table: str) -> tuple[str, ...]:
    """Return the columns of *table* as they are now."""
    asked = (
        f"SELECT column_name FROM information_schema.columns WHERE table_name = '{table}' AND table_schema = 'public'"
    )
    return tuple(sql(stack, asked).split())


def _rows(stack: Managed, table: str) -> Iterator[tuple[str, dict[str, object]]]:
    """Yield key and values of each row that a writer wrote; a column that is gone meanwhile isn't asked."""
    there = columns(stack, table)
    pairs = ", ".join(
        f"'{name}', {name}{'::integer' if name == 'score' else ''}"
        for names in NAMES.values()
        for name in names
        if name in there
    )
    for line in sql(
        stack, f"SELECT json_build_object('key', key, {pairs}) FROM {table} WHERE key LIKE 'w-%'"
    ).splitlines():
        row = json.loads(line)
        yield row.pop("key"), row


def sql(stack: Managed, text: str) -> str:
    """Return what psql prints for *text*, unaligned; in its container the server lets its own user in."""
    line = 'psql -h 127.0.0.1 -U "$POSTGRES_USER" -d "$POSTGRES_DB" -v ON_ERROR_STOP=1 -XAtqc "$0"'
    return stack.run(["docker", "compose", "exec", "-T", "db", "sh", "-c", line, text]).stdout

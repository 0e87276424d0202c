"""What alembic doesn't say or do: what is pending by phase, the SQL of it, and the backfills in batches.

python migrate.py pending             a line for each pending revision; status 0 none, 2 an expand, 4 only contracts
python migrate.py sql expand|contract the SQL of what is pending there
python migrate.py backfill            fill what expands have added, 2,000 rows a transaction, until nothing is left
"""

import asyncio
import os
import sys
from pathlib import Path

import asyncpg
from alembic.config import Config
from alembic.script import ScriptDirectory

URL = os.environ.get("DATABASE_URL", "postgresql://tale:tale@db:5432/tale")
CONFIG = Config(str(Path(__file__).with_name("alembic.ini")))
BATCH = 2000
BACKFILLS = ( # (the column that must be there, the statement that fills a batch of it)
    ("notes", "writer", "UPDATE notes SET writer = author WHERE ctid = ANY (ARRAY(SELECT ctid FROM notes"
     f" WHERE writer IS NULL LIMIT {BATCH}))"),
    ("votes", "writer", "UPDATE votes SET writer = author WHERE (tableoid, ctid) IN (SELECT tableoid, ctid FROM votes"
     f" WHERE writer IS NULL LIMIT {BATCH})"),
    ("notes", "score", "UPDATE notes SET score = stars WHERE ctid = ANY (ARRAY(SELECT ctid FROM notes"
     f" WHERE score IS NULL LIMIT {BATCH}))"),
    ("votes", "score", "UPDATE votes SET score = stars WHERE (tableoid, ctid) IN (SELECT tableoid, ctid FROM votes"
     f" WHERE score IS NULL LIMIT {BATCH})"),
)  # fmt: skip


async def applied() -> set[str]:
    """Return the revisions that the database has, with all that they follow."""
    connection = await asyncpg.connect(URL)
    try:
        there = await connection.fetchval("SELECT to_regclass('alembic_version')")
        rows = await connection.fetch("SELECT version_num FROM alembic_version") if there else []
    finally:
        await connection.close()
    scripts = ScriptDirectory.from_config(CONFIG)
    heads = [row[0] for row in rows]
    return {script.revision for script in scripts.iterate_revisions(heads, "base")} if heads else set()


def phase(revision: str) -> str:
    """Return the branch of *revision*, by its name."""
    return revision.split("_", 1)[0]


async def pending() -> list[str]:
    """Return the revisions that the database does not have, the oldest first."""
    done = await applied()
    scripts = reversed(list(ScriptDirectory.from_config(CONFIG).walk_revisions()))
    return [script.revision for script in scripts if script.revision not in done]


def tell_pending() -> int:
    """Print what is pending and return the status that Teal asks for."""
    left = asyncio.run(pending())
    for revision in left:
        print(phase(revision), revision)
    if any(phase(revision) == "expand" for revision in left):
        return 2
    return 4 if left else 0


def tell_sql(branch: str) -> int:
    """Print the SQL of what is pending in *branch*, a transaction for each revision."""
    scripts = ScriptDirectory.from_config(CONFIG)
    for revision in asyncio.run(pending()):
        if phase(revision) == branch:
            statements = scripts.get_revision(revision).module.STATEMENTS
            print(f"-- {revision}\nBEGIN", *(each.strip() for each in statements), "COMMIT", sep=";\n", end=";\n")
    return 0


async def backfill() -> int:
    """Fill batch by batch; it may be killed and run again at any time."""
    connection = await asyncpg.connect(URL, command_timeout=60)
    try:
        for table, column, statement in BACKFILLS:
            await _fill(connection, table, column, statement)
    finally:
        await connection.close()
    return 0


async def _fill(connection: asyncpg.Connection, table: str, column: str, statement: str) -> None:
    asked = "SELECT count(*) FROM pg_attribute WHERE attrelid = $1::regclass AND attname = $2 AND NOT attisdropped"
    old = "author" if column == "writer" else "stars"
    if not await connection.fetchval("SELECT to_regclass($1)", table) or not all(
        [await connection.fetchval(asked, table, name) for name in (column, old)]
    ):
        return
    filled = 0
    while batch := int((await connection.execute(statement)).split()[-1]):
        filled += batch
        print(f"{table}.{column}: {filled} rows filled", flush=True)
        await asyncio.sleep(0.02)
    await connection.execute(f"ALTER TABLE {table} VALIDATE CONSTRAINT {table}_{column}_filled")


def main() -> int:
    """Do what the command line says."""
    match sys.argv[1:]:
        case ["pending"]:
            return tell_pending()
        case ["sql", ("expand" | "contract") as branch]:
            return tell_sql(branch)
        case ["backfill"]:
            return asyncio.run(backfill())
    print(__doc__)
    return 1


if __name__ == "__main__":
    sys.exit(main())

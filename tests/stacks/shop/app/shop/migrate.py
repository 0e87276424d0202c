"""Migrations: runs every SQL file in order. Each may run again, and changes nothing then."""

import asyncio
from pathlib import Path

from shop.store import Store

FOLDER = Path("migrations")
LOCK = 7_300_417  # of this shop: two runners take turns


def migrations() -> list[tuple[str, str]]:
    """Return name and SQL of each migration, in order."""
    return [(file.name, file.read_text(encoding="utf-8")) for file in sorted(FOLDER.glob("*.sql"))]


async def main() -> None:
    """Apply the migrations in one transaction; an error undoes all of them and ends the process."""
    store = await Store.open()
    async with store.pool.acquire() as connection, connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock($1)", LOCK)
        for name, sql in migrations():
            print(f"apply {name}", flush=True)
            await connection.execute(sql)
    await store.close()


if __name__ == "__main__":
    asyncio.run(main())

"""PostgreSQL: what was done, kept."""

import asyncio
from typing import Any

import asyncpg

from shop.labels import COLOR, CONTAINER, RELEASE
from shop.settings import DATABASE_URL

# Seconds that a process waits for the database when it starts.
TIMEOUT = 60

JOB_RUNS = """
    SELECT job, color, release, container, total_cents,
           extract(epoch FROM begun)::float8 AS begun,
           extract(epoch FROM finished)::float8 AS finished
    FROM job_runs WHERE begun >= to_timestamp($1) ORDER BY run
"""
TICKS = """
    SELECT kind, container, color, release, extract(epoch FROM at)::float8 AS at
    FROM ticks WHERE at >= to_timestamp($1) ORDER BY tick
"""


class Store:
    """The tables of the shop."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self.pool = pool

    @classmethod
    async def open(cls) -> "Store":
        """Connect; the database may still be starting. Raises what went wrong last after TIMEOUT."""
        for _ in range(TIMEOUT * 2):
            try:
                return cls(await asyncpg.create_pool(DATABASE_URL, min_size=1, max_size=5))
            except (OSError, asyncpg.CannotConnectNowError):
                await asyncio.sleep(0.5)
        return cls(await asyncpg.create_pool(DATABASE_URL, min_size=1, max_size=5))

    async def close(self) -> None:
        """Let running queries end, then disconnect."""
        await self.pool.close()

    async def answers(self) -> bool:
        """Return whether the database answers a query."""
        return bool(await self.pool.fetchval("SELECT true"))

    async def job_is_finished(self, job: str) -> bool:
        """Return whether some worker has finished *job*."""
        query = "SELECT EXISTS (SELECT FROM job_runs WHERE job = $1 AND finished IS NOT NULL)"
        return bool(await self.pool.fetchval(query, job))

    async def begin_job(self, job: str) -> int:
        """Record that this worker takes up *job*; return the number of the run."""
        query = "INSERT INTO job_runs (job, color, release, container) VALUES ($1, $2, $3, $4) RETURNING run"
        return int(await self.pool.fetchval(query, job, COLOR, RELEASE, CONTAINER))

    async def finish_job(self, run: int, total_cents: int) -> None:
        """Record the result of a run."""
        query = "UPDATE job_runs SET finished = clock_timestamp(), total_cents = $2 WHERE run = $1"
        await self.pool.execute(query, run, total_cents)

    async def job_runs(self, since: float) -> list[dict[str, Any]]:
        """Return the runs begun at or after *since* (seconds since the epoch), oldest first."""
        return [dict(row) for row in await self.pool.fetch(JOB_RUNS, since)]

    async def tick(self, kind: str) -> None:
        """Record a start, tick or stop of this scheduler."""
        query = "INSERT INTO ticks (kind, container, color, release) VALUES ($1, $2, $3, $4)"
        await self.pool.execute(query, kind, CONTAINER, COLOR, RELEASE)

    async def ticks(self, since: float) -> list[dict[str, Any]]:
        """Return what schedulers did at or after *since* (seconds since the epoch), oldest first."""
        return [dict(row) for row in await self.pool.fetch(TICKS, since)]

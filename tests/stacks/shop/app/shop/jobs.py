"""The queue: a Redis stream with acknowledgement, so that a job outlives the worker that took it."""

import json
from dataclasses import dataclass
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import ResponseError

from shop.labels import CONTAINER
from shop.settings import REDIS_URL, settings

STREAM = "orders"
GROUP = "workers"


@dataclass(frozen=True, slots=True)
class Job:
    """An order to handle: *seconds* of work, then its total."""

    id: str
    seconds: float
    items: dict[str, int]


@dataclass(frozen=True, slots=True)
class Taken:
    """A job that this worker has taken and not yet acknowledged."""

    entry: str
    job: Job


class JobQueue:
    """Orders on their way to a worker, each at least once."""

    def __init__(self) -> None:
        self.redis = Redis.from_url(REDIS_URL, decode_responses=True, protocol=2)
        self.claim_after_ms = round(settings()["queue"]["claim_after"] * 1000)

    async def close(self) -> None:
        """Disconnect."""
        await self.redis.aclose()

    async def ensure_group(self) -> None:
        """Make the stream and its group of workers, where they don't exist."""
        try:
            await self.redis.xgroup_create(STREAM, GROUP, id="0", mkstream=True)
        except ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise

    async def put(self, job: Job) -> None:
        """Add *job*."""
        body = {"id": job.id, "seconds": job.seconds, "items": job.items}
        await self.redis.xadd(STREAM, {"job": json.dumps(body)})

    async def take(self, within: float) -> Taken | None:
        """Take the next job, or None when none came *within* seconds."""
        answer: Any = await self.redis.xreadgroup(GROUP, CONTAINER, {STREAM: ">"}, count=1, block=round(within * 1000))
        return _taken(answer[0][1] if answer else [])

    async def claim(self) -> Taken | None:
        """Take over a job whose worker vanished: not acknowledged for the time set in the settings."""
        answer: Any = await self.redis.xautoclaim(STREAM, GROUP, CONTAINER, min_idle_time=self.claim_after_ms, count=1)
        return _taken(answer[1])

    async def acknowledge(self, taken: Taken) -> None:
        """Say that the job is done, and forget it."""
        async with self.redis.pipeline(transaction=True) as pipe:
            pipe.xack(STREAM, GROUP, taken.entry)
            pipe.xdel(STREAM, taken.entry)
            await pipe.execute()

    async def outstanding(self) -> int:
        """Return how many jobs are waiting or being done."""
        return int(await self.redis.xlen(STREAM))


def _taken(entries: list[Any]) -> Taken | None:
    if not entries:
        return None
    entry, fields = entries[0]
    return Taken(entry, Job(**json.loads(fields["job"])))

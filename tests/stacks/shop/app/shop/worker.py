"""The worker: takes orders from the queue, handles them one by one, records them."""

import asyncio
import logging
from collections.abc import AsyncIterator

from redis.exceptions import ConnectionError as QueueGoneError

from shop.jobs import Job, JobQueue, Taken
from shop.lifetime import boot, stop_requested
from shop.settings import settings
from shop.store import Store

log = logging.getLogger("worker")

WAIT = 0.5  # seconds for a new job, before the worker looks whether it should stop
PAUSE = 1.0  # seconds before another try when the queue can't be reached


async def jobs(queue: JobQueue, stop: asyncio.Event) -> AsyncIterator[Taken]:
    """Yield job after job until *stop*; those of vanished workers before new ones."""
    while not stop.is_set():
        try:
            await queue.ensure_group()
            taken = await queue.claim() or await queue.take(within=WAIT)
        except QueueGoneError:
            log.warning("the queue can't be reached")
            await asyncio.sleep(PAUSE)
        else:
            if taken:
                yield taken


async def perform(job: Job, store: Store) -> None:
    """Handle *job* and record it; one that was recorded already is left alone."""
    if await store.job_is_finished(job.id):
        return
    run = await store.begin_job(job.id)
    await asyncio.sleep(job.seconds)  # stands for stock, payment and mail
    await store.finish_job(run, total_cents(job.items))
    log.info("job %s done", job.id)


def total_cents(items: dict[str, int]) -> int:
    """Return what *items* cost with VAT, in cents."""
    prices: dict[str, int] = settings()["prices"]
    net = sum(prices[name] * count for name, count in items.items())
    vat_percent: int = settings()["vat_percent"]
    return round(net * (100 + vat_percent) / 100)


async def main() -> None:
    """Work until SIGTERM; the job in hand is finished first."""
    stop = stop_requested()
    await boot()
    store, queue = await Store.open(), JobQueue()
    log.info("waiting for jobs")
    async for taken in jobs(queue, stop):
        await perform(taken.job, store)
        await queue.acknowledge(taken)
    await queue.close()
    await store.close()
    log.info("stopped")


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    asyncio.run(main())

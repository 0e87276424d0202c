"""The scheduler: does a round each second. There must be one only."""

import asyncio
import logging

from shop.lifetime import boot, stop_requested
from shop.store import Store

log = logging.getLogger("scheduler")

INTERVAL = 1.0  # seconds


async def main() -> None:
    """Do rounds until SIGTERM; what can't be recorded ends the process with an error."""
    stop = stop_requested()
    await boot()
    store = await Store.open()
    await store.tick("start")
    log.info("started")
    while not stop.is_set():
        await store.tick("tick")
        try:
            await asyncio.wait_for(stop.wait(), INTERVAL)
        except TimeoutError:
            continue
    await store.tick("stop")
    await store.close()
    log.info("stopped")


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    asyncio.run(main())

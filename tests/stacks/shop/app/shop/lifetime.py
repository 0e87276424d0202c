"""How a process begins and ends."""

import asyncio
import signal

from shop.settings import BOOT_SECONDS


async def boot() -> None:
    """Take as long as loading the catalogue would: BOOT_SECONDS, 0 if not set."""
    await asyncio.sleep(BOOT_SECONDS)


def stop_requested() -> asyncio.Event:
    """Return an event that SIGTERM and SIGINT set."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop

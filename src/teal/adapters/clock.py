"""Translates: time."""

from __future__ import annotations

import asyncio
import time

from teal import ports


class SystemClock(ports.Clock):
    """This machine's clock."""

    def now(self) -> float:
        """Return seconds since the epoch."""
        return time.time()

    def monotonic(self) -> float:
        """Return seconds since some moment; they never jump."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)

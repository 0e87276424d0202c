"""The engine's stream of events, as ids of containers that something happened to."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing

from teal.adapters.engine.api import EngineResource, decoded, filters
from teal.adapters.engine.decode import PROJECT, EngineEvent, side_in
from teal.errors import Unavailable

# Healthchecks are execs: without this list every probe of every service would wake its watcher.
NEWS = ["create", "start", "restart", "die", "stop", "oom", "pause", "unpause", "destroy", "health_status"]
RECONNECT_TIMEOUT = 60.0  # seconds that an engine may be away, for a restart, before the watch gives up
PAUSE = 0.5  # seconds between two attempts


class Watching(EngineResource):
    """What happens to containers, as it happens."""

    def events(self, stack: str) -> AsyncIterator[str]:
        """Yield ids from this call on (not only from the first ``anext``); close it when done: ``aclosing``.

        It outlives a restart of the engine and misses nothing meanwhile; ``Unavailable`` after some minutes without.
        """
        return self._events(stack, time.time_ns())

    async def _events(self, stack: str, since: int) -> AsyncIterator[str]:
        lost = 0.0  # since when no engine answers
        while True:
            try:
                async with aclosing(self._stream(since)) as stream:
                    async for event in stream:
                        lost = 0.0
                        if event is None:
                            continue
                        since = event.nanoseconds + 1
                        if side_in(stack, event.actor.attributes) is not None:
                            yield event.actor.id
            except Unavailable:
                lost = lost or time.monotonic()
                if time.monotonic() - lost > RECONNECT_TIMEOUT:
                    raise
            await asyncio.sleep(PAUSE)

    async def _stream(self, since: int) -> AsyncGenerator[EngineEvent | None, None]:
        """Yield None when connected, then events."""
        seconds, rest = divmod(since, 10**9)
        wanted = filters(type=["container"], event=NEWS, label=[PROJECT])
        params = {"since": f"{seconds}.{rest:09d}", "filters": wanted}
        async with self._api.stream("GET", "/events", params=params, within=None) as answer:
            yield None
            async for line in answer.lines():
                yield decoded(line, EngineEvent, "/events")

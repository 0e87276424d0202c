"""Translates: looking at containers, starting, stopping and removing them; each call may be made twice."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Iterable

from teal.adapters.engine import cgroups
from teal.adapters.engine.api import PATIENCE
from teal.adapters.engine.decode import Info, Inspected, Listed, Stats
from teal.adapters.engine.reading import PROJECT, container_in, side_in, side_of, used
from teal.adapters.engine.speaker import Speaker, filters
from teal.adapters.engine.trouble import EngineSaid
from teal.core.model.observed import Container
from teal.core.model.side import Side
from teal.ports import EngineInfo

REST = 0.15  # seconds after a start in which no other one begins: requests that waited for a processor catch up


class Containers(Speaker):
    """Containers, and the engine that holds them."""

    async def info(self) -> EngineInfo:
        """Return what the engine says of itself."""
        info = await self._api.get("/info", Info)
        return EngineInfo(
            id=info.id,
            version=info.server_version,
            cpus=info.cpus,
            memory=info.mem_total,
            local="Docker Desktop" not in info.operating_system,  # that is a virtual machine behind a local socket
            rootless="name=rootless" in (info.security_options or []),
        )

    async def containers(self, stack: str) -> tuple[Container, ...]:
        """Return all containers of the stack's three projects, stopped ones too, sorted by name."""
        listed = await self._api.get("/containers/json", list[Listed], {"all": 1, "filters": filters(label=[PROJECT])})
        sides = {each.id: side for each in listed if (side := side_in(stack, each.labels)) is not None}
        found = await asyncio.gather(*(self._inspect(id, side) for id, side in sides.items()))
        return tuple(sorted((each for each in found if each is not None), key=lambda each: each.name))

    async def container(self, id: str) -> Container | None:
        """Return one container, None where it is gone."""
        return await self._inspect(id, None)

    async def _inspect(self, id: str, side: Side | None) -> Container | None:
        seen = await self._api.find(f"/containers/{id}/json", Inspected)
        if seen is None:
            return None
        return container_in(side or side_of((seen.config.labels or {}).get(PROJECT, "")), seen)

    async def start(self, id: str) -> None:
        """Start it, when its turn has come; one that runs is left alone. The next one's turn comes after a rest."""
        await self._api.starts.acquire()
        try:
            await self._api.post(f"/containers/{id}/start", twice=True)
        finally:
            asyncio.get_running_loop().call_later(REST, self._api.starts.release)

    async def stop(self, id: str, *, grace: float) -> None:
        """Stop it and wait until it has stopped: SIGTERM (or the image's signal), SIGKILL *grace* seconds later."""
        seconds = math.ceil(grace)
        stop = self._api.post(f"/containers/{id}/stop", params={"t": seconds}, within=seconds + PATIENCE, twice=True)
        await self._if_there(stop)

    async def remove(self, id: str) -> None:
        """Remove it with its anonymous volumes, running or not; wait where another removal is under way."""
        try:
            await self._if_there(self._api.delete(f"/containers/{id}", {"force": 1, "v": 1}))
        except EngineSaid as said:
            if said.code != 409 or "already in progress" not in said.message:
                raise
            await self._if_there(self._api.post(f"/containers/{id}/wait", params={"condition": "removed"}))

    async def memory(self, ids: Iterable[str]) -> int:
        """Return the bytes that these containers use together now, page cache left out."""
        return sum(await asyncio.gather(*(self._memory(id) for id in ids)))

    async def _memory(self, id: str) -> int:
        stats = await self._api.find(f"/containers/{id}/stats", Stats, {"stream": 0, "one-shot": 1})
        return (used(stats.memory_stats) if stats else 0) or await self._seen_by_the_kernel(id)

    async def _seen_by_the_kernel(self, id: str) -> int:
        """Return what the engine ought to have said: some answer "no metrics received" (seen)."""
        seen = await self._api.find(f"/containers/{id}/json", Inspected)
        return cgroups.memory(seen.state.pid, seen.id) if seen and seen.state.pid else 0

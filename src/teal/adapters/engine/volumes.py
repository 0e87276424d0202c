"""Translates: volumes; Teal makes and finds them, and never removes one."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping

from teal.adapters.engine.speaker import Speaker


class Volumes(Speaker):
    """Named volumes."""

    async def volumes(self, names: Iterable[str]) -> frozenset[str]:
        """Return those of *names* that exist."""
        asked = tuple(names)
        found = await asyncio.gather(*(self._api.find(f"/volumes/{name}", dict[str, object]) for name in asked))
        return frozenset(name for name, there in zip(asked, found, strict=True) if there is not None)

    async def create_volume(
        self, name: str, *, labels: Mapping[str, str], driver: str = "", options: Mapping[str, str] | None = None
    ) -> None:
        """Create it; one that exists is left as it is."""
        body = {"Name": name, "Labels": dict(labels), "Driver": driver or "local", "DriverOpts": dict(options or {})}
        await self._api.post("/volumes/create", body, twice=True)

"""Images and their tags; volumes, which Teal makes and finds, and never removes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Mapping

import msgspec

from teal.adapters.engine.api import EngineResource, EngineSaid, decoded
from teal.adapters.engine.decode import HealthcheckConfig, ImageConfig, InspectedImage, epoch, port_in
from teal.core.model.units import Seconds
from teal.errors import Refused
from teal.ports import ImageInfo

NOT_FOUND = 404


class _Made(msgspec.Struct):
    """A container that was created."""

    id: str = msgspec.field(name="Id")


class Volumes(EngineResource):
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


class Images(EngineResource):
    """Images on this machine; none is ever fetched here."""

    async def image(self, reference: str) -> ImageInfo | None:
        """Return the image of that id or reference, None where the engine has none."""
        seen = await self._api.find(f"/images/{reference}/json", InspectedImage)
        if seen is None:
            return None
        config = seen.config or ImageConfig()
        check = config.healthcheck or HealthcheckConfig()
        test = tuple(check.test or ())
        return ImageInfo(
            id=seen.id,
            tags=tuple(seen.repo_tags or ()),
            size=seen.size,
            exposed=tuple(sorted({port for each in config.exposed_ports or () if (port := port_in(each))})),
            healthcheck=() if test[:1] == ("NONE",) else test,
            volumes=tuple(sorted(config.volumes or ())),
            health_interval=Seconds(check.interval / 1e9 or 30.0),
            health_start_period=Seconds(check.start_period / 1e9),
            health_retries=check.retries or 3,
            created=epoch(seen.created),
            user=config.user,
            revision=(config.labels or {}).get("org.opencontainers.image.revision", ""),
        )

    async def archive(self, image: str, path: str) -> AsyncIterator[bytes]:
        """Yield a tar of what *image* has below the folder *path*, by a container that is never started."""
        body = {"Image": image, "Entrypoint": ["/"], "Cmd": [], "NetworkDisabled": True, "Labels": {"teal.assets": ""}}
        made = decoded(await self._api.post("/containers/create", body), _Made, "/containers/create")
        try:
            folder = {"path": f"{path.rstrip('/')}/."}
            async with self._api.stream("GET", f"/containers/{made.id}/archive", params=folder) as answer:
                async for piece in answer.pieces():
                    yield piece
        except EngineSaid as said:
            if said.code == NOT_FOUND:
                raise Refused(f"the image has no folder {path}", hint="correct `assets` in teal.yml") from said
            raise
        finally:
            await self._api.delete(f"/containers/{made.id}", {"force": "1", "v": "1"})

    async def tag(self, image: str, repository: str, tag: str) -> None:
        """Give *image* the name *repository*:*tag*, taking it from another image that has it."""
        await self._api.post(f"/images/{image}/tag", params={"repo": repository, "tag": tag}, twice=True)

    async def untag(self, reference: str) -> None:
        """Remove a tag, and the image when nothing else names or uses it; one that is gone or in use is fine."""
        await self._if_there(self._api.delete(f"/images/{reference}"), 409)

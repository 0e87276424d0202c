"""The Docker Engine, spoken to over its API on its unix socket."""

from __future__ import annotations

from collections.abc import Mapping

from teal import ports
from teal.adapters.engine.api import Api
from teal.adapters.engine.containers import Commands, Containers
from teal.adapters.engine.context import socket_path
from teal.adapters.engine.events import Watching
from teal.adapters.engine.images import Images, Volumes
from teal.adapters.engine.networks import Networks
from teal.adapters.engine.probes import Probes


class DockerEngine(Containers, Commands, Watching, Networks, Volumes, Images, Probes, ports.Engine):
    """The Engine port, one file per noun; nothing is sent before the first call."""

    @classmethod
    def here(cls, environ: Mapping[str, str]) -> DockerEngine:
        """Return the engine that the user's ``docker`` would talk to (``Refused`` where it is on another machine)."""
        return cls(Api(socket_path(environ)))

    async def close(self) -> None:
        """Close the connections; the engine can be used again."""
        await self._api.close()

"""Translates: the proxy's container and its state file, as the rest of Teal asks for them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

from teal.adapters.caddy.grasp import ADAPT, WITHIN, configs_in, grasp
from teal.adapters.caddy.probe import Probe
from teal.adapters.caddy.sites import admin, bare, entries, unfit
from teal.adapters.caddy.state import StateFile
from teal.core.observed import Container
from teal.core.traffic import Traffic
from teal.core.tree import Node
from teal.errors import Unavailable
from teal.ports import Answer, Engine, Entry, Grasp, Prepared

_ANY = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - published everywhere: asked on loopback
_CONFIGS = (
    ("wget", "-q", "-O", "-", "http://127.0.0.1:2019/config/"),
    ("curl", "-sf", "http://127.0.0.1:2019/config/"),
    ADAPT,  # the admin endpoint is off or elsewhere
)


class CaddyProxy:
    """Caddy with Teal's snippet in a container, and the directory that it mounts at ``/etc/teal``."""

    def __init__(self, folder: Path, engine: Engine, *, probe: Probe | None = None) -> None:
        self._folder = folder
        self._state = StateFile(folder)
        self._engine = engine
        self._probe = probe or Probe()

    @property
    def folder(self) -> str:
        """Return the directory on this host that the proxy must mount."""
        return str(self._folder)

    def read(self) -> Traffic | None:
        """Return what the state file says; None for no file or nothing that the proxy knows."""
        return self._state.read()

    def closed(self) -> bool:
        """Tell whether the state file is there, and closed to a proxy that runs as another user."""
        return self._state.closed()

    def write(self, traffic: Traffic) -> None:
        """Replace the state file in one rename, durably."""
        self._state.write(traffic)

    async def entries(self, container: Container) -> tuple[Entry, ...]:
        """Return the places where users reach the routes through the snippet."""
        return entries(await self._config(container))

    async def prepared(self, container: Container) -> Prepared:
        """Return how the proxy stands to Teal, by the configuration that it runs with."""
        config, version = await asyncio.gather(self._config(container), self._version(container))
        return Prepared(version, entries(config), bare(config), admin(config), unfit(config))

    async def grasp(self, container: Container) -> Grasp:
        """Return how far the running proxy is from what lies on this host now."""
        return await grasp(self._engine, container, self._folder, lambda: self._config(container))

    async def ask(self, container: Container, entry: Entry, key: str, path: str = "/") -> Answer:
        """Send a GET with *key* through the proxy at *entry* and return what came."""
        return await self._probe.ask(place(container, entry), entry, key, path)

    async def in_flight(self, container: Container, entry: Entry, key: str) -> Mapping[str, int]:
        """Return Caddy's count of requests in flight per upstream address; raise where it can't be had."""
        return await self._probe.in_flight(place(container, entry), entry, key)

    async def _config(self, container: Container) -> Node:
        for command in _CONFIGS:
            ran = await self._engine.execute(container.id, command, within=WITHIN)
            found = next(configs_in(ran.output), None) if ran.status == 0 else None
            if found is not None:
                return found
        raise Unavailable(
            "the proxy's configuration can't be read",
            hint="Teal asks the admin endpoint at 127.0.0.1:2019, or `caddy adapt` for /etc/caddy/Caddyfile",
        )

    async def _version(self, container: Container) -> str:
        ran = await self._engine.execute(container.id, ("caddy", "version"), within=WITHIN)
        return ran.output.split()[0].lstrip("v") if ran.status == 0 and ran.output.strip() else ""


def place(container: Container, entry: Entry) -> tuple[str, int]:
    """Return where this machine reaches the entry's listener: where it is published, else the container's address."""
    if published := container.ports.get(entry.listen):
        return _ANY.get(published[0], published[0]), published[1]
    for address in container.addresses.values():
        return address, entry.listen
    raise Unavailable("the proxy's container has no address: it does not run", hint="start it: docker start NAME")

"""Translates: the Proxy port: the state file, and the snippet that reads it as Caddy does."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from teal import ports
from teal.adapters.simulated.process import Process, acts, asks, reads, writes
from teal.adapters.simulated.users import TRY, Users
from teal.adapters.simulated.world import Box, World
from teal.core.observed import Container
from teal.core.side import Side, key_of
from teal.core.traffic import Traffic, format_traffic, parse_traffic
from teal.errors import Unavailable
from teal.ports import Answer, Entry, Prepared

FOLDER = "/var/lib/teal/shop/proxy"  # what the proxy mounts
PATIENCE = 10.0  # seconds that a question of Teal's is held where nothing can be dialled


class SimulatedProxy(ports.Proxy):
    """The state file of the world, and questions through the proxy's container."""

    def __init__(self, world: World, process: Process, users: Users) -> None:
        self.world = world
        self.process = process
        self._users = users

    @property
    def folder(self) -> str:
        return FOLDER

    @reads
    def read(self) -> Traffic | None:
        text = self.world.disk.state
        return None if text is None else parse_traffic(text)

    @writes
    def write(self, traffic: Traffic) -> None:
        if self.world.disk.full:
            raise Unavailable("the state file can't be written: No space left on device", hint="make room on the disk")
        self.world.disk.state = format_traffic(traffic)
        self.world.tell("state", self.world.disk.state, by=self.process.name)

    @asks
    async def entries(self, container: Container) -> tuple[Entry, ...]:
        """Return the places where users reach the routes."""
        return (await self.prepared(container)).entries

    async def prepared(self, container: Container) -> Prepared:
        self._box(container)
        entries = tuple(Entry(name, port, 80, tls=False, host="") for name, port in self._users.routes.items())
        return Prepared("2.11.7", entries)

    @asks
    async def seen(self, container: Container) -> str | None:
        self._box(container)
        return "token" if self.world.mounted else None

    @acts
    async def ask(self, container: Container, entry: Entry, key: str, path: str = "/") -> Answer:
        box, side = self._box(container), self._keyed(key)
        name = key_of(entry.route, side)
        end = self.world.loop.time() + PATIENCE
        while True:
            for target in self.world.resolve(box, name):
                if target.ready:
                    return Answer(200, f"{name}:{entry.port}", {}, "")
            if self.world.loop.time() >= end:
                return Answer(502, f"{name}:{entry.port}")
            await asyncio.sleep(TRY)

    @asks
    async def in_flight(self, container: Container, entry: Entry, key: str) -> Mapping[str, int]:
        self._box(container)
        self._keyed(key)
        return self._users.rows()

    def _box(self, container: Container) -> Box:
        box = self.world.boxes.get(container.id)
        if box is None or not box.ready:
            raise Unavailable("the proxy does not answer", hint="`teal up` starts it")
        return box

    def _keyed(self, key: str) -> Side:
        """Return the side that *key* opens, as the proxy reads it."""
        traffic = self._users.traffic()
        if traffic is None or not key or traffic.key != key or traffic.asked is None:
            raise Unavailable("the proxy does not know the key", hint="`teal check`")
        return traffic.asked

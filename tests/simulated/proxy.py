"""The Proxy port: the state file, and the snippet that reads it as Caddy does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from teal import ports
from teal.core.model.assets import Assets, KeptAssets
from teal.core.model.counts import Counts
from teal.core.model.observed import Container
from teal.core.model.side import Side, key_of
from teal.core.model.traffic import PLAIN, Mode, Traffic, format_traffic
from teal.core.model.units import Moment, ReleaseId, Seconds
from teal.core.rendering.own_proxy import SNIPPET_FILE
from teal.core.report.seen import Probe
from teal.errors import Unavailable
from teal.ports import Answer, Endpoint, Heard, Loaded, ProxyDrift, Target
from tests.simulated.labels import refused
from tests.simulated.process import Process, acts, asks, reads, writes
from tests.simulated.users import TRY, Users, traffic_in
from tests.simulated.world import Box, World

FOLDER = "/var/lib/teal/shop/proxy"  # what the proxy mounts
DIAL_TIMEOUT = 10.0  # seconds that a question of Teal's is held where nothing can be dialled


class SimulatedProxy(ports.Proxy):
    """The state file of the world, and questions through the proxy's container."""

    def __init__(self, world: World, process: Process, users: Users) -> None:
        self.world = world
        self.process = process
        self._users = users

    @property
    def folder(self) -> str:
        return FOLDER

    @property
    def reload(self) -> str:
        return "caddy reload --config /etc/caddy/Caddyfile"

    @property
    def own_folder(self) -> str:
        return "/var/lib/teal/own-proxy"

    @property
    def snippet_text(self) -> str:
        return f"snippet {self.world.snippet}"

    def own_files(self) -> Mapping[str, str]:
        texts = self.world.disk.texts.items()
        return {
            path.removeprefix(f"{self.own_folder}/"): text for path, text in texts if path.startswith(self.own_folder)
        }

    def keep_own(self, files: Mapping[str, str]) -> None:
        for name in self.own_files():
            del self.world.disk.texts[f"{self.own_folder}/{name}"]
        every = {**files, SNIPPET_FILE: self.snippet_text} if files else {}
        for name, text in every.items():
            self.world.disk.texts[f"{self.own_folder}/{name}"] = text

    @reads
    def read(self) -> Traffic | None:
        return traffic_in(self.world.disk.state)

    @writes
    def write(self, traffic: Traffic) -> None:
        if self.world.disk.full:
            raise Unavailable("the state file can't be written: No space left on device", hint="make room on the disk")
        self.world.disk.state = format_traffic(traffic)
        self.world.tell("state", self.world.disk.state, by=self.process.name)

    @asks
    async def loaded(self, container: Container) -> Loaded:
        self._inside(container)
        entries = tuple(Endpoint(name, port, 80, tls=False, host="") for name, port in self._users.routes.items())
        return Loaded(
            entries, tuple(self._users.routes.items()), snippet=self.world.snippet, metrics=self.world.metrics
        )

    @asks
    async def version(self, container: Container) -> str:
        self._inside(container)
        return "2.11.7"

    @asks
    async def drift(self, container: Container) -> ProxyDrift:
        self._inside(container)
        return ProxyDrift(blind=not self.world.mounted)

    @contextmanager
    def lent(self) -> Iterator[None]:
        before = self.world.disk.state
        try:
            yield
        finally:
            self.world.disk.state = before

    def state_file_unreadable(self) -> bool:
        return False

    @acts
    async def ask(self, container: Container, endpoint: Endpoint, key: str, path: str = "/") -> Answer:
        end = self.world.loop.time() + DIAL_TIMEOUT
        while self.world.loop.time() < end:
            answer = self._answer(self._box(container), endpoint, key)
            if answer is not None:
                return answer
            await asyncio.sleep(TRY)
        raise Unavailable(f"the proxy gives no answer for {endpoint.route}", hint="see its log")

    def _answer(self, proxy: Box, endpoint: Endpoint, key: str) -> Answer | None:
        """Return what comes at once; None where the proxy holds the question. Without the key it is a user's."""
        asked, traffic = self._opened(key), self._users.traffic() or PLAIN
        if asked is None and traffic.users is Mode.MAINTENANCE:
            return Answer(503, "", {"retry-after": "30"})
        side = asked or traffic.side
        if side is None:
            return None
        for target in self.world.resolve(proxy, key_of(endpoint.route, side)):
            if target.ready:
                return Answer(200, f"{key_of(endpoint.route, side)}:{endpoint.port}" if asked else "", {}, str(side))
        return None

    @asks
    async def open(self, container: Container) -> int | None:
        self._box(container)
        return sum(self._users.rows().values())

    @asks
    async def state(self, container: Container, endpoint: Endpoint, key: str) -> Heard:
        self._box(container)
        traffic = self._users.traffic()
        if traffic is None or self._opened(key) is None:
            return Heard(words="status 200", passed_on=True)
        return Heard(f"{traffic.users} {traffic.preview}")

    @asks
    async def snippet(self, container: Container, endpoint: Endpoint, key: str) -> int:
        self._box(container)
        return self.world.snippet if self._opened(key) is not None else 1

    @asks
    async def counts(self, container: Container, endpoint: Endpoint, key: str) -> Counts | None:
        self._box(container)
        counts = self.world.metrics and self.world.snippet > 1 and self._opened(key) is not None
        return self._users.counted() if counts else None

    async def counting(self, container: Container, every: float) -> AsyncGenerator[Counts | None, None]:
        for _ in range(60):
            self._box(container)
            yield self._users.counted() if self.world.metrics and self.world.snippet > 1 else None
            await asyncio.sleep(every)

    @asks
    async def counts_inside(self, container: Container) -> Counts | None:
        self._inside(container)
        return self._users.counted() if self.world.metrics and self.world.snippet > 1 else None

    def prober(self) -> SimulatedProber:
        return SimulatedProber(self)

    async def keep_assets(self, release: ReleaseId, assets: Assets, archive: AsyncIterator[bytes]) -> KeptAssets:
        files = 0
        async for _ in archive:
            files += 1
        self.world.disk.assets.append((release, assets.service))
        return KeptAssets(files, files)

    def prune_assets(self, now: Moment) -> tuple[ReleaseId, ...]:
        return ()

    @asks
    async def in_flight(self, container: Container, endpoint: Endpoint, key: str) -> Mapping[str, int]:
        self._box(container)
        if self._opened(key) is None:
            raise Unavailable("the proxy does not say what is in flight", hint="`teal check`")
        return self._users.rows()

    def as_user(self, target: Target) -> Answer | None:
        """Return what a user who asks now gets at once; None where the request is held."""
        return self._answer(self._box(target.container), target.endpoint, "")

    def _box(self, container: Container) -> Box:
        box = self.world.boxes.get(container.id)
        if box is None or not box.ready:
            raise Unavailable("the proxy does not answer", hint="`teal up` starts it")
        return box

    def _inside(self, container: Container) -> None:
        """Let a command run in the proxy's container: whether Caddy itself answers yet is no matter."""
        box = self.world.boxes.get(container.id)
        if box is None or not box.up:
            raise refused(f"container {container.id} is not running")

    def _opened(self, key: str) -> Side | None:
        """Return the side that *key* opens, as the proxy reads it; None for the wrong key."""
        traffic = self._users.traffic()
        return traffic.preview if traffic is not None and key and traffic.key == key else None


class SimulatedProber(ports.Prober):
    """Asks as users do, each in a task of its own, so that one that is held keeps no other waiting."""

    def __init__(self, proxy: SimulatedProxy) -> None:
        self._proxy = proxy
        self._found: list[Probe] = []
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def every(self) -> Seconds:
        return Seconds(0.2)

    def aim(self, targets: Sequence[Target]) -> None:
        self.stop()
        for target in targets:
            self._begin(self._ask_on(target))

    def hurry(self, seconds: Seconds) -> None:
        pass

    def probes(self) -> tuple[Probe, ...]:
        return tuple(self._found)

    def stop(self) -> None:
        tasks, self._tasks = self._tasks, set()
        for task in tasks:
            task.cancel()

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _ask_on(self, target: Target) -> None:
        while True:
            self._begin(self._one(target))
            await asyncio.sleep(self.every)

    async def _one(self, target: Target) -> None:
        world = self._proxy.world
        sent, status, what = world.now, 0, ""
        led = world.disk.state or "plain"
        try:
            async with asyncio.timeout(5.0):
                await asyncio.sleep(0.003)
                status = await self._status(target)
        except TimeoutError:
            what = "no answer in 5 s"
        except Unavailable:
            what = "refused"
        what = what or (f"status {status}" if status >= 500 else "")
        where = led.split()[0] if led == (world.disk.state or "plain") else ""
        self._found.append(Probe(target.route, Moment(sent), Seconds(world.now - sent), what, status, where))

    async def _status(self, target: Target) -> int:
        while True:
            answer = self._proxy.as_user(target)
            if answer is not None:
                return answer.status
            await asyncio.sleep(TRY)

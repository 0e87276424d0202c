"""The proxy's container and its state file, as the rest of Teal asks for them."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractContextManager, aclosing
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import msgspec

from teal.adapters.caddy.assets import AssetStore
from teal.adapters.caddy.client import CaddyClient, rows_in
from teal.adapters.caddy.config import (
    admin,
    asset_routes,
    entries,
    listeners,
    metrics,
    mixed,
    routes,
    snippet_version,
    trusts,
    unfit,
)
from teal.adapters.caddy.dials import dials
from teal.adapters.caddy.drift import proxy_drift
from teal.adapters.caddy.loaded import ADAPT, COUNTED, WITHIN, asking, counting_script, loaded, reading_script
from teal.adapters.caddy.state_file import StateFile
from teal.adapters.durable import sync_folder
from teal.core.model.assets import Assets, KeptAssets
from teal.core.model.compose import Node
from teal.core.model.counts import Counts, parse_counts
from teal.core.model.observed import Container
from teal.core.model.own_proxy import OWN
from teal.core.model.traffic import Traffic
from teal.core.model.units import Moment, ReleaseId, Seconds
from teal.core.rendering.own_proxy import PLAIN_END, SNIPPET_FILE
from teal.errors import Unavailable
from teal.ports import Answer, Endpoint, Engine, Heard, Loaded, ProxyDrift

if TYPE_CHECKING:
    from teal.adapters.caddy.prober import CaddyProber

_GLANCE = 1.0  # seconds for a connection within this machine
T = TypeVar("T")
_ANY = {"": "127.0.0.1", "0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - published everywhere: asked on loopback


class CaddyProxy:
    """Caddy with Teal's snippet in a container, and the directory that it mounts at ``/etc/teal``."""

    def __init__(
        self,
        folder: Path,
        engine: Engine,
        *,
        probe: CaddyClient | None = None,
        adapt: Sequence[str] = ADAPT,
        environment: Mapping[str, str] | None = None,
        own: Path | None = None,
    ) -> None:
        """Take the state's *folder*; *adapt* prints the configuration, *environment* is that of the proxy.

        *own* is the directory of the files of Teal's own proxy.
        """
        self._folder = folder
        self._own = own or folder.with_name("own-proxy")
        self._adapt = adapt
        self._environment = environment or {}
        self._state = StateFile(folder)
        self._assets = AssetStore(folder)
        self._engine = engine
        self._probe = probe or CaddyClient()

    @property
    def folder(self) -> str:
        """Return the directory on this host that the proxy must mount."""
        return str(self._folder)

    @property
    def reload(self) -> str:
        """Return the command that loads today's files of the proxy, inside its container."""
        options = self._adapt[2:] if self._adapt[0] == "caddy" else ("--config", *self._adapt[1:])
        return " ".join(("caddy", "reload", *options))

    @property
    def own_folder(self) -> str:
        """Return the directory on this host that holds the files of Teal's own proxy."""
        return str(self._own)

    @property
    def snippet_text(self) -> str:
        """Return the snippet of this version of Teal."""
        return snippet()

    def own_files(self) -> Mapping[str, str]:
        """Return the files of Teal's own proxy as they were kept, by name; none where it has none."""
        try:
            return {each.name: each.read_text(encoding="utf-8") for each in self._own.iterdir() if each.is_file()}
        except OSError:
            return {}

    def keep_own(self, files: Mapping[str, str]) -> None:
        """Write the files of Teal's own proxy, each in one rename, and none beside them."""
        every = {**files, SNIPPET_FILE: snippet()} if files else {}
        try:
            self._own.mkdir(mode=0o755, exist_ok=True)
            self._own.chmod(0o755)  # the proxy may run as another user
            for left in [each for each in self._own.iterdir() if each.name not in every]:
                left.unlink()
            for name, content in every.items():
                beside = self._own / f".{name}"
                beside.write_text(content, encoding="utf-8")
                # The project may hold a secret of a label or a variable; Compose alone reads it.
                beside.chmod(0o600 if name.endswith(".json") else 0o644)
                beside.replace(self._own / name)
            sync_folder(self._own)
        except OSError as error:
            raise Unavailable(
                f"the files of Teal's own proxy in {self._own} can't be written: {error.strerror}",
                hint="`teal check` prints the one command that prepares the directory",
            ) from error

    def read(self) -> Traffic | None:
        """Return what the state file says; None for no file or nothing that the proxy knows."""
        return self._state.read()

    def state_file_unreadable(self) -> bool:
        """Tell whether the state file is there, and closed to a proxy that runs as another user."""
        return self._state.closed()

    def write(self, traffic: Traffic) -> None:
        """Replace the state file in one rename, durably."""
        self._state.write(traffic)

    def lent(self) -> AbstractContextManager[None]:
        """Let the state file be written within this block; then put back what was there before, or remove the file."""
        return self._state.lent()

    async def loaded(self, container: Container) -> Loaded:
        """Return what the configuration says that the proxy runs with."""
        config = await self._config(container)
        return Loaded(
            entries=entries(config),
            routes=routes(config),
            dials=dials(config, self._environment),
            admin=admin(config),
            unfit=unfit(config),
            trusts=trusts(config),
            listens=frozenset(listener.port for listener in listeners(config)),
            snippet=snippet_version(config),
            assets=asset_routes(config),
            mixed=mixed(config),
            metrics=metrics(config),
        )

    async def version(self, container: Container) -> str:
        """Return Caddy's version, "" where it says none."""
        ran = await self._engine.execute(container.id, ("caddy", "version"), within=WITHIN)
        return ran.output.split()[0].lstrip("v") if ran.status == 0 and ran.output.strip() else ""

    async def drift(self, container: Container) -> ProxyDrift:
        """Return how far the running proxy is from what lies on this host now."""
        found = await proxy_drift(self._engine, container, self._folder, lambda: self._config(container), self._adapt)
        return msgspec.structs.replace(found, deaf=await deaf_ports(container)) if container.running else found

    async def ask(self, container: Container, endpoint: Endpoint, key: str, path: str = "/") -> Answer:
        """Send a GET with *key* through the proxy at *endpoint* and return what came."""
        return _plainly(await _heard(container, endpoint, lambda at: self._probe.ask(at, endpoint, key, path)))

    async def open(self, container: Container) -> int | None:
        """Return how many requests are in flight through the proxy, to any upstream; None where that is unknown."""
        for command in asking("/reverse_proxy/upstreams"):
            ran = await self._engine.execute(container.id, command, within=WITHIN)
            if ran.status == 0 and (rows := rows_in(ran.output)) is not None:
                # What a placeholder has led to is counted at its address, and at the placeholder once more.
                return sum(row.num_requests for row in rows if "{" not in row.address)
        return None

    async def state(self, container: Container, endpoint: Endpoint, key: str) -> Heard:
        """Ask the snippet at *endpoint* what it reads in the state file."""
        return await _heard(container, endpoint, lambda at: self._probe.state(at, endpoint, key))

    async def snippet(self, container: Container, endpoint: Endpoint, key: str) -> int:
        """Ask the snippet that runs at *endpoint* for its version, 1 where it does not know the question."""
        return await _heard(container, endpoint, lambda at: self._probe.snippet(at, endpoint, key))

    async def counts(self, container: Container, endpoint: Endpoint, key: str) -> Counts | None:
        """Return what Caddy has counted by color, None where it does not count."""
        return await _heard(container, endpoint, lambda at: self._probe.counts(at, endpoint, key))

    async def counting(self, container: Container, every: Seconds) -> AsyncGenerator[Counts | None, None]:
        """Yield what Caddy has counted by color, read by one command inside its container."""
        block: list[str] = []
        async with aclosing(self._engine.follow(container.id, ("sh", "-c", counting_script(every)))) as lines:
            async for line in lines:
                if line != COUNTED:
                    block.append(line)
                    continue
                yield parse_counts("\n".join(block))
                block.clear()

    async def counts_inside(self, container: Container) -> Counts | None:
        """Return what Caddy has counted by color, read by a command inside its container; None where it does not."""
        ran = await self._engine.execute(container.id, ("sh", "-c", reading_script()), within=WITHIN)
        return parse_counts(ran.output)

    def prober(self) -> CaddyProber:
        """Return a prober that asks nothing yet."""
        from teal.adapters.caddy.prober import CaddyProber  # looking measures nothing

        return CaddyProber(lambda target: place(target.container, target.endpoint), self._state.read)

    async def keep_assets(self, release: ReleaseId, assets: Assets, archive: AsyncIterator[bytes]) -> KeptAssets:
        """Keep what *archive*, a tar, holds of *assets*, below the directory that the proxy mounts."""
        return await self._assets.keep(release, assets, archive)

    def prune_assets(self, now: Moment) -> tuple[ReleaseId, ...]:
        """Forget releases whose files were kept long enough; return them."""
        return self._assets.prune(now)

    async def in_flight(self, container: Container, endpoint: Endpoint, key: str) -> Mapping[str, int]:
        """Return Caddy's count of requests in flight per upstream address; raise where it can't be had."""
        counts = await _heard(container, endpoint, lambda at: self._probe.in_flight(at, endpoint, key))
        if container.service != OWN:
            return counts
        found: Counter[str] = Counter()
        for address, count in counts.items():
            found[_without_end(address)] += count
        return found

    async def _config(self, container: Container) -> Node:
        return await loaded(self._engine, container, self._adapt)


def snippet() -> str:
    """Return the snippet that a Caddyfile imports."""
    return (resources.files("teal.adapters.caddy") / "teal.caddy").read_text(encoding="utf-8")


def _plainly(answer: Answer) -> Answer:
    """Return *answer* with the upstream's name as the stack's files have it, where Teal's own proxy has given it."""
    return msgspec.structs.replace(answer, upstream=_without_end(answer.upstream))


def _without_end(address: str) -> str:
    host, colon, port = address.rpartition(":")
    dot = "." if host.endswith(".") else ""
    return f"{host.removesuffix(dot).removesuffix(PLAIN_END)}{dot}{colon}{port}"


async def _heard(container: Container, endpoint: Endpoint, ask: Callable[[tuple[str, int]], Awaitable[T]]) -> T:
    """Return what *ask* comes to where the entry is published, or, where nobody listens there, at the container itself.

    Docker's forwarder of a port is a process of its own, and can end while the container goes on (moby #45152).
    """
    try:
        return await ask(place(container, endpoint))
    except Unavailable as error:
        direct = next(iter(container.addresses.values()), None)
        cause = error.__cause__ and error.__cause__.__cause__
        if direct is None or endpoint.listen not in container.ports or not isinstance(cause, ConnectionRefusedError):
            raise
        return await ask((direct, endpoint.listen))


async def deaf_ports(container: Container) -> tuple[int, ...]:
    """Return the TCP ports of this machine that lead to *container* and refuse what it takes itself."""
    direct = next(iter(container.addresses.values()), "")
    found = []
    for inside, (address, port) in container.ports.items():
        tcp = any(port == each for _, each in container.published)
        if tcp and direct and await _refuses(_ANY.get(address, address), port) and not await _refuses(direct, inside):
            found.append(port)
    return tuple(sorted(found))


async def _refuses(address: str, port: int) -> bool:
    """Tell whether a connection is refused; where this machine may not come there at all, it is not."""
    try:
        async with asyncio.timeout(_GLANCE):
            _, writer = await asyncio.open_connection(address, port)
        writer.close()
    except ConnectionRefusedError:
        return True
    except (OSError, TimeoutError):
        return False
    return False


def place(container: Container, endpoint: Endpoint) -> tuple[str, int]:
    """Return where this machine reaches the entry's listener: where it is published, else the container's address."""
    if published := container.ports.get(endpoint.listen):
        return _ANY.get(published[0], published[0]), published[1]
    for address in container.addresses.values():
        return address, endpoint.listen
    raise Unavailable("the proxy's container has no address: it does not run", hint="start it: docker start NAME")

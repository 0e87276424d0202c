"""The proxy of each world, in front of a service that stands on all three sides."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from teal.adapters.caddy.client import CaddyClient
from teal.adapters.caddy.proxy import CaddyProxy
from teal.core.model.observed import Container
from teal.core.model.side import Side, key_of
from teal.core.model.units import Seconds
from teal.ports import Engine, Proxy
from tests.contract.ground import IMAGE, PORT, Ground
from tests.contract.real import RealGround
from tests.contract.simulated import SimulatedGround
from tests.engine.sandbox import docker
from tests.simulated import SimulatedProxy, Users

SNIPPET = Path(__file__).parents[2] / "src" / "teal" / "adapters" / "caddy" / "teal.caddy"
SITES = "{\n\tmetrics\n}\nimport teal.caddy\nhttp://:8080 {\n\timport teal web 8000\n}\n"
BACKEND = f"""
import http.server, os, signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        time.sleep(1.5 if self.path == "/slow" else 0)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(os.environ["SIDE"].encode())
http.server.ThreadingHTTPServer(("", {PORT}), Handler).serve_forever()
"""


class Door(Protocol):
    """A running proxy; ``web`` stands behind it on blue, green and plain."""

    @property
    def ground(self) -> Ground: ...

    @property
    def proxy(self) -> Proxy: ...

    async def container(self) -> Container:
        """Return the proxy's container."""
        ...

    async def user(self, kind: str = "short") -> str:
        """Send a user's request ("short", "slow" or "websocket"); return the side that answered, or "maintenance"."""
        ...

    def side(self, side: Side) -> str:
        """Return the id of the container on *side*."""
        ...

    def spoil(self, text: str | None) -> None:
        """Write *text* into the state file by hand, or remove it."""
        ...

    def lose_mount(self) -> None:
        """Remove the directory that the proxy mounts, and make it anew."""
        ...


class SimulatedDoor:
    """The simulated proxy."""

    def __init__(self) -> None:
        self.ground = here = SimulatedGround()
        self.world = here.world
        self.users = Users(here.world, "proxy", {"web": PORT}, (), 1.0)
        self.proxy = SimulatedProxy(here.world, here.process, self.users)
        net = here.network("edge")
        self._sides = {
            side: here.container("web", side=side, network=net, aliases=[key_of("web", side)]) for side in Side
        }
        self._proxy = here.container("proxy", network=net)
        here.run(self._start())

    def _backend(self, side: Side, net: str) -> str:
        return self.ground.container("web", side=side, network=net, aliases=[key_of("web", side)])

    async def _start(self) -> None:
        for each in (self._proxy, *self._sides.values()):
            await self.ground.engine.start(each)
        await self.ground.clock.sleep(Seconds(3.0))

    async def container(self) -> Container:
        found = await self.ground.engine.container(self._proxy)
        assert found is not None
        return found

    async def user(self, kind: str = "short") -> str:
        request = self.users.send(kind)  # type: ignore[arg-type]
        while not request.outcome:
            await self.ground.clock.sleep(Seconds(0.05))
        return request.why or str(request.parts[0][0])

    def side(self, side: Side) -> str:
        return self._sides[side]

    def spoil(self, text: str | None) -> None:
        self.world.disk.state = text

    def lose_mount(self) -> None:
        self.world.mounted = False


class RealDoor:
    """A real Caddy with the real snippet."""

    def __init__(self, folder: Path) -> None:
        (folder / "etc").mkdir()
        self.mounted = folder / "mounted"
        self.mounted.mkdir()
        self.ground = here = RealGround(folder)
        engine: Engine = here.engine
        self.proxy = CaddyProxy(self.mounted, engine, probe=CaddyClient(within=Seconds(2)))
        self._net = here.network("edge")
        self._sides = {side: self._backend(side) for side in Side}
        self._proxy = self._caddy(folder / "etc")
        here.run(self._answers())

    def _backend(self, side: Side) -> str:
        box = self.ground._box
        name = ("--network", self._net, "--network-alias", key_of("web", side))
        options = (*box.labels(side), *name, "-e", f"SIDE={side}")
        return docker("run", "-d", "--label", box.mine, *options, IMAGE, "python", "-c", BACKEND)

    def _caddy(self, etc: Path) -> str:
        (etc / "teal.caddy").write_bytes(SNIPPET.read_bytes())
        (etc / "Caddyfile").write_text(SITES, encoding="utf-8")
        box = self.ground._box
        mounts = ("-v", f"{etc}:/etc/caddy:ro", "-v", f"{self.mounted}:/etc/teal:ro")
        places = ("--network", self._net, "-p", "127.0.0.1::8080", *box.labels(Side.PLAIN, "proxy"))
        return docker("run", "-d", "--label", box.mine, *places, *mounts, "caddy:2.11")

    async def _answers(self) -> None:
        for _ in range(100):
            with suppress(OSError, ValueError, IndexError):
                if await self.user() == "plain":
                    return
            await asyncio.sleep(0.1)
        raise AssertionError("no answer through the proxy")

    async def container(self) -> Container:
        found = await self.ground.engine.container(self._proxy)
        assert found is not None
        return found

    async def user(self, kind: str = "short") -> str:
        host, port = (await self.container()).ports[8080]
        reader, writer = await asyncio.open_connection(host, port)
        path = "/" if kind == "short" else "/slow"
        upgrade = "Upgrade\r\nUpgrade: websocket" if kind == "websocket" else "close"
        writer.write(f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: {upgrade}\r\n\r\n".encode())
        status = int((await reader.readline()).split()[1])
        while await reader.readline() not in {b"\r\n", b""}:
            pass
        body = (await reader.read(100)).decode()
        writer.close()
        return "maintenance" if status == 503 else next((side for side in Side if side in body), f"{status} {body}")

    def side(self, side: Side) -> str:
        return self._sides[side]

    def spoil(self, text: str | None) -> None:
        file = self.mounted / "state"
        if text is None:
            file.unlink(missing_ok=True)
        else:
            file.write_text(text, encoding="utf-8")

    def lose_mount(self) -> None:
        self.mounted.rename(self.mounted.with_name("moved"))
        self.mounted.mkdir()

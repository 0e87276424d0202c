"""A real Caddy with the real snippet before three backends that stand for blue, green and plain."""

import asyncio
from contextlib import AsyncExitStack, suppress
from pathlib import Path

import httpx

from proof.local import caddy, free_port
from proof.names import Names
from teal.adapters.caddy.client import CaddyClient
from teal.adapters.caddy.state_file import StateFile
from teal.core.model.counts import Counts
from teal.core.model.traffic import Traffic, parse_traffic
from teal.ports import Endpoint
from tests.caddy.backend import Backend

SNIPPET = Path(__file__).parents[2] / "examples" / "tale" / "teal.caddy"
KEY = "k3y"
_HEAD = """
{
	admin 127.0.0.1:%(admin)d
	auto_https disable_redirects
	skip_install_trust
	persist_config off
	metrics
	log {
		output file %(folder)s/caddy.log
		level INFO
	}
}
import teal.caddy
(dns) {
	transport http {
		resolvers 127.0.0.1:%(dns)d
	}
}
"""
SITE = """
http://:%(http)d {
	log
	import teal platform %(port)d {
		import dns
	}
}
https://localhost:%(https)d {
	tls internal
	import teal platform %(port)d {
		import dns
	}
}
"""


class World:
    """Runs until the with-block ends; *site* may use %(http)d, %(https)d, %(admin)d and %(port)d."""

    def __init__(self, folder: Path, site: str = SITE, snippet: Path = SNIPPET) -> None:
        self.folder, self._site, self._snippet = folder, site, snippet
        self.blue = Backend("blue", "127.0.0.2")
        self.green = Backend("green", "127.0.0.3")
        self.plain = Backend("plain", "127.0.0.4")
        names = {"platform": self.plain, "platform-blue": self.blue, "platform-green": self.green}
        self._known = {name: backend.host for name, backend in names.items()}
        self.names = Names(self._known)
        self.teal = folder / "teal"
        self.teal.mkdir()
        self.state = StateFile(self.teal)
        self.probe = CaddyClient()
        self._counted = Counts()
        self._open = AsyncExitStack()

    async def __aenter__(self) -> "World":
        await self.names.start()
        self.port = await self.blue.start(0)
        await self.green.start(self.port)
        await self.plain.start(self.port)
        self.http, self.https, self.admin = (free_port() for _ in range(3))
        self.client = httpx.AsyncClient(
            base_url=f"http://127.0.0.1:{self.http}", timeout=40, verify=False, trust_env=False
        )
        self.entry = Endpoint("platform", self.port, self.http, tls=False, host="")
        self._configure()
        self.write("maintenance")  # the questions of the start reach no backend
        await self._open.enter_async_context(
            caddy(self.folder / "Caddyfile", self.http, TEAL_ADMIN=f"127.0.0.1:{self.admin}")
        )
        await self._ready()
        self.write("plain")
        return self

    async def __aexit__(self, *error: object) -> None:
        await self.client.aclose()
        await self._open.aclose()
        for backend in (self.blue, self.green, self.plain):
            await backend.stop()
        self.names.stop()

    async def reset(self) -> None:
        """Let everything be as it was at the start."""
        self.names.known = dict(self._known)
        self.names.asked.clear()
        for backend in (self.blue, self.green, self.plain):
            backend.asked.clear()
            backend.go.clear()
            if not backend.serving:
                await backend.start(self.port)
        self.write("plain")

    def write(self, text: str) -> None:
        """Write the state file in Teal's way."""
        traffic = parse_traffic(text)
        assert isinstance(traffic, Traffic), text
        self.state.write(traffic)

    def write_raw(self, content: bytes) -> None:
        """Write anything at all into the state file, in one rename."""
        (self.teal / "raw").write_bytes(content)
        (self.teal / "raw").rename(self.teal / "state")

    async def text(self, path: str = "/", **headers: str) -> str:
        """Return ``STATUS BODY`` of a GET; underscores in header names become dashes."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        got = await self.client.get(path, headers=named)
        return f"{got.status_code} {got.text.strip()}"

    async def counts(self) -> dict[str, int]:
        """Return what is in flight by upstream, as Teal asks for it."""
        return dict(await self.probe.in_flight(("127.0.0.1", self.http), self.entry, KEY))

    async def counted(self) -> Counts:
        """Return what Caddy has counted by color since the last call."""
        seen = None
        while seen != (now := await self.probe.counts(("127.0.0.1", self.http), self.entry, KEY)):
            seen = now
            await asyncio.sleep(0.05)  # a request is counted a moment after its answer
        assert now is not None
        since, self._counted = now.since(self._counted), now
        return since

    def log(self) -> str:
        """Return what Caddy has logged."""
        return (self.folder / "caddy.log").read_text(encoding="utf-8")

    def _configure(self) -> None:
        snippet = self._snippet.read_text(encoding="utf-8").replace("/etc/teal", str(self.teal))
        (self.folder / "teal.caddy").write_text(snippet, encoding="utf-8")
        values = {"http": self.http, "https": self.https, "admin": self.admin, "port": self.port}
        values |= {"dns": self.names.address[1], "folder": str(self.folder)}  # type: ignore[dict-item]
        (self.folder / "Caddyfile").write_text((_HEAD + self._site) % values, encoding="utf-8")

    async def _ready(self) -> None:
        """Wait for the certificate, which is made after the start."""
        for _ in range(200):
            with suppress(httpx.TransportError):
                await self.client.get(f"https://localhost:{self.https}/")
                return
            await asyncio.sleep(0.05)
        raise AssertionError("Caddy does not answer over HTTPS")

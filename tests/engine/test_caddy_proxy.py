"""The proxy as a container: what it says of itself, and who answers through it, by Docker's own names."""

import asyncio
from contextlib import suppress
from pathlib import Path

import pytest

from teal.adapters.caddy.client import CaddyClient
from teal.adapters.caddy.proxy import CaddyProxy
from teal.core.model.proxy_config import Dial
from teal.core.model.side import Side
from teal.core.model.traffic import Mode, OpenRequests, Traffic, open_on, to
from teal.errors import Unavailable
from teal.ports import Endpoint, Heard
from tests.engine.sandbox import docker

pytestmark = [pytest.mark.engine, pytest.mark.anyio, pytest.mark.timeout(120)]

SNIPPET = Path(__file__).parents[2] / "examples" / "tale" / "teal.caddy"
CADDY = "caddy:2.11"
ROUTES = [("platform", 3000)]
BACKEND = """
import http.server, os, time
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        time.sleep(2 if self.path == "/slow" else 0)
        self.send_response(200)
        self.end_headers()
        self.wfile.write(os.environ["SIDE"].encode())
http.server.ThreadingHTTPServer(("", 3000), Handler).serve_forever()
"""
SITES = """import teal.caddy
http://:8080 {
	import teal platform 3000
}
localhost {
	tls internal
	import teal platform 3000
	reverse_proxy /old/* platform:3000
}
"""


class Stand:
    """A proxy with the snippet, and a platform for each side, on one network."""

    def __init__(self, sandbox, folder: Path, *options: str, sites: str = SITES) -> None:
        self.network, self.mounted = sandbox.network("edge"), folder / "mounted"
        self.mounted.mkdir()
        (folder / "etc").mkdir()
        (folder / "etc" / "teal.caddy").write_bytes(SNIPPET.read_bytes())
        (folder / "etc" / "Caddyfile").write_text(sites, encoding="utf-8")
        volumes = ("-v", f"{folder / 'etc'}:/etc/caddy:ro", "-v", f"{self.mounted}:/etc/teal:ro")
        labels = ("--label", sandbox.mine, *sandbox.labels(service="proxy"), "--network", self.network)
        self.proxy = docker("run", "-d", *labels, *volumes, *options, CADDY)
        self.sides = {side: self._platform(sandbox, side) for side in (Side.BLUE, Side.GREEN)}

    def _platform(self, sandbox, side: Side) -> str:
        on = ("--network", self.network, "--network-alias", f"platform-{side}", "-e", f"SIDE={side}")
        return sandbox.run(*on, command=("python", "-c", BACKEND), side=side, service="platform")


@pytest.fixture
def stand(sandbox, tmp_path: Path) -> Stand:
    return Stand(sandbox, tmp_path, "-p", "127.0.0.1::8080")


@pytest.fixture
async def proxy(stand: Stand, engine):
    return CaddyProxy(stand.mounted, engine, probe=CaddyClient(within=5))


async def answering(proxy: CaddyProxy, container, endpoint: Endpoint, key: str) -> None:
    """Wait until a platform answers through the proxy."""
    for _ in range(40):
        with suppress(Unavailable):
            if (await proxy.ask(container, endpoint, key)).status == 200:
                return
        await asyncio.sleep(0.25)
    raise AssertionError("no answer through the proxy")


async def test_what_the_proxy_says_of_itself(engine, stand, proxy):
    await asyncio.sleep(1)
    found = await proxy.loaded(await engine.container(stand.proxy))
    assert (await proxy.version(await engine.container(stand.proxy))).startswith("2.11.")
    assert set(found.entries) == {
        Endpoint("platform", 3000, 8080, tls=False, host=""),
        Endpoint("platform", 3000, 443, tls=True, host="localhost"),
    }
    assert found.dials == (Dial("platform:3000", "reverse_proxy", "localhost/old/*"),)
    assert (found.routes, found.admin) == ((("platform", 3000),), "127.0.0.1:2019")


async def test_who_answers_through_it_and_what_is_in_flight(engine, stand, proxy):
    container = await engine.container(stand.proxy)
    published = Endpoint("platform", 3000, 8080, tls=False, host="")
    inside = Endpoint("platform", 3000, 443, tls=True, host="localhost")
    proxy.write(to(Side.BLUE).with_key(Side.GREEN, "k3y"))
    for endpoint in (published, inside):
        await answering(proxy, container, endpoint, "k3y")
        answer = await proxy.ask(container, endpoint, "k3y")
        assert (answer.status, answer.upstream, answer.body) == (200, "platform-green:3000", "green")
        assert (await proxy.ask(container, endpoint, "")).body == "blue"
    slow = asyncio.create_task(proxy.ask(container, published, "", "/slow"))
    await asyncio.sleep(1)
    counts = await proxy.in_flight(container, inside, "k3y")
    assert open_on(Side.BLUE, ["platform"], counts, ROUTES) == OpenRequests(1, 0)
    assert open_on(Side.GREEN, ["platform"], counts, ROUTES) == OpenRequests(0, 0)
    assert (await slow).body == "blue"


async def test_a_websocket_finds_its_host_by_the_name_with_a_dot(engine, stand, proxy):
    """Asked for with an Upgrade, the backend answers plainly: only the way there matters."""
    container = await engine.container(stand.proxy)
    endpoint = Endpoint("platform", 3000, 8080, tls=False, host="")
    proxy.write(to(Side.BLUE).with_key(Side.BLUE, "k3y"))
    await answering(proxy, container, endpoint, "k3y")
    host, port = container.ports[8080]
    reader, writer = await asyncio.open_connection(host, port)
    writer.write(b"GET /slow HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
    await asyncio.sleep(1)
    counts = await proxy.in_flight(container, endpoint, "k3y")
    assert open_on(Side.BLUE, ["platform"], counts, ROUTES) == OpenRequests(0, 1)
    assert b"200 OK" in await reader.readline()
    writer.close()


async def test_held_requests_follow_the_state_to_a_color_that_has_just_started(engine, stand, proxy):
    container = await engine.container(stand.proxy)
    endpoint = Endpoint("platform", 3000, 8080, tls=False, host="")
    proxy.write(to(Side.BLUE))
    await answering(proxy, container, endpoint, "")
    proxy.write(Traffic(Mode.HOLD))
    docker("stop", "-t", "0", *stand.sides.values())
    held = [asyncio.create_task(proxy.ask(container, endpoint, "")) for _ in range(10)]
    await asyncio.sleep(1)
    assert not any(task.done() for task in held)
    docker("start", stand.sides[Side.GREEN])
    proxy.write(to(Side.GREEN))
    assert {answer.body for answer in await asyncio.gather(*held)} == {"green"}


async def test_whether_the_container_sees_the_directory_that_is_written(engine, stand, proxy):
    container = await engine.container(stand.proxy)
    assert not (await proxy.drift(container)).blind
    stand.mounted.rename(stand.mounted.with_name("moved"))
    assert (await proxy.drift(container)).blind
    stand.mounted.mkdir()
    assert (await proxy.drift(container)).blind  # the mount shows the directory that was moved away


async def test_a_proxy_that_does_not_run_is_said(engine, stand, proxy):
    docker("stop", "-t", "0", stand.proxy)
    stopped = await engine.container(stand.proxy)
    with pytest.raises(Unavailable):
        await proxy.ask(stopped, Endpoint("platform", 3000, 443, tls=True, host="localhost"), "k3y")


async def test_without_an_admin_endpoint_the_file_is_adapted_and_nothing_is_counted(engine, sandbox, tmp_path):
    stand = Stand(sandbox, tmp_path, sites="{\n\tadmin off\n}\n" + SITES)
    proxy = CaddyProxy(stand.mounted, engine, probe=CaddyClient(within=5))
    container = await engine.container(stand.proxy)
    found = await proxy.loaded(container)
    assert (found.admin, len(found.entries)) == ("", 2)
    proxy.write(to(Side.GREEN).with_key(Side.GREEN, "k3y"))
    endpoint = Endpoint("platform", 3000, 8080, tls=False, host="")
    await answering(proxy, container, endpoint, "k3y")
    assert await proxy.state(container, endpoint, "k3y") == Heard("green green")
    with pytest.raises(Unavailable, match="does not say what is in flight"):
        await proxy.in_flight(container, endpoint, "k3y")

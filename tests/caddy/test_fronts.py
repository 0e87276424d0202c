"""What stands in front of a whole site, as Teal's own question meets it: each kind is named by what it answered."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator

import pytest

from proof.local import free_port
from teal.errors import Unavailable
from teal.ports import Endpoint, Heard
from tests.caddy.world import KEY, SITE, World

pytestmark = pytest.mark.anyio

LOCKED = "someone $2a$04$JK2w/JxxqSeQHfwjtRTHTuqcwDxP0/Nf3UbdXR5hH2w.gHh.Y7OF6"
OUTSIDE = "@outside not remote_ip 10.99.0.0/24"
FRONTS = {
    "login": (f"basic_auth {{\n{LOCKED}\n}}", "it asks for a login (status 401)"),
    "addresses": (f"{OUTSIDE}\nhandle @outside {{\nrespond 403\n}}", "it refuses them (status 403)"),
    "moved": ("redir https://elsewhere.test{uri} 308", "it redirects to https://elsewhere.test/ (status 308)"),
    "limited": ("handle {\nrespond 429\n}", "it limits them (status 429)"),
    "maintenance": (
        "@shut not header X-Nobody sends\nhandle @shut {\nrespond 503\n}",
        "it says that it is closed (status 503)",
    ),
    "asking": ("forward_auth 127.0.0.1:AUTH {\nuri /\n}", "it asks for a login (status 401)"),
    "teapot": ("handle {\nrespond 418\n}", "status 418"),
}
PORTS = {name: free_port() for name in (*FRONTS, "AUTH", "certificate", "silent")}


def sites() -> str:
    """Return a site for each front, with the snippet behind it."""
    parts = [f"http://:{PORTS[name]} {{\n{front}\nhandle {{\nAPP}}\n}}\n" for name, (front, _) in FRONTS.items()]
    parts += [f"http://:{PORTS['AUTH']} {{\nrespond 401\n}}\n", f"http://:{PORTS['silent']} {{\nabort\n}}\n"]
    certificate = "tls internal {\nclient_auth {\nmode require\n}\n}"
    parts += [f"https://localhost:{PORTS['certificate']} {{\n{certificate}\nAPP}}\n"]
    app = "import teal platform %(port)d {\nimport dns\n}\n"
    return SITE + "".join(parts).replace("AUTH", str(PORTS["AUTH"])).replace("APP", app)


@pytest.fixture(scope="module")
async def caddy(tmp_path_factory: pytest.TempPathFactory, anyio_backend: str) -> AsyncIterator[World]:
    async with World(tmp_path_factory.mktemp("fronts"), sites()) as made:
        yield made


async def asked(world: World, name: str, *, tls: bool = False) -> Heard:
    world.write(f"blue green {KEY}")
    endpoint = Endpoint("platform", world.port, PORTS[name], tls=tls, host="localhost" if tls else "")
    return await world.probe.state(("127.0.0.1", PORTS[name]), endpoint, KEY)


async def test_where_nothing_stands_in_front_the_snippet_says_the_state(world: World) -> None:
    world.write(f"blue green {KEY}")
    assert await world.probe.state(("127.0.0.1", world.http), world.entry, KEY) == Heard("blue green")
    assert (world.blue.asked, world.green.asked, world.plain.asked) == (Counter(), Counter(), Counter())


@pytest.mark.parametrize("name", FRONTS)
async def test_what_answers_in_front_is_named(world: World, name: str) -> None:
    heard = await asked(world, name)
    assert (heard.said, heard.words, heard.passed_on) == ("", FRONTS[name][1], name == "asking")


async def test_a_client_certificate_that_is_asked_for_is_named(world: World) -> None:
    heard = await asked(world, "certificate", tls=True)
    assert (heard.said, heard.passed_on) == ("", False)
    assert heard.words.startswith("it asks for a client certificate")


async def test_a_site_that_says_nothing_is_told_apart(world: World) -> None:
    with pytest.raises(Unavailable, match="closed without an answer"):
        await asked(world, "silent")


async def test_a_key_that_the_proxy_does_not_read_goes_on_to_the_application(world: World) -> None:
    world.write("blue")
    heard = await world.probe.state(("127.0.0.1", world.http), world.entry, KEY)
    assert (heard.said, heard.words, heard.passed_on) == ("", "status 200", True)

"""The snippet where owners put it: in paths, beside their own directives, with their options, several times."""

from collections.abc import AsyncIterator
from typing import cast

import pytest

from teal.adapters.caddy.config import admin, entries
from teal.adapters.caddy.dials import dials
from teal.core.model.compose import Node
from teal.ports import Endpoint
from tests.caddy.world import KEY, World

pytestmark = pytest.mark.anyio

SITE = """
http://:%(http)d {
	header X-Owner yes
	respond /health "the owner's"
	handle_path /api/* {
		import teal platform %(port)d {
			import dns
			header_up X-Up added
			header_down X-Down added
			flush_interval -1
		}
	}
	handle /app/* {
		import teal platform %(port)d {
			import dns
		}
	}
	@posts method POST
	handle @posts {
		import teal platform %(port)d {
			import dns
			request_buffers 1MB
		}
	}
	import teal platform %(port)d {
		import dns
	}
	reverse_proxy /old/* platform-blue:%(port)d {
		import dns
	}
}
https://localhost:%(https)d {
	tls internal
	route /only/* {
		uri strip_prefix /only
		import teal platform %(port)d {
			import dns
		}
	}
	handle /locked/* {
		basic_auth {
			someone $2a$04$JK2w/JxxqSeQHfwjtRTHTuqcwDxP0/Nf3UbdXR5hH2w.gHh.Y7OF6
		}
		import teal platform %(port)d {
			import dns
		}
	}
}
"""


@pytest.fixture(scope="module")
async def caddy(tmp_path_factory: pytest.TempPathFactory, anyio_backend: str) -> AsyncIterator[World]:
    async with World(tmp_path_factory.mktemp("places"), SITE) as made:
        yield made


async def test_each_place_goes_to_its_side_and_keeps_its_path(world: World) -> None:
    for word in ("blue", "green"):
        world.write(word)
        assert await world.text("/api/x") == f"200 {word} /x"
        assert await world.text("/app/x") == f"200 {word} /app/x"
        assert await world.text("/x") == f"200 {word} /x"
        assert (await world.client.post("/y", content=b"body")).text == f"{word} /y body"
        got = await world.client.get(f"https://localhost:{world.https}/only/x")
        assert got.text == f"{word} /x "


async def test_the_owner_s_directives_keep_their_turn(world: World) -> None:
    world.write("green")
    assert await world.text("/health") == "200 the owner's"
    assert await world.text("/old/x") == "200 blue /old/x"
    assert (await world.client.get("/x")).headers["X-Owner"] == "yes"


async def test_the_owner_s_options_work(world: World) -> None:
    world.write("green")
    assert (await world.client.get("/api/x")).headers["X-Down"] == "added"
    assert world.green.headers["X-Up"] == "added"
    assert "X-Down" not in (await world.client.get("/app/x")).headers


async def test_every_entry_found_in_the_running_configuration_answers_to_a_key(world: World) -> None:
    found = entries(await running(world))
    port = world.port
    assert set(found) == {  # Caddy orders servers by their ports, which are any free ones
        Endpoint("platform", port, world.http, tls=False, host="", path="/api"),
        Endpoint("platform", port, world.http, tls=False, host="", path="/app"),
        Endpoint("platform", port, world.http, tls=False, host=""),
        Endpoint("platform", port, world.https, tls=True, host="localhost", path="/only"),
    }
    world.write(f"blue green {KEY}")
    for endpoint in found:
        answer = await world.probe.ask(("127.0.0.1", endpoint.listen), endpoint, KEY, "/x")
        assert (answer.status, answer.upstream) == (200, f"platform-green:{port}")
        counted = await world.probe.in_flight(("127.0.0.1", endpoint.listen), endpoint, KEY)
        assert counted[f"platform-blue:{port}"] == counted[f"platform-green.:{port}"] == 0


async def test_what_bypasses_the_snippet_is_named(world: World) -> None:
    config = await running(world)
    named = [dial.address for dial in dials(config, {}) if not dial.address.startswith("127.0.0.1:")]  # resolvers
    assert named == [f"platform-blue:{world.port}"]
    assert admin(config) == f"127.0.0.1:{world.admin}"


async def running(world: World) -> Node:
    return cast(Node, (await world.client.get(f"http://127.0.0.1:{world.admin}/config/")).json())

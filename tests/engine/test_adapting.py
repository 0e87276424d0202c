"""What Caddy makes of today's files is asked in a container that is thrown away, and what it can't be asked is said."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

from teal.adapters.caddy.adapt import Adapting, adapt_words
from teal.core.model.proxy_config import Adapted
from tests.engine.sandbox import docker

pytestmark = [pytest.mark.engine, pytest.mark.anyio, pytest.mark.timeout(120)]
SNIPPET = Path(__file__).parents[2] / "src" / "teal" / "adapters" / "caddy" / "teal.caddy"
IMAGE = "caddy:2.11"
SITES = "import teal.caddy\n:80 {\n\timport teal {$ROUTE:none} 3000\n\treverse_proxy /x {env.LATER}:1\n}\n"


def mount(source: Path, target: str) -> dict[str, str]:
    return {"type": "bind", "source": str(source), "target": target}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "teal.caddy").write_bytes(SNIPPET.read_bytes())
    (tmp_path / "Caddyfile").write_text(SITES, encoding="utf-8")
    return tmp_path


async def adapted(engine, sandbox, top: dict[str, Any] | None = None, **proxy: Any) -> Adapted:
    model = {"name": sandbox.stack, "services": {"proxy": {"image": IMAGE, **proxy}}, **(top or {})}
    before = docker("ps", "--all", "--quiet"), docker("volume", "ls", "--quiet")
    found = await Adapting(engine, os.environ).adapted(model, "proxy")
    mine = set(docker("ps", "--all", "--quiet").split()) - set(before[0].split())
    assert not [each for each in mine if IMAGE in docker("inspect", "--format", "{{.Config.Image}}", each)]
    assert sandbox.stack not in docker("volume", "ls", "--quiet")
    return found


async def test_a_folder_of_files_with_the_proxys_environment(engine, sandbox, folder) -> None:
    variables = {"ROUTE": "web", "LATER": "api", "SECRET": "two\nlines", "PATH_": "x"}
    found = await adapted(engine, sandbox, volumes=[mount(folder, "/etc/caddy")], environment=variables)
    assert (found.routes, found.broken, found.unseen) == ((("web", 3000),), "", "")
    assert [dial.address for dial in found.dials] == ["api:1"]
    assert found.listens == {80}


async def test_configs_another_place_and_what_is_not_there(engine, sandbox, folder) -> None:
    """One config is a file, one is given by value; a mount that is missing is left out, and so is a volume."""
    configs = [{"source": "main", "target": "/conf/sites"}, {"source": "snippet", "target": "/conf/teal.caddy"}]
    definitions = {"main": {"content": SITES.replace("{$ROUTE:none}", "api").replace("$", "$$")}}
    definitions["snippet"] = {"file": str(folder / "teal.caddy")}
    found = await adapted(
        engine,
        sandbox,
        {"configs": definitions, "volumes": {"data": {"name": f"{sandbox.stack}_data"}}},
        configs=configs,
        command=["sh", "-c", "caddy run --adapter=caddyfile --config /conf/sites"],
        volumes=[mount(folder / "nowhere", "/nowhere"), {"type": "volume", "source": "data", "target": "/data"}],
        user="1234",
    )
    assert (found.routes, found.broken, found.unseen) == ((("api", 3000),), "", "")


async def test_a_configuration_in_json_is_read_as_it_is(engine, sandbox, tmp_path) -> None:
    text = '{"apps": {"http": {"servers": {"a": {"listen": [":8080"],\n "trusted_proxies": {"source": "static"}}}}}}\n'
    (tmp_path / "caddy.json").write_text(text, encoding="utf-8")
    command = ["caddy", "run", "--config", "/etc/caddy/caddy.json"]
    found = await adapted(engine, sandbox, volumes=[mount(tmp_path, "/etc/caddy")], command=command)
    assert found == Adapted(listens=frozenset({8080}), trusts=True)


async def test_what_caddy_does_not_accept_is_said_in_its_words(engine, sandbox, folder) -> None:
    (folder / "teal.caddy").unlink()
    found = await adapted(engine, sandbox, volumes=[mount(folder, "/etc/caddy")])
    assert found == Adapted(broken="File to import not found: teal.caddy, at /etc/caddy/Caddyfile:1")


async def test_an_image_that_is_not_there_is_said_and_one_without_caddy_too(engine, sandbox) -> None:
    found = await adapted(engine, sandbox, image="caddy:never-was")
    assert found == Adapted(unseen="the image caddy:never-was is not there yet")
    found = await adapted(engine, sandbox, image="python:3.13-slim")
    assert "caddy" in found.unseen
    assert (found.broken, found.routes) == ("", ())


@pytest.mark.parametrize(
    ("service", "words"),
    [
        ({}, "caddy adapt --config /etc/caddy/Caddyfile"),
        ({"command": ["caddy", "run"]}, "caddy adapt"),
        ({"command": ["caddy", "run", "-c", "/x", "-a", "nginx"]}, "caddy adapt --config /x --adapter nginx"),
        ({"entrypoint": ["sh", "-c"], "command": ["exec caddy run --config=/x"]}, "caddy adapt --config /x"),
        ({"command": ["caddy", "run", "--config", "/x.json"]}, "cat /x.json"),
    ],
)
def test_the_command_that_prints_the_configuration_is_that_which_runs_it(service: dict[str, Any], words: str) -> None:
    assert " ".join(adapt_words(service)) == words

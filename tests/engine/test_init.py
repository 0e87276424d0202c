"""`teal init --write` on a real folder: what it changes is accepted by Compose, by Caddy and by `teal check`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.engine.teal import Teal

pytestmark = pytest.mark.engine
COMPOSE = """\
# my stack
services:
  gate:
    image: caddy:2.11   # the door
    restart: unless-stopped
    ports: ["18080:80"]
    volumes: ["./Caddyfile:/etc/caddy/Caddyfile:ro", "certs:/data"]
  web: {image: "python:3.13-slim", restart: unless-stopped, healthcheck: {test: [CMD, "true"]}}
volumes: {certs: {}}
"""
CADDYFILE = """\
# mine
{
\tadmin localhost:2019
}
:80 {
\tencode gzip # small
\treverse_proxy web:3000 {
\t\theader_up X-Real-IP {remote_host}
\t}
}
"""


@pytest.fixture
def teal(tmp_path: Path) -> Teal:
    folder = tmp_path / "door"
    (tmp_path / "home").mkdir()
    folder.mkdir()
    (folder / "compose.yml").write_text(COMPOSE, encoding="utf-8")
    (folder / "Caddyfile").write_text(CADDYFILE, encoding="utf-8")
    return Teal(folder, tmp_path / "home")


def test_init_prints_what_a_caddy_lacks_and_writes_it_when_it_is_told_to(teal: Teal) -> None:
    seen = teal.run("init").result
    assert "+\timport teal web 3000 {" in seen["diff"]
    assert not seen["applied"]
    assert (teal.folder / "Caddyfile").read_text() == CADDYFILE
    assert (teal.folder / "compose.yml").read_text() == COMPOSE
    assert not (teal.folder / "teal.caddy").exists()

    assert teal.run("init", "--write").result["applied"]
    caddyfile = (teal.folder / "Caddyfile").read_text()
    for written, was in (
        ("\nimport teal.caddy\n", ""),
        ("\tmetrics\n", ""),
        ("import teal web 3000", "reverse_proxy web:3000"),
    ):
        assert caddyfile.count(written) == 1
        caddyfile = caddyfile.replace(written, was)
    assert caddyfile == CADDYFILE
    mounts = '"./teal.caddy:/etc/caddy/teal.caddy:ro", "${TEAL_HOME:-/var/lib/teal}/${COMPOSE_PROJECT_NAME:-'
    text = (teal.folder / "compose.yml").read_text()
    assert mounts in text
    assert [line for line in text.splitlines() if line not in COMPOSE.splitlines()] == [
        line for line in text.splitlines() if "volumes: [" in line
    ]

    checked = teal.run("check").result
    assert checked["ready"]
    assert {each["service"]: each["role"] for each in checked["roles"]} == {"gate": "shared", "web": "route"}
    assert teal.run("init", "--write").result["diff"] == ""

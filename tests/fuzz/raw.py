"""Fuzzes the owner's files through the real ``docker compose config``: slower, and so with fewer examples."""

from __future__ import annotations

import asyncio
import os

from hypothesis import strategies as st

from teal.adapters.compose.model import DockerModels
from teal.config.load import load
from teal.config.options import Options
from teal.core.checks.stack import problems
from tests.fuzz import files
from tests.fuzz.judging import Target, unchanged
from tests.fuzz.text import damaged, words

SHARE = 100  # one example here for so many of the others
_SOUND = """\
name: shop
services:
  web:
    image: web:1
    expose: ["3000"]
    environment: {GREETING: "${GREETING:-hello}", COST: "$$5"}
    depends_on: [db]
    volumes: ["media:/media", "./Caddyfile:/etc/c:ro"]
    stop_grace_period: 1m30s
    healthcheck: {test: [CMD, "true"], interval: 5s}
  db:
    image: redis:8
  proxy:
    image: caddy:2
    volumes: ["./Caddyfile:/etc/caddy/Caddyfile:ro"]
volumes:
  media:
"""
_OVERLAY = "services:\n  web:\n    environment: {COLOR: blue}\n    container_name: site\n"
_compose = damaged(st.just(_SOUND))
_written = st.one_of(_compose, files._model.map(files.yaml), words, st.binary(max_size=40))


def _read(example: tuple[str | bytes, str | bytes | None, str]) -> None:
    written, overlay, dotenv = example
    more = {} if overlay is None else {"compose__blue__yml": overlay}
    files._put(compose__yml="", Caddyfile=":80 {\n\timport teal web 3000\n}\n", __env=dotenv, **more)
    raw = written if isinstance(written, bytes) else written.encode("utf-8", "surrogatepass")
    (files.ROOT / "compose.yml").write_bytes(raw)
    known = {"PATH": os.environ["PATH"], "HOME": str(files.ROOT / "home"), "DOCKER_CONFIG": "/nowhere"}
    with unchanged(files.ROOT):
        problems(asyncio.run(load(Options(where=str(files.ROOT)), known, DockerModels())))


TARGET = Target(
    "Compose files, by Compose itself",
    st.tuples(
        _written,
        st.one_of(st.none(), damaged(st.just(_OVERLAY)), st.binary(max_size=20)),
        st.one_of(st.just(""), st.just("GREETING=two words\n"), damaged(st.just("COMPOSE_PROJECT_NAME=shop\nA='b'\n"))),
    ),
    _read,
)

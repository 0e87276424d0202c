"""A way back that needs none of today's files: the stack as the latest kept release remembers it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from teal.adapters.compose.model import DockerModels
from teal.adapters.state.releases import ReleaseFolders
from teal.config.files import project_name
from teal.config.options import Options, Overrides
from teal.config.settings import again
from teal.core.model.migrations import DatabaseAt, Migrations, Phase
from teal.core.model.release import Rendered, snapshot
from teal.core.model.side import Side
from teal.core.model.stack import CommandCheck, Hook, HttpCheck, Settings
from tests.unit.worlds import STACK, release


def test_a_kept_release_remembers_its_stack(tmp_path: Path) -> None:
    stack = replace(
        STACK,
        checks=(HttpCheck("web", "/health"), CommandCheck("api", ("true",))),
        hooks=(Hook("pre-switch", ("./look", "twice")),),
        settings=Settings(drain_timeout=7.0, retire="keep"),
        migrations=Migrations(
            service="api",
            commands={Phase.EXPAND: ("sh", "-c", "expand"), Phase.CONTRACT: ("contract",)},
            database=DatabaseAt("db", "api", "DATABASE_URL"),
            contract_delay=60.0,
        ),
    )
    folders = ReleaseFolders(tmp_path)
    empty = Rendered("shop-blue", Side.BLUE, {}, (), (), {})
    folders.keep(replace(release(3, Side.BLUE), stack=snapshot(stack)), {Side.BLUE: empty}, empty)
    (found,) = folders.all()
    assert found.stack is not None
    assert found.stack.as_stack == stack


def test_a_release_that_an_older_teal_kept_is_read(tmp_path: Path) -> None:
    folders = ReleaseFolders(tmp_path)
    empty = Rendered("shop-blue", Side.BLUE, {}, (), (), {})
    folders.keep(replace(release(3, Side.BLUE), stack=snapshot(STACK)), {Side.BLUE: empty}, empty)
    record = tmp_path / "3" / "release.json"
    written = json.loads(record.read_bytes())
    del written["remembered"]["migrations"]
    record.write_text(json.dumps(written))
    (found,) = folders.all()
    assert found.stack == snapshot(STACK)


@pytest.mark.parametrize(
    ("text", "env", "name"),
    [
        ("name: tale\nservices: {}\n", "", "tale"),
        ("name: 'tale' # said\n", "", "tale"),
        ("services: {}\n", "", "my_shop-2"),
        ("services: [broken", "", "my_shop-2"),
        ("name: ${WHO}\n", "", ""),
        ("name: tale\n", "COMPOSE_PROJECT_NAME=other\n", "other"),
    ],
)
def test_the_project_is_known_without_asking_compose(tmp_path: Path, text: str, env: str, name: str) -> None:
    folder = tmp_path / "My_Shop-2!"
    folder.mkdir()
    (folder / "compose.yml").write_text(text)
    (folder / ".env").write_text(env)
    assert project_name(Options(where=str(folder)), {}, DockerModels()) == name
    assert project_name(Options(where=str(folder), project="mine"), {}, DockerModels()) == "mine"


def test_what_option_and_environment_say_now_beats_what_was_kept() -> None:
    kept = Settings(health_timeout=60.0, drain_timeout=7.0, keep_releases=5, retire="keep")
    now = again(kept, Overrides(drain_timeout="1m"), {"HEALTH_CHECK_TIMEOUT": "5m"})
    assert now == Settings(health_timeout=300.0, health_asked=True, drain_timeout=60.0, keep_releases=5, retire="keep")

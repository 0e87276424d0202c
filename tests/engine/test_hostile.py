"""Hostile names and values on the real engine: a word stays one word, whatever is in it, and no shell ever sees it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from teal.core.model.release import to_json
from tests.engine.sandbox import docker
from tests.engine.stack import copy_stack
from tests.engine.test_cli import SNIPPET, Mini

pytestmark = pytest.mark.engine
HOSTILE = {
    "SPACES": "  two  words  ",
    "QUOTES": """it's "quoted" `id` \\ back""",
    "LINES": "one\ntwo\n\tthree",
    "SHELL": "$(touch owned); ${HOME} && rm -rf $PWD | tee owned #",
    "DASHES": "--rm -v /:/host --privileged",
    "UNICODE": "Ünïcödé 😀 \u202eevil \ufeff",
    "LONG": "x" * 65536,
}


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mini]:
    """The mini stack in a checkout and with a state directory whose names want to be taken for something else."""
    folder = tmp_path_factory.mktemp("hostile")
    checkout = folder / "a checkout; touch owned $(touch owned) 'x' \"y\" --rm ü"
    found = Mini(copy_stack("mini", checkout, WEB_REPLICAS="1"), folder / "a home $(touch owned) ü")
    found.home.mkdir()
    shutil.copy(SNIPPET, checkout)
    _plant(checkout)
    try:
        found.teal("deploy", "--quiet")
        yield found
    finally:
        found.remove()


def _plant(checkout: Path) -> None:
    """Give web hostile variables and labels, and the checkout hooks that receive hostile words."""
    values = {name: value.replace("$", "$$") for name, value in HOSTILE.items()}
    more = {"services": {"web": {"environment": values, "labels": {f"x.{k.lower()}": v for k, v in values.items()}}}}
    (checkout / "compose.override.yml").write_text(to_json(more), encoding="utf-8")
    words = ["sh", "-c", 'printf "%s\\n" "$@" > "$0"', "hook.txt", *list(HOSTILE.values())[:-1]]
    checks = [{"service": "web", "command": ["test", HOSTILE["SHELL"], "=", HOSTILE["SHELL"]]}]
    said = {"hooks": {"pre-deploy": [words, "echo shell > line.txt"]}, "checks": checks}
    (checkout / "teal.yml").write_text(to_json(said), encoding="utf-8")


def test_values_arrive_in_the_container_as_they_were_written(hostile: Mini) -> None:
    name = f"{hostile.stack.project}-blue-web-blue-1"
    (found,) = json.loads(docker("inspect", name))
    environment = dict(each.split("=", 1) for each in found["Config"]["Env"])
    assert {key: environment[key] for key in HOSTILE} == HOSTILE
    assert {key: found["Config"]["Labels"][f"x.{key.lower()}"] for key in HOSTILE} == HOSTILE
    assert found["HostConfig"]["Privileged"] is False


def test_the_words_of_a_hook_arrive_one_by_one_and_a_line_goes_to_the_shell(hostile: Mini) -> None:
    words = list(HOSTILE.values())[:-1]
    assert (hostile.stack.folder / "hook.txt").read_text(encoding="utf-8") == "".join(f"{word}\n" for word in words)
    assert (hostile.stack.folder / "line.txt").read_text() == "shell\n"


def test_no_shell_has_seen_any_of_it(hostile: Mini) -> None:
    root = hostile.home.parent
    assert list(root.rglob("owned")) == []
    assert docker("exec", f"{hostile.stack.project}-blue-web-blue-1", "ls", "/app").split() == ["app.py"]


def test_the_everyday_commands_work_there_too(hostile: Mini) -> None:
    argument = "$(touch owned) it's --rm"
    ended = hostile.teal("exec", "-T", "web", "python", "-c", "import sys; print(sys.argv[1:])", argument)
    assert ended.stdout == f"{[argument]!r}\n"
    assert hostile.teal("check").stdout.rstrip().endswith("ready to deploy")
    hostile.teal("deploy", "--quiet", GREETING="two 'words' $(id)")
    assert hostile.stack.get("/").text.startswith("two 'words' $(id) ")
    hostile.teal("rollback", "--quiet")
    assert hostile.stack.get("/").text.startswith("one ")


def test_a_release_whose_folder_was_made_a_link_is_not_written_through(hostile: Mini, tmp_path: Path) -> None:
    outside = tmp_path / "precious"
    outside.mkdir(mode=0o755)
    releases = hostile.home / hostile.stack.project / "releases"
    released = sorted(int(path.name) for path in releases.iterdir() if path.name.isdecimal())
    (releases / str(released[-1] + 1)).symlink_to(outside)
    hostile.teal("deploy", "--quiet", GREETING="three")
    assert list(outside.iterdir()) == []
    assert hostile.stack.get("/").text.startswith("three ")


@pytest.mark.parametrize("name", ["../../escape", "..", "/etc", "a b", "$(id)", "-rf", "Ünïcödé", "x" * 65536])
def test_a_project_name_that_leads_elsewhere_is_refused(hostile: Mini, name: str) -> None:
    for words in (("status",), ("rollback",), ("plan",)):
        ended = hostile.teal(f"--project-name={name}", *words, status=2)
        assert ended.stderr.startswith("✗ "), ended.stderr
        assert len(ended.stderr) < 2500
    assert not (hostile.home.parent / "escape").exists()

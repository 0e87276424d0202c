"""What Teal takes from `.env` files before Compose is asked is what Compose itself finds there."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from teal.adapters.compose.model import DockerModels
from teal.config.dotenv import plain
from teal.config.files import HEEDED, find
from teal.config.load import load
from teal.config.options import Options
from teal.core.model.compose import environment_of, services_in
from teal.core.model.side import Side
from teal.errors import ConfigError

pytestmark = pytest.mark.engine
ASKED = ("TEAL_HOME", "COMPOSE_FILE", "COMPOSE_PATH_SEPARATOR")
SERVICE = "services: {SERVICE: {image: none, environment: [TEAL_HOME, COMPOSE_FILE, COMPOSE_PATH_SEPARATOR]}}\n"


@dataclass(frozen=True)
class Written:
    """The `.env` files beside the Compose files and in a folder below, and how Compose is then called."""

    above: str
    below: str
    other: str
    within: str  # "" or the folder below
    variables: dict[str, str]
    options: tuple[str, ...]


words = st.sampled_from(["a", "/srv/x", "b c", "x-1", "é", "0", "", "ROOT/other.yml", "ROOT/compose.yml", "web"])
references = st.sampled_from(["$A", "${A}", "${NONE:-d}", "${NONE-}", "${A:+set}", "$$A", "\\$A", "${A", "$", "${B}"])
odd = st.sampled_from([" #note", "#note", "\\n", "\\t", "\\\\", '\\"', "\\'", "'", '"', "`", " ", "\t", "\\x41", "|"])
pieces = st.lists(st.one_of(words, words, references, odd), max_size=3).map("".join)
values = st.one_of(
    words,
    words.map("'{}'".format),
    words.map('"{}"'.format),
    pieces,
    pieces.map("'{}'".format),
    pieces.map('"{}"'.format),
    st.just('"two\nlines"'),
    words.map("{} # note".format),
    words.map('"{}" # note'.format),
    st.just("ROOT/compose.yml:ROOT/other.yml"),
    st.just("ROOT/compose.yml;ROOT/other.yml"),
)
names = st.sampled_from([*ASKED, "COMPOSE_PROJECT_NAME", "TEAL_HOME", "A", "B", "a.b-c"])
assignments = st.builds("{}{}{}{}".format, st.sampled_from(["", "", "export ", " "]), names, st.just("="), values)
lines = st.one_of(
    assignments,
    assignments,
    assignments,
    st.sampled_from(["", "# note", "A", "A: yaml", "A = spaced", "COMPOSE_PATH_SEPARATOR=;", "A B=c", "9=nine"]),
)
texts = st.builds(
    lambda begin, ending, many: begin + ending.join([*many, ""]),
    st.sampled_from(["", "", "", "\ufeff"]),
    st.sampled_from(["\n", "\n", "\n", "\r\n"]),
    st.lists(lines, max_size=5),
)
environments = st.fixed_dictionaries(
    {},
    optional={
        "TEAL_HOME": st.sampled_from(["/from/shell", ""]),
        "COMPOSE_PROJECT_NAME": st.sampled_from(["shell", ""]),
        "A": st.just("shell-a"),
        "COMPOSE_DISABLE_ENV_FILE": st.sampled_from(["1", "false"]),
        "COMPOSE_ENV_FILES": st.sampled_from(["ROOT/other.env", "ROOT/.env,ROOT/other.env"]),
    },
)
explicit = st.sampled_from([(), (), (), ("ROOT/other.env",), ("ROOT/.env", "ROOT/other.env")])
written = st.builds(Written, texts, texts, texts, st.sampled_from(["", "below"]), environments, explicit)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A stack in two files, and a folder below it."""
    folder = tmp_path_factory.mktemp("dotenv") / "stack"
    (folder / "below").mkdir(parents=True)
    (folder / "compose.yml").write_text(SERVICE.replace("SERVICE", "main"), encoding="utf-8")
    (folder / "other.yml").write_text(SERVICE.replace("SERVICE", "more"), encoding="utf-8")
    return folder


def put(root: Path, example: Written) -> tuple[Options, dict[str, str]]:
    """Write the files of *example*; return how it is called."""
    for path, text in ((".env", example.above), ("below/.env", example.below), ("other.env", example.other)):
        (root / path).write_bytes(text.replace("ROOT", str(root)).encode())
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    variables = {name: value.replace("ROOT", str(root)) for name, value in example.variables.items()}
    named = tuple(each.replace("ROOT", str(root)) for each in example.options)
    return Options(where=str(root / example.within), env_files=named), {**kept, **variables}


def compose(options: Options, environment: dict[str, str]) -> dict[str, Any] | None:
    """Return what Compose makes of it, None where it refuses."""
    argv = ["docker", "compose", *(word for file in options.env_files for word in ("--env-file", file))]
    known = {**environment, "PWD": options.where}
    ended = subprocess.run(
        [*argv, "config", "--format", "json"], cwd=options.where, env=known, capture_output=True, check=False
    )
    return json.loads(ended.stdout) if ended.returncode == 0 else None


def test_what_teal_takes_from_env_files_is_what_compose_finds(root: Path) -> None:
    seen = {"accepted": 0, "plain": 0}

    @settings(max_examples=70, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(written)
    def holds(example: Written) -> None:
        options, environment = put(root, example)
        model = compose(options, environment)
        if model is None:
            return
        found = find(options, environment, DockerModels())
        services = services_in(model)
        told = {name: value for each in services.values() for name, value in each["environment"].items()}  # type: ignore[attr-defined]
        expected = {name: value.replace("$$", "$") for name, value in told.items() if value is not None}
        assert {name: found.variables[name] for name in ASKED if name in found.variables} == expected
        assert (found.variables.get("COMPOSE_PROJECT_NAME") or "stack") == model["name"]
        assert {"main": "compose.yml" in names_of(found.files), "more": "other.yml" in names_of(found.files)} == {
            name: name in services for name in ("main", "more")
        }
        seen["accepted"] += 1
        seen["plain"] += plain((root / ".env").read_bytes(), HEEDED) is not None

    holds()
    assert seen["accepted"] > 30
    assert 10 < seen["plain"] < seen["accepted"]  # both ways of reading were taken


def names_of(files: tuple[Path, ...]) -> set[str]:
    return {file.name for file in files}


@pytest.fixture
def staged(root: Path) -> Iterator[Path]:
    """The stack whose `.env` names its files by a reference, below one whose own sets another variable."""
    (root / ".env").write_text("STAGE=more\nSEEN=above\n", encoding="utf-8")
    (root / "below" / ".env").write_text(f"STAGE=other\nCOMPOSE_FILE={root}/compose.yml:{root}/${{STAGE}}.yml\n")
    (root / "compose.blue.yml").write_text("services: {main: {labels: {seen: '${SEEN} ${STAGE}'}}}\n", encoding="utf-8")
    yield root
    (root / "compose.blue.yml").unlink()


def test_both_colors_are_read_with_the_variables_of_the_plain_stack(staged: Path) -> None:
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    options = Options(where=str(staged / "below"))
    stack = asyncio.run(load(options, kept, DockerModels()))
    assert {each.name for each in stack.services} == {"main", "more"}
    labels = services_in(stack.models[Side.BLUE])["main"]["labels"]
    assert labels == {"seen": "above other"}
    assert environment_of(services_in(stack.models[Side.PLAIN])["main"])["COMPOSE_FILE"].endswith("other.yml")


def test_a_file_that_compose_cannot_read_is_named_and_plain_ones_cost_nothing(root: Path) -> None:
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    (root / ".env").write_text("A='never closed\nTEAL_HOME=$A\n", encoding="utf-8")
    with pytest.raises(ConfigError, match=r"\.env: line \d: unterminated quoted value"):
        find(Options(where=str(root)), kept, DockerModels())
    secrets = "".join(f"KEY_{number}='a $ecret'\n" for number in range(2000))
    text = f'{secrets}PEM="-----BEGIN\nabc\n-----END"\nTEAL_HOME=/srv/teal\n'
    (root / ".env").write_text(text, encoding="utf-8")
    begun = time.process_time()
    assert find(Options(where=str(root)), {"PATH": ""}, DockerModels()).variables == {"TEAL_HOME": "/srv/teal"}
    assert time.process_time() - begun < 0.05

"""The one front to Compose: what it says where Docker, Compose or the stack's folder is missing, whoever asks."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from teal.adapters.compose.cli import DockerCompose
from teal.adapters.compose.model import DockerModels
from teal.errors import ConfigError, TealError, Unavailable
from teal.ports import Question

Ask = Callable[[str, Path], Awaitable[object]]


async def build(cwd: str, path: Path) -> object:
    return await DockerCompose((), cwd=cwd, environ={"PATH": str(path)}).build(("web",), on_line=lambda _: None)


async def read(cwd: str, path: Path) -> object:
    return await DockerModels().read(Question((), cwd, {"PATH": str(path)}))


async def read_at_once(cwd: str, path: Path) -> object:
    return DockerModels().read_at_once(Question((), cwd, {"PATH": str(path)}))


EVERYONE = (build, read, read_at_once)


def said(ask: Ask, cwd: str, path: Path) -> TealError:
    with pytest.raises(TealError) as raised:
        asyncio.run(ask(cwd, path))  # type: ignore[arg-type]
    return raised.value


def docker(folder: Path, script: str) -> Path:
    program = folder / "docker"
    program.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    program.chmod(0o755)
    return folder


def test_without_docker_everyone_says_the_same(tmp_path: Path) -> None:
    errors = [said(ask, str(tmp_path), tmp_path / "nowhere") for ask in EVERYONE]
    assert {(type(each), each.message, each.hint) for each in errors} == {
        (Unavailable, "there is no docker command", "install the Docker Engine with its Compose plugin")
    }


@pytest.mark.parametrize(
    "words",
    ["docker: 'compose' is not a docker command.", "Usage:  docker [OPTIONS] COMMAND", "unknown command: docker x"],
)
def test_without_compose_everyone_says_the_same(tmp_path: Path, words: str) -> None:
    path = docker(tmp_path, f'echo "{words}" >&2; exit 1')
    errors = [said(ask, str(tmp_path), path) for ask in EVERYONE]
    assert {(type(each), each.message, each.hint) for each in errors} == {
        (Unavailable, "docker has no Compose plugin", "install it, 2.24 or newer")
    }


def test_a_folder_that_is_gone_is_not_taken_for_a_missing_docker(tmp_path: Path) -> None:
    gone = str(tmp_path / "gone")
    for ask in (read, read_at_once):
        error = said(ask, gone, docker(tmp_path, "exit 0"))
        assert (type(error), error.message) == (ConfigError, f"the directory {gone} does not exist")


def test_the_file_that_is_no_yaml_is_named_where_compose_does_not(tmp_path: Path) -> None:
    path = docker(tmp_path, "echo 'yaml: line 3: did not find expected key' >&2; exit 1")
    question = Question((), str(tmp_path), {"PATH": str(path)}, broken=lambda: "compose.yml")
    with pytest.raises(ConfigError, match=r"compose\.yml: yaml: line 3"):
        DockerModels().read_at_once(question)

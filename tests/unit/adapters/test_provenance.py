"""Who gives a command, and what the checkout stands at, by a real repository."""

from __future__ import annotations

import asyncio
import os
import subprocess
import time
from pathlib import Path

import pytest

from teal.adapters.provenance import author, revision
from teal.core.report.values import Revision

ENVIRON = {"PATH": os.environ["PATH"], "HOME": "/nonexistent"}


def git(folder: Path, *words: str) -> str:
    named = ("-c", "user.name=x", "-c", "user.email=x@example.org")
    return subprocess.run(
        ["git", "-C", str(folder), *named, *words], env=ENVIRON, check=True, capture_output=True, text=True
    ).stdout.strip()


def found(folder: Path, **environ: str) -> Revision | None:
    return asyncio.run(revision(folder, {**ENVIRON, **environ}))


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    git(tmp_path, "init", "-q")
    (tmp_path / "compose.yml").write_text("services: {}\n")
    git(tmp_path, "add", "-A")
    git(tmp_path, "commit", "-qm", "fix checkout\n\nand more")
    return tmp_path


def test_the_commit_its_first_line_and_whether_files_differ(checkout: Path) -> None:
    seen = found(checkout)
    assert seen is not None
    assert (seen.commit, seen.subject, seen.changed) == (git(checkout, "rev-parse", "HEAD"), "fix checkout", False)
    assert seen.at == pytest.approx(time.time(), abs=60)
    (checkout / "compose.yml").write_text("services: {web: {}}\n")
    again = found(checkout)
    assert again is not None
    assert again.changed


def test_nothing_that_the_checkout_names_is_run(checkout: Path, tmp_path: Path) -> None:
    trap = tmp_path / "trap.sh"
    trap.write_text(f"#!/bin/sh\ntouch {tmp_path}/sprung\n")
    trap.chmod(0o755)
    for key in ("core.fsmonitor", "core.pager", "pager.log", "gpg.program", "diff.external", "core.sshCommand"):
        git(checkout, "config", key, str(trap))
    git(checkout, "config", "log.showSignature", "true")
    assert found(checkout) is not None
    assert not (tmp_path / "sprung").exists()


def test_without_a_repository_the_variables_of_continuous_integration_say_it(tmp_path: Path) -> None:
    assert found(tmp_path) is None
    assert found(tmp_path, GITHUB_SHA="a1b2c3") == Revision("a1b2c3")
    assert found(tmp_path, PATH="/nowhere") is None


@pytest.mark.parametrize(
    ("environ", "name", "by"),
    [
        ({"GITHUB_ACTOR": "octocat", "SUDO_USER": "runner"}, "octocat", "github"),
        ({"GITLAB_USER_LOGIN": "tanuki"}, "tanuki", "gitlab"),
    ],
)
def test_who_gives_the_command(environ: dict[str, str], name: str, by: str) -> None:
    assert (author(environ).name, author(environ).by) == (name, by)


def test_by_sudo_it_is_who_has_called_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SUDO_USER", "somebody")
    assert (author(dict(os.environ)).name, author({"SUDO_USER": "somebody"}).by) == ("somebody", "sudo")

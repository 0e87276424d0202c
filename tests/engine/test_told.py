"""What a deploy says of the difference to the release that serves, and what it asks a person first."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.engine.sandbox import docker, remove
from tests.engine.stack import Stack, copy_stack
from tests.engine.teal import TEAL, Teal

pytestmark = pytest.mark.engine
SNIPPET = Path(__file__).parents[2] / "src" / "teal" / "adapters" / "caddy" / "teal.caddy"


class Mini:
    """The smallest stack, with a file that its owner edits."""

    def __init__(self, stack: Stack, teal: Teal) -> None:
        self.stack, self.teal = stack, teal
        self.file = stack.folder / "compose.yml"

    def edit(self, old: str, new: str) -> None:
        text = self.file.read_text(encoding="utf-8")
        assert old in text
        self.file.write_text(text.replace(old, new), encoding="utf-8")

    def typed(self, *words: str, answer: str) -> tuple[int, str]:
        """Run a command in a terminal, where a person types *answer*; return its status and what stood there."""
        master, slave = os.openpty()
        env = self.teal.environment(TERM="dumb", NO_COLOR="1")
        process = subprocess.Popen(
            [str(TEAL), *words], cwd=self.stack.folder, env=env, stdin=slave, stdout=slave, stderr=slave
        )
        os.close(slave)
        os.write(master, answer.encode())
        seen = b""
        with suppress(OSError):  # EIO: the other end is closed
            while piece := os.read(master, 4096):
                seen += piece
        os.close(master)
        return process.wait(), seen.decode()


@pytest.fixture(scope="module")
def mini(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mini]:
    """The stack with release 1."""
    folder = tmp_path_factory.mktemp("told")
    stack = copy_stack("mini", folder / "mini")
    shutil.copy(SNIPPET, stack.folder)
    made = Mini(stack, Teal(stack.folder, folder / "home"))
    made.edit('BOOT_SECONDS: "${BOOT_SECONDS:-0}"', 'BOOT_SECONDS: "0", API_TOKEN: "planted-4711"')
    try:
        made.teal.run("deploy")
        yield made
    finally:
        made.teal.run("down", "--volumes", "--yes")
        tags = docker("images", "--format", "{{.Repository}}:{{.Tag}}", "--filter", f"reference=teal/{stack.project}/*")
        remove(tags, "rmi")
        stack.remove()


def test_what_differs_is_said_by_key_and_a_person_is_asked_before_it_goes(mini: Mini) -> None:
    assert mini.teal.run("diff").result["diff"]["changes"] == []
    mini.edit(', API_TOKEN: "planted-4711"', ', NEW_TOKEN: "planted-4712"')
    (mini.stack.folder / "app.py").open("a", encoding="utf-8").write("# edited\n")
    found = mini.teal.run("diff").result["diff"]
    told = [(each["service"], each["what"], each["key"], each["how"]) for each in found["changes"]]
    assert sorted(told) == [
        ("web", "file", "app.py", "changed"),
        ("web", "variable", "API_TOKEN", "removed"),
        ("web", "variable", "NEW_TOKEN", "added"),
    ]
    assert mini.teal.run("plan").result["changes"]["warnings"] == found["warnings"]
    status, screen = mini.typed("deploy", answer="\n")
    assert status == 130, screen
    assert "! web: the variable API_TOKEN is gone" in screen
    assert "Deploy it anyway? [y/N]:" in screen
    assert mini.teal.run("status").result["release"] == 1
    status, screen = mini.typed("deploy", answer="y\n")
    assert status == 0, screen
    assert mini.teal.run("status").result["release"] == 2
    assert "planted" not in screen
    both = mini.teal.run("diff", "1", "2")
    assert both.result["diff"]["changes"] == found["changes"]
    assert "planted" not in both.told


def test_without_a_terminal_it_is_a_warning_and_the_deploy_goes_on(mini: Mini) -> None:
    mini.edit('BOOT_SECONDS: "0", NEW_TOKEN: "planted-4712"', 'BOOT_SECONDS: "0"')
    mini.edit('      test: [CMD, "true"]\n      interval: 2s\n      start_period: 10s\n', "      disable: true\n")
    ended = mini.teal.run("deploy")
    warnings = [line["text"] for line in ended.lines if line.get("event") == "said" and line["kind"] == "warning"]
    assert warnings[-2:] == ["web: the variable NEW_TOKEN is gone", "worker: its healthcheck is gone"]
    assert [each["kind"] for each in ended.result["changes"]["warnings"]] == ["variable", "healthcheck"]
    assert any("since release" in line.get("text", "") for line in ended.lines)


def test_the_release_that_served_at_a_moment_comes_back(mini: Mini) -> None:
    runs = [run for run in mini.teal.run("history").result["runs"] if run["outcome"] == "done"]
    first = runs[-1]
    when = first["started"] + first["seconds"] + 0.9  # seconds of a moment are whole
    stamp = subprocess.run(
        ["date", "--utc", f"--date=@{int(when + 1)}", "+%Y-%m-%dT%H:%M:%SZ"], capture_output=True, text=True, check=True
    ).stdout.strip()
    ended = mini.teal.run("rollback", "--to", stamp, "--dry-run")
    assert (ended.result["outcome"], ended.result["release"]) == ("planned", 1)
    refused = mini.teal.run("rollback", "--to", "2020-01-01 10:00", status=1)
    assert refused.error["message"] == "no release served then, as far as the journal knows"

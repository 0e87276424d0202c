"""An application whose data have one writer: releases follow each other, and users wait and lose nothing.

One stack, in the order of the file. Its application fails where it meets another on its data, and leaves a word of it.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from tests.engine.stack import Stack, copy_stack
from tests.engine.teal import Teal

pytestmark = [pytest.mark.engine, pytest.mark.timeout(240)]
SNIPPET = Path(__file__).parents[2] / "src" / "teal" / "adapters" / "caddy" / "teal.caddy"
HELD = 29.0  # seconds: of a request that has waited for so long the proxy gives up, however slow the machine is


@dataclass
class Users:
    """What users met who never stopped asking: failures, the longest wait, who answered."""

    failed: list[str] = field(default_factory=list)
    waited_out: int = 0  # had waited for as long as the proxy keeps anybody
    longest: float = 0.0
    said: list[str] = field(default_factory=list)

    def add(self, text: str, status: int, took: float) -> None:
        """Count an answer that came after *took* seconds."""
        self.longest = max(self.longest, took)
        if status == 200:
            self.said.append(text.split()[0])
        elif took >= HELD:
            self.waited_out += 1
        else:
            self.failed.append(f"{status} {text} after {took:.1f} s")

    @property
    def told(self) -> str:
        """Return the figures in one line."""
        return f"{len(self.said)} answered, {self.waited_out} given up on, the longest wait {self.longest:.1f} s"


@dataclass
class Diary:
    """A copy of the stack and its Teal."""

    stack: Stack
    teal: Teal

    @contextmanager
    def users(self, many: int = 6) -> Iterator[Users]:
        """Let *many* users ask one request after the other while the block runs."""
        met, over = Users(), threading.Event()
        crowd = [threading.Thread(target=self._ask, args=(met, over)) for _ in range(many)]
        for each in crowd:
            each.start()
        try:
            yield met
        finally:
            time.sleep(0.5)
            over.set()
            for each in crowd:
                each.join(60)

    def _ask(self, met: Users, over: threading.Event) -> None:
        with httpx.Client(timeout=60, trust_env=False) as client:
            while not over.is_set():
                began = time.monotonic()
                try:
                    answer = client.get(self.stack.url + "/line")
                except httpx.TransportError as error:
                    met.failed.append(repr(error))
                    continue
                met.add(answer.text, answer.status_code, time.monotonic() - began)
                time.sleep(0.02)

    @property
    def met(self) -> bool:
        """Tell whether two have ever met on the data."""
        return (self.stack.folder / "data" / "two-at-once").exists()

    def lines(self) -> int:
        """Return how many requests were written down."""
        with sqlite3.connect(self.stack.folder / "data" / "diary.sqlite3") as book:
            found: tuple[int] = book.execute("SELECT count(*) FROM line").fetchone()
        return found[0]


@pytest.fixture(scope="module")
def diary(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Diary]:
    """The stack as it runs plainly."""
    folder = tmp_path_factory.mktemp("diary")
    home = folder / "home"
    stack = copy_stack("diary", folder / "stack", TEAL_HOME=str(home))
    (stack.folder / "teal.caddy").write_bytes(SNIPPET.read_bytes())
    (stack.folder / "data").mkdir()
    teal = Teal(stack.folder, home)
    try:
        stack.compose("up", "--detach", "--wait", "web", "proxy")
        yield Diary(stack, teal)
    finally:
        teal.run("down", "--yes")
        stack.remove()


def test_check_says_what_it_understood_and_refuses_nothing(diary: Diary) -> None:
    findings = diary.teal.run("check").result["findings"]
    (paused,) = [each["message"] for each in findings if "one process" in each["message"]]
    assert paused == (
        "one process alone may write /data of web (diary.sqlite3 lies in it): a deploy stops the old release before "
        "the new one starts, and holds requests meanwhile"
    )
    assert any("/app/app.py of web is read-only in a release" in each["message"] for each in findings)
    assert not [each for each in findings if each["level"] == "error"]


def test_it_is_adopted_and_deployed_again_and_rolled_back_without_a_lost_request(diary: Diary) -> None:
    before = diary.lines()
    with diary.users() as met:
        diary.teal.run("deploy", SAYS="two")
        diary.teal.run("deploy", SAYS="three")
        diary.teal.run("rollback")
    print(met.told)
    assert met.failed == []
    assert not diary.met
    assert [word for n, word in enumerate(met.said) if n == 0 or word != met.said[n - 1]][-1] == "two"
    assert diary.lines() - before == len(met.said)


def test_a_release_that_does_not_start_gives_the_data_back_to_the_old_one(diary: Diary) -> None:
    with diary.users() as met:
        error = diary.teal.run("deploy", status=1, MODE="broken", SAYS="never").error
    assert "the new version does not start" in error["detail"]
    assert met.failed == []
    assert not diary.met
    assert set(met.said) == {"two"}


@pytest.mark.parametrize("step", ["retire", "start", "switch"])
def test_a_kill_while_nobody_writes_is_healed_by_the_next_command(diary: Diary, step: str) -> None:
    with diary.users() as met:
        with diary.teal.running("deploy", SAYS=f"killed-{step}") as run:
            run.until_step(step)
            time.sleep(0.3)
        diary.teal.run("deploy", SAYS=f"after-{step}")
    print(met.told)
    assert met.failed == []
    assert not diary.met
    assert met.said[-1] == f"after-{step}"


def test_the_standby_color_cannot_be_started_beside_the_one_that_writes(diary: Diary) -> None:
    active = diary.teal.status()["active"]
    other = "green" if active == "blue" else "blue"
    error = diary.teal.run("restart", "--color", other, "--yes", "web", status=1).error
    assert "two releases must not run at once" in error["message"]
    assert not diary.met


def test_what_the_owner_has_said_is_not_remarked_again(diary: Diary) -> None:
    (diary.stack.folder / "teal.yml").write_text("strategy: recreate\n", encoding="utf-8")
    assert not [each for each in diary.teal.run("check").result["findings"] if "one process" in each["message"]]
    (diary.stack.folder / "teal.yml").write_text("safe_volumes: [data, logs]\n", encoding="utf-8")
    error = diary.teal.run("check", status=2).error
    assert error["message"] == "teal.yml: safe_volumes names logs, which no service mounts"
    (diary.stack.folder / "teal.yml").unlink()


def test_the_way_back_to_the_plain_stack_lets_no_two_meet_either(diary: Diary) -> None:
    with diary.users() as met:
        diary.teal.run("leave", "--yes", SAYS="plain")
    assert met.failed == []
    assert not diary.met
    assert met.said[-1] == "plain"

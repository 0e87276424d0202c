"""A stack whose Caddy still has the first snippet goes on under this Teal, unedited; what it can't know is refused.

One stack, in the order of the file.
"""

from __future__ import annotations

import shutil
import subprocess
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.engine.stack import Stack, copy_stack
from tests.engine.teal import TEAL, Teal

pytestmark = [pytest.mark.engine, pytest.mark.timeout(240)]
FIRST = Path(__file__).parents[1] / "caddy" / "first.caddy"


@dataclass
class Old:
    """A copy of the stack as it was prepared long ago, and its Teal."""

    stack: Stack
    teal: Teal

    @property
    def state(self) -> str:
        """Return the state file's line."""
        return (self.teal.home / self.stack.project / "proxy" / "state").read_text(encoding="utf-8")

    @contextmanager
    def users(self) -> Iterator[Counter[int]]:
        """Let a user ask without end while the block runs; yield how often each status came."""
        seen, over = Counter[int](), threading.Event()

        def ask() -> None:
            with httpx.Client(timeout=40, trust_env=False) as client:
                while not over.is_set():
                    seen[client.get(self.stack.url).status_code] += 1
                    time.sleep(0.02)

        thread = threading.Thread(target=ask)
        thread.start()
        try:
            yield seen
        finally:
            over.set()
            thread.join(60)


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Old]:
    folder = tmp_path_factory.mktemp("old")
    stack = copy_stack("mini", folder / "stack", TEAL_HOME=str(folder / "home"))
    shutil.copy(FIRST, stack.folder / "teal.caddy")
    teal = Teal(stack.folder, folder / "home")
    try:
        teal.run("deploy")
        yield Old(stack, teal)
    finally:
        (stack.folder / "teal.yml").write_text("", encoding="utf-8")
        teal.run("down", "--volumes", "--yes")


def test_it_is_deployed_and_rolled_back_as_ever(old: Old) -> None:
    with old.users() as seen:
        old.teal.run("deploy", GREETING="two")
        assert old.state == "green"
        old.teal.run("rollback")
        assert old.state == "blue"
    assert set(seen) == {200}


def test_check_says_what_it_lacks_and_what_that_costs(old: Old) -> None:
    findings = old.teal.run("check").result["findings"]
    (said,) = (each for each in findings if "its snippet is an older one" in each["message"])
    assert said["level"] == "note"
    assert said["remedy"].startswith("`teal snippet > teal.caddy`")
    assert "may be lost" in said["remedy"]


@pytest.mark.parametrize(("written", "words"), [("pages: 5s\n", ["deploy"]), ("", ["deploy", "--canary", "10%"])])
def test_what_it_does_not_know_is_refused_and_nobody_is_held(old: Old, written: str, words: list[str]) -> None:
    (old.stack.folder / "teal.yml").write_text(written, encoding="utf-8")
    with old.users() as seen:
        refused = old.teal.run(*words, status=1, GREETING="three")
        time.sleep(0.5)
    assert "the proxy runs an older snippet of Teal's" in refused.error["message"]
    assert "`teal snippet > teal.caddy`" in refused.error["hint"]
    assert set(seen) == {200}
    assert old.state == "blue"


def test_the_remedy_that_it_says_works_when_it_is_typed(old: Old) -> None:
    (old.stack.folder / "teal.yml").write_text("pages: 1s\n", encoding="utf-8")
    made = subprocess.run([TEAL, "snippet"], cwd=old.stack.folder, check=True, capture_output=True, text=True)
    (old.stack.folder / "teal.caddy").write_text(made.stdout, encoding="utf-8")
    old.stack.compose("exec", "-T", "proxy", "caddy", "reload", "--config", "/etc/caddy/Caddyfile")
    with old.users() as seen:
        old.teal.run("deploy", GREETING="three")
    assert set(seen) == {200}
    assert old.state.startswith("green.")

"""What real stacks broke: releases that fail in ways that only their owners would think of, and the way back."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.engine.registry import registry
from tests.engine.sandbox import docker, remove
from tests.engine.stack import Stack, copy_stack
from tests.engine.teal import Ended, Teal

pytestmark = pytest.mark.engine
SNIPPET = Path(__file__).parents[2] / "src" / "teal" / "adapters" / "caddy" / "teal.caddy"


@dataclass
class Hut:
    """A copy of the stack and its Teal."""

    stack: Stack
    teal: Teal

    def flag(self, name: str, *, up: bool = True) -> None:
        """Raise or lower a flag that every release sees at once."""
        path = self.stack.folder / "flag" / name
        path.touch() if up else path.unlink(missing_ok=True)

    def deploy(self, *words: str, status: int = 0, **more: str) -> Ended:
        """Deploy what the variables say, and lower the flag that its hook has raised."""
        ended = self.teal.run("deploy", *words, status=status, **more)
        self.flag("switching", up=False)
        return ended

    def lives(self, side: str) -> set[tuple[str, str]]:
        """Return the containers of a color that run, with the time of their start."""
        label = f"label=com.docker.compose.project={self.stack.project}-{side}"
        ids = docker("ps", "--quiet", "--filter", label).split()
        return {(each, docker("inspect", "--format", "{{.State.StartedAt}}", each)) for each in ids}

    def says(self) -> str:
        return self.stack.get("/").text


@pytest.fixture(scope="module")
def hut(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hut]:
    """The stack with release 1, adopted from a plain one."""
    folder = tmp_path_factory.mktemp("hut")
    stack = copy_stack("hut", folder / "hut")
    shutil.copy(SNIPPET, stack.folder)
    found = Hut(stack, Teal(stack.folder, folder / "home"))
    (folder / "home").mkdir()
    with (stack.folder / ".env").open("a", encoding="utf-8") as env:
        env.write(f"TEAL_HOME={folder / 'home'}\n")
    try:
        stack.compose("up", "--detach", "--build", "--wait", "cache", "web", "worker", "proxy")
        found.deploy()
        yield found
    finally:
        found.teal.run("down", "--volumes", "--yes")
        tags = docker("images", "--format", "{{.Repository}}:{{.Tag}}", "--filter", f"reference=teal/{stack.project}/*")
        remove(tags, "rmi")
        stack.remove()


def test_a_release_that_never_got_healthy_is_listed_as_that_and_offered_by_no_hint(hut: Hut) -> None:
    hut.deploy(status=1, MODE="broken", HEALTH_CHECK_TIMEOUT="3")
    (never,) = [each for each in hut.teal.status()["kept"] if each["release"] == 2]
    assert never["state"] == "never-served"
    assert "/web " in never["why"]
    hint = hut.teal.run("rollback", "99", status=1).error["hint"]
    assert hint == "kept releases besides the active one: 2 (never served)"
    assert "no earlier release to return to" in hut.teal.run("rollback", status=1).error["message"]


def test_a_release_that_was_aborted_right_after_its_switch_has_not_served(hut: Hut) -> None:
    aborted = hut.deploy(status=1, MODE="mute").error
    assert "after the switch green/web did not answer: asked 3 times in 15 s" in aborted["message"]
    assert aborted["hint"].startswith("users were on release 3 for 15 s, and are on blue again")
    assert "web" in aborted["detail"]
    done = hut.deploy(SAYS=" mended").result
    status = hut.teal.status()
    assert (done["release"], done["previous"], status["previous"]) == (4, 1, 1)
    assert [(each["release"], each["state"]) for each in status["kept"]] == [(4, "active"), (1, "served")]
    back = hut.teal.run("rollback").result
    hut.flag("switching", up=False)
    assert (back["release"], hut.says()) == (1, "one")


def test_a_rollback_that_failed_is_remembered_and_not_tried_again_unasked(hut: Hut) -> None:
    hut.deploy(SAYS=" again")
    hut.flag("break-one")
    failed = hut.teal.run("rollback", status=1, HEALTH_CHECK_TIMEOUT="3").error["message"]
    refused = hut.teal.run("rollback", status=1).error
    assert refused["message"] == f"the last rollback to release 1 failed: {failed}"
    assert "`teal rollback 1` tries it once more" in refused["hint"]
    status = hut.teal.status()
    assert (status["rollback"]["how"], status["rollback"]["reason"]) == ("failed", failed)
    assert hut.says() == "one again"
    hut.flag("break-one", up=False)
    assert hut.teal.run("rollback", "1").result["notes"][0] == refused["message"]
    assert hut.says() == "one"
    hut.flag("switching", up=False)


def test_an_image_that_is_not_there_is_pulled_and_where_it_can_not_be_the_kept_standby_stays(
    hut: Hut, tmp_path: Path
) -> None:
    standby, active = hut.deploy("--keep", SAYS=" kept").result, hut.teal.status()["active"]
    before = hut.lives("blue"), hut.lives("green")
    with registry(tmp_path) as place:
        images = {"HUT_WORKER": f"{place}/hut-worker:1", "HUT_MIGRATE": f"{place}/hut-migrate:1"}
        lost = {**images, "HUT_WORKER": "127.0.0.1:1/nowhere:1"}
        assert "build web and pull worker, migrate" in hut.teal.run("plan", **images).result["steps"]
        error = hut.deploy(status=1, **lost).error
        assert error["message"] == "the images of worker, migrate can't be pulled"
        refused = hut.deploy("--no-build", status=1, **images).error
        assert f"docker pull {images['HUT_WORKER']}" in refused["hint"]
        assert (hut.lives("blue"), hut.lives("green")) == before
        assert hut.teal.status()["rollback"] == {"release": 1, "how": "kept", "seconds": 0.5, "reason": ""}
        hut.deploy("--keep", **images)
    hut.teal.run("rollback")
    assert (standby["target"], hut.teal.status()["active"]) == (active, active)
    for image in images.values():
        docker("rmi", image)

"""What real stacks broke: releases that fail in ways that only their owners would think of, and the way back."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.engine.registry import registry
from tests.engine.sandbox import docker, remove
from tests.engine.stack import Stack, copy_stack, wait_until
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
        project = f"{self.stack.project}-{side}" if side else self.stack.project
        label = f"label=com.docker.compose.project={project}"
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
        stack.compose("up", "--detach", "--build", "--wait", "cache", "brain", "web", "worker", "proxy")
        found.deploy()
        yield found
    finally:
        found.teal.run("down", "--volumes", "--yes")
        tags = docker("images", "--format", "{{.Repository}}:{{.Tag}}", "--filter", f"reference=teal/{stack.project}/*")
        remove(tags, "rmi")
        stack.remove()


def cache(hut: Hut, show: str) -> str:
    """Return what the engine shows of the shared service whose healthcheck goes by ``hostname -i``."""
    return docker("inspect", "--format", show, f"{hut.stack.project}-cache-1")


def gets(hut: Hut, health: str) -> None:
    """Wait until the shared cache is of that *health*."""
    wait_until(lambda: cache(hut, "{{.State.Health.Status}}") == health, f"the cache is {health}")


def test_an_adoption_gives_no_shared_service_another_address(hut: Hut) -> None:
    assert set(json.loads(cache(hut, "{{json .NetworkSettings.Networks}}"))) == {f"{hut.stack.project}_default"}
    assert len(hut.stack.compose("exec", "cache", "hostname", "-i").split()) == 1
    assert cache(hut, "{{.State.Health.FailingStreak}} {{.State.Health.Status}}") == "0 healthy"
    assert hut.teal.status()["problems"] == []


def test_an_unhealthy_shared_service_is_named_and_refuses_a_deploy_of_what_waits_for_it(hut: Hut) -> None:
    other, before = f"{hut.stack.project}_other", hut.lives("blue")
    docker("network", "create", other)
    docker("network", "connect", other, f"{hut.stack.project}-cache-1")
    try:
        gets(hut, "unhealthy")
        said = "cache is unhealthy: its healthcheck says status 1: Could not connect to Redis"
        (problem,) = hut.teal.status()["problems"]
        assert problem.startswith(said)
        assert hut.teal.status()["shared"]["cache"]["health"] == "unhealthy"
        (finding,) = [each for each in hut.teal.run("check", status=1).result["findings"] if each["level"] == "error"]
        assert finding["message"].startswith(said)
        assert finding["message"].endswith("and web waits for it to be healthy (depends_on)")
        refused = hut.deploy(status=1, SAYS=" in vain")
        assert refused.error["message"] == finding["message"]
        assert (hut.lives("blue"), hut.lives("green")) == (before, set())
    finally:
        docker("network", "disconnect", other, f"{hut.stack.project}-cache-1")
        docker("network", "rm", other)
    gets(hut, "healthy")


def test_a_release_that_never_gets_healthy_is_told_early_explained_and_offered_by_no_hint(hut: Hut) -> None:
    began = time.monotonic()
    ended = hut.deploy(status=1, MODE="broken")
    assert time.monotonic() - began < 100  # of 180
    said = "GET / on port 8000 is answered with status 500: Something went wrong"
    assert [each for each in ended.lines if each.get("text", "").endswith(f"/web runs, and {said}")]
    assert "green/web has answered GET / on port 8000 with an error for 3" in ended.error["message"]
    assert "LookupError: no such table: ducks" in ended.error["detail"]
    assert ended.error["detail"].count('"GET / HTTP/1.1" 500') <= 2  # of some hundred
    (never,) = [each for each in hut.teal.status()["kept"] if each["release"] == 2]
    assert never["state"] == "never-served"
    assert never["why"] == ended.error["message"]
    hint = hut.teal.run("rollback", "99", status=1).error["hint"]
    assert hint == "kept releases besides the active one: 2 (never served)"
    assert "no earlier release to return to" in hut.teal.run("rollback", status=1).error["message"]


def test_a_release_that_was_aborted_right_after_its_switch_has_not_served(hut: Hut) -> None:
    aborted = hut.deploy(status=1, MODE="mute").error
    said = r"after the switch green/web did not answer: asked \d+ times in 1\d s, .*while blue answered within 0\.\d s"
    assert re.search(said, aborted["message"])
    assert re.match(r"users were on release 3 for 1\d s, and are on blue again", aborted["hint"])
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
    failed = hut.teal.run("rollback", status=1, HEALTH_CHECK_TIMEOUT="4").error["message"]
    assert "/web does not pass its probe after 4 s: GET / on port 8000: status 500: Something went" in failed
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


def test_leave_brings_the_images_of_the_active_release_and_asks_where_todays_files_say_otherwise(hut: Hut) -> None:
    hut.deploy(SAYS=" kept")
    had = hut.says()
    (hut.stack.folder / "version").write_text("bad", encoding="utf-8")
    hut.deploy(SAYS=" kept")
    assert hut.says() == "bad kept"
    hut.teal.run("rollback")
    name = f"{hut.stack.project}:latest"
    would = hut.teal.run("leave", "--dry-run").result
    assert would["differs"] == ["brain: environment SAYS", "web: environment SAYS"]
    assert f"give the names of the images back to those of release {would['previous']}: {name}" in would["steps"]
    refused = hut.teal.run("leave", status=1).error
    assert refused["message"].startswith("`leave` would change brain: environment SAYS; web: environment SAYS")
    assert hut.says() == had
    assert hut.teal.run("leave", SAYS=" kept").result["outcome"] == "done"
    assert (hut.says(), hut.teal.status()["active"]) == (had, None)
    before = hut.lives("")
    subprocess.run(
        ["docker", "compose", "up", "--detach", "--no-deps", "web", "brain", "worker"],
        cwd=hut.stack.folder,
        env=hut.teal.environment(SAYS=" kept"),
        check=True,
        capture_output=True,
    )
    assert hut.lives("") == before, "a plain up finds what it would make itself"
    (hut.stack.folder / "version").write_text("one", encoding="utf-8")


SIGN = """
import os, socket, sys, time
def redis(words):
    with socket.create_connection(("cache", 6379)) as cache:
        cache.send(words.encode() + b"\\r\\n")
        return cache.recv(99)
while sys.argv[1] == "give":
    redis("SET " + os.environ["SIGN"] + " up EX 60")
    time.sleep(1)
while b"up" not in redis("GET " + os.environ["SIGN"]):
    print("no worker yet", flush=True)
    time.sleep(0.5)
os.execvp("python", ["python", "-u", "/app.py"])
"""


def test_a_route_that_waits_for_a_worker_comes_up_on_an_empty_server_and_elsewhere_is_told_what_it_needs(
    hut: Hut,
) -> None:
    quiet = {"image": "python:3.13-slim", "init": True, "healthcheck": {"disable": True}, "stop_grace_period": "1s"}
    sign = {"SIGN": "${SIGN:-one}"}
    services = {
        "web": {"command": ["python", "-c", SIGN, "wait"], "environment": sign},
        "worker": {**quiet, "command": ["python", "-c", SIGN, "give"], "environment": sign},
        "clock": {**quiet, "command": ["sleep", "infinity"], "restart": "unless-stopped"},
    }
    (hut.stack.folder / "compose.override.yml").write_text(json.dumps({"services": services}), encoding="utf-8")
    hut.teal.run("down", "--yes")
    assert hut.deploy(HEALTH_CHECK_TIMEOUT="20").result["outcome"] == "done"
    assert hut.says() == "one"
    jobs = hut.deploy("--force").result["phases"]["hand-over"]
    assert 9.5 < jobs < 17, "worker and clock are watched for 10 s, side by side"
    error = hut.deploy(status=1, SIGN="two", HEALTH_CHECK_TIMEOUT="5").error
    assert "if web waits for worker, say so: `routes: {web: {needs: [worker]}}` in teal.yml" in error["hint"]
    assert "no worker yet  (" in error["detail"]
    (hut.stack.folder / "teal.yml").write_text("routes: {web: {needs: [worker]}}\n", encoding="utf-8")
    assert hut.deploy(SIGN="two").result["outcome"] == "done"


def test_what_an_older_teal_put_on_a_colors_networks_is_taken_off_by_the_deploy_that_retires_it(hut: Hut) -> None:
    names = [f"{hut.stack.project}-cache-1", f"{hut.stack.project}-proxy-1"]
    before = [docker("inspect", "--format", "{{.Id}} {{.State.StartedAt}}", each) for each in names]
    active = hut.teal.status()["active"]
    for each in names:
        docker("network", "connect", f"{hut.stack.project}-{active}_default", each)
    gets(hut, "unhealthy")
    warnings = [each for each in hut.teal.run("check").result["findings"] if each["level"] == "warning"]
    assert f"an older Teal put it on {active}'s networks" in "".join(each["remedy"] for each in warnings)
    done = hut.deploy("--force", SIGN="two").result
    assert "cache is unhealthy" in "".join(done["notes"])
    gets(hut, "healthy")
    test_an_adoption_gives_no_shared_service_another_address(hut)
    assert [docker("inspect", "--format", "{{.Id}} {{.State.StartedAt}}", each) for each in names] == before
    hut.teal.run("rollback")
    hut.flag("switching", up=False)
    assert hut.teal.status()["active"] == active

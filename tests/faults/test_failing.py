"""A release that fails costs nothing: the active color serves on, and the command says what failed and why."""

from __future__ import annotations

import re
import time

import pytest

from tests.faults.world import QUICK, World

pytestmark = [pytest.mark.engine, pytest.mark.load]
HEALTH_TIMEOUT = {"HEALTH_CHECK_TIMEOUT": "8"}


@pytest.mark.row("build")
def test_a_failed_build_shows_the_tools_own_words(tale: World) -> None:
    dockerfile = tale.stack.folder / "search" / "Dockerfile"
    tale.write("search/Dockerfile", dockerfile.read_text(encoding="utf-8") + "RUN echo no such duck >&2; exit 9\n")
    with tale.untouched():
        ended = tale.teal.run("deploy", status=1)
        assert ended.error["message"] == "the build of search failed"
        assert "no such duck" in ended.error["detail"]
        assert "exit code: 9" in ended.error["detail"]


@pytest.mark.row("build")
def test_a_missing_dockerfile_is_named(tale: World) -> None:
    tale.override(search={"build": {"context": ".", "dockerfile": "search/Nowhere"}})
    with tale.untouched():
        ended = tale.teal.run("deploy", status=1)
        assert "target search: failed to solve: failed to read dockerfile: open Nowhere" in ended.error["detail"]


@pytest.mark.row("unhealthy")
def test_a_service_that_never_gets_healthy_is_named_with_its_log(tale: World) -> None:
    tale.override(rag={"command": ["sh", "-c", "echo waiting for spring; exec sleep 100"]})
    with tale.untouched() as color:
        ended = tale.teal.run(*QUICK, status=1, **HEALTH_TIMEOUT)
        assert "/rag is still starting after 8 s: its healthcheck: status " in ended.error["message"], ended.error
        assert "waiting for spring" in ended.error["detail"]
        assert ended.error["hint"] == f"{color} still serves, untouched"
        assert not ended.error["message"].startswith(color)


@pytest.mark.row("exits")
def test_a_service_that_exits_at_once_ends_the_wait_at_once(tale: World) -> None:
    tale.override(rag={"command": ["sh", "-c", "echo the key is missing; exit 3"], "restart": "no"})
    with tale.untouched():
        began = time.monotonic()
        ended = tale.teal.run(*QUICK, status=1)
        assert "/rag exited with status 3" in ended.error["message"]
        assert "the key is missing" in ended.error["detail"]
        assert time.monotonic() - began < 90  # of 180


@pytest.mark.row("exits")
def test_a_crash_loop_ends_the_wait(tale: World) -> None:
    tale.override(search={"command": ["sh", "-c", "echo the index is gone; exit 4"]})
    with tale.untouched():
        ended = tale.teal.run(*QUICK, status=1)
        assert re.search(r"/search restarts in a loop \((status 4, )?\d restarts\)", ended.error["message"])
        assert "the index is gone" in ended.error["detail"]


@pytest.mark.row("exits")
def test_a_service_that_was_healthy_and_then_fell_is_seen_before_the_switch(tale: World) -> None:
    falling = "python main.py & sleep 5; echo out of luck; exit 5"
    tale.override(
        rag={"command": ["sh", "-c", falling], "restart": "no"},
        crawler={"environment": {"BOOT_SECONDS": "9"}},
    )
    with tale.untouched():
        ended = tale.teal.run(*QUICK, status=1)
        assert re.search(r"/rag exited with status 5, [5-9] s after its start", ended.error["message"])
        assert "out of luck" in ended.error["detail"]
        assert any(line.get("service") == "rag" and line["state"] == "healthy" for line in ended.lines)


@pytest.mark.row("unhealthy")
def test_a_hopeless_healthcheck_ends_the_wait_by_its_own_retries(tale: World) -> None:
    check = {"test": ["CMD-SHELL", "exit 1"], "interval": "1s", "retries": 2, "start_period": "1s", "timeout": "2s"}
    tale.override(graph_db={"healthcheck": check})
    with tale.untouched():
        began = time.monotonic()
        ended = tale.teal.run(*QUICK, status=1)
        assert "/graph-db " in ended.error["message"]
        assert "(its start_period and retries)" in ended.error["message"]
        assert "listening on port 3004" in ended.error["detail"]
        assert time.monotonic() - began < 90  # of 180


@pytest.mark.row("checks")
@pytest.mark.parametrize(
    ("check", "message"),
    [
        ("{route: platform, path: /nothing}", "check /nothing on {}/platform: status 404, not 200"),
        ("{service: rag, command: 'echo the ducks are off; exit 6'}", "in {}/rag ended with status 6"),
    ],
    ids=["http", "command"],
)
def test_a_check_that_fails_stops_the_deploy(tale: World, check: str, message: str) -> None:
    tale.write("teal.yml", f"checks: [{check}]\n")
    with tale.untouched() as color:
        ended = tale.teal.run(*QUICK, status=1)
        assert message.format("green" if color == "blue" else "blue") in ended.error["message"]
        assert "command" not in check or "the ducks are off" in ended.error["detail"]


@pytest.mark.row("checks")
def test_a_pre_switch_hook_that_fails_stops_the_deploy_and_the_failure_hook_hears_of_it(tale: World) -> None:
    hooks = "hooks:\n  pre-switch: ['echo not today; exit 7']\n  on-failure: ['echo $TEAL_COLOR > heard']\n"
    tale.write("teal.yml", hooks)
    tale.write("heard", "nothing")
    with tale.untouched() as color:
        ended = tale.teal.run(*QUICK, status=1)
        assert "hook pre-switch" in ended.error["message"]
        assert "not today" in ended.error["detail"]
        heard = (tale.stack.folder / "heard").read_text(encoding="utf-8").strip()
        assert heard == ("green" if color == "blue" else "blue")


@pytest.mark.row("exits")
def test_a_switch_that_the_proxy_does_not_confirm_is_taken_back(tale: World) -> None:
    """In the instant of the switch, after the last look at it, the new route is stopped; users wait, and go back."""
    with tale.untouched() as color:
        other = "green" if color == "blue" else "blue"
        ended = tale.ended_at("beside", f"docker stop --time 0 {tale.project}-platform-{other}", *QUICK)
        assert ended.status == 1
        assert f"after the switch {other}/platform did not answer: " in ended.error["message"]
        steps = [line["step"] for line in ended.lines if line.get("event") == "step-began"]
        assert steps[steps.index("confirm") :] == ["confirm", "settle", "drain", "clear", "settle"]
        tale.went_back(color)

"""Services that misbehave in less common ways, images that can't be had: the gate says so, the active color serves."""

from __future__ import annotations

import json
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.faults.by_hand import standby
from tests.faults.world import EACH, QUICK, SERVICES, World

pytestmark = [pytest.mark.engine, pytest.mark.load]
UNHEALTHY, EXITS, MEMORY, BUILD = (pytest.mark.row(name) for name in ("unhealthy", "exits", "memory", "build"))
LISTENING = "python main.py"


@UNHEALTHY
@pytest.mark.long
def test_a_service_that_flaps_is_through_the_gate_or_named_and_never_half(tale: World) -> None:
    """Healthy for a look, then not, and so on: its own retries make it unhealthy, or it passes when all do."""
    flapping = ["CMD-SHELL", "test $(( $(date +%s) / 3 % 2 )) = 0"]
    check = {"test": flapping, "interval": "1s", "retries": 1, "start_period": "1s", "timeout": "2s"}
    tale.override(graph_db={"healthcheck": check})
    before = tale.active
    with tale.teal.running(*QUICK, HEALTH_CHECK_TIMEOUT="40") as run:
        ended = run.end()
    assert ended.status in {0, 1}, ended.told
    assert (tale.active != before) == (ended.status == 0)
    if ended.status == 1:
        assert "/graph-db " in ended.error["message"]
    tale.whole()


@UNHEALTHY
@pytest.mark.long
def test_a_healthcheck_that_hangs_ends_the_wait_by_its_own_retries(tale: World) -> None:
    check = {"test": ["CMD-SHELL", "sleep 600"], "interval": "1s", "retries": 2, "start_period": "1s", "timeout": "2s"}
    tale.override(graph_db={"healthcheck": check})
    with tale.untouched():
        began = time.monotonic()
        ended = tale.teal.run(*QUICK, status=1)
        assert "/graph-db " in ended.error["message"]
        assert "its healthcheck" in ended.error["message"]
        assert time.monotonic() - began < 90  # of 180


@UNHEALTHY
def test_without_a_healthcheck_staying_up_is_the_proof(tale: World) -> None:
    tale.override(graph_db={"healthcheck": {"disable": True}})
    before = tale.active
    ended = tale.teal.run(*QUICK)
    assert ended.result["phases"]["start"] >= 10
    assert tale.whole() != before


@UNHEALTHY
@pytest.mark.long
def test_without_a_healthcheck_one_that_falls_after_5_s_is_seen(tale: World) -> None:
    falls = ["sh", "-c", "sleep 5; echo out of luck; exit 5"]
    tale.override(graph_db={"healthcheck": {"disable": True}, "command": falls, "restart": "no"})
    with tale.untouched():
        ended = tale.teal.run(*QUICK, status=1)
        assert "/graph-db exited with status 5" in ended.error["message"]
        assert "out of luck" in ended.error["detail"]


@EXITS
def test_one_that_dies_right_after_the_switch_is_reported_at_once_with_the_way_back(tale: World) -> None:
    before = tale.active
    target = standby(before)
    tale.override(rag={"restart": "no"})
    tale.write("teal.yml", f"hooks:\n  post-switch: ['docker kill {tale.project}-rag-{target} || true']\n")
    with tale.away():
        ended = tale.teal.run(*QUICK, status=4)
        assert f"{target}/rag exited with status 137" in ended.error["message"]
        assert "after the switch" in ended.error["message"]
        assert "teal rollback" in ended.error["hint"]
        assert tale.active == target
        tale.teal.run("rollback")
    assert tale.whole() == before


@EXITS
@pytest.mark.long
def test_one_that_dies_between_the_gate_and_the_switch_stops_it(tale: World) -> None:
    target = standby(tale.active)
    tale.override(rag={"restart": "no"})
    tale.write("teal.yml", f"hooks:\n  pre-switch: [docker kill {tale.project}-rag-{target}]\n")
    with tale.untouched():
        ended = tale.teal.run(*QUICK, status=1)
        assert f"{target}/rag exited with status 137" in ended.error["message"]


@MEMORY
@pytest.mark.long
def test_one_that_is_killed_for_memory_is_named_so(tale: World) -> None:
    greedy = ["python", "-c", "print('hungry', flush=True); x = b'x' * 400_000_000; print('never')"]
    limits = {"resources": {"limits": {"memory": "64m"}}}
    tale.override(search={"command": greedy, "deploy": limits, "restart": "no", "init": False})
    with tale.untouched():
        ended = tale.teal.run(*QUICK, status=1)
        assert "/search " in ended.error["message"]
        assert "killed: out of memory" in ended.error["message"]
        assert "hungry" in ended.error["detail"]


def pulled(tale: World, image: str) -> None:
    """Let *search* come from a registry in place of being built."""
    lines = "\n".join(f"  {name}: {json.dumps(EACH)}" for name in sorted(SERVICES - {"search"}))
    search = f"  search: {{build: !reset null, image: '{image}', init: true}}"
    tale.write("compose.override.yml", f"services:\n{lines}\n{search}\n")


@BUILD
def test_an_image_that_can_not_be_pulled_is_said_in_the_tools_own_words(tale: World) -> None:
    pulled(tale, "127.0.0.1:9/nobody/nothing:1")
    with tale.untouched():
        ended = tale.teal.run("deploy", status=1)
        assert "the images of search can't be pulled" in ended.error["message"]
        assert "127.0.0.1:9" in ended.error["detail"]


@contextmanager
def registry_that_hangs() -> Iterator[int]:
    """Yield the port of something that takes connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield int(server.getsockname()[1])


@BUILD
@pytest.mark.long
def test_a_registry_that_hangs_is_left_by_ctrl_c(tale: World) -> None:
    with registry_that_hangs() as port:
        pulled(tale, f"127.0.0.1:{port}/nobody/nothing:1")
        with tale.untouched(), tale.teal.running("deploy") as run:
            run.until(lambda line: line.get("state") == "pulling", "the pull")
            time.sleep(2)
            run.send(signal.SIGINT)
            assert run.end(within=30).status == 130

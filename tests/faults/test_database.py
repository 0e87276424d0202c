"""The database restarts, or dies, while a deploy works: the gate decides, and the outcome is a whole color."""

from __future__ import annotations

import pytest

from tests.faults.by_hand import crash, name_of, standby, told, wait_healthy
from tests.faults.world import QUICK, World

pytestmark = [pytest.mark.engine, pytest.mark.load, pytest.mark.row("database")]
CASES = [
    pytest.param(step, marks=() if step == "start" else pytest.mark.long)
    for step in ("start", "create", "check", "drain", "retire")
]


@pytest.mark.parametrize("step", CASES)
def test_a_database_that_restarts_during_a_deploy(tale: World, step: str) -> None:
    before = tale.active
    with tale.teal.running(*QUICK, BOOT_SECONDS="2", HEALTH_CHECK_TIMEOUT="60") as run, tale.away("db"):
        run.until_step(step)
        crash(tale, "db")
        ended = run.end()
    assert ended.status in {0, 1}, ended.told
    assert (tale.active != before) == (ended.status == 0)
    wait_healthy(tale, "db")
    tale.whole()


@pytest.mark.long
def test_a_database_that_somebody_has_stopped_is_named_and_started_by_the_next_deploy(tale: World) -> None:
    before = tale.active
    with tale.away("db"):
        tale.stack.docker("stop", "--time", "20", name_of(tale, "db"))
        assert "shared services that do not run: db" in told(tale)
        ended = tale.teal.run(*QUICK)
        assert any(line.get("service") == "db" and line["state"] == "healthy" for line in ended.lines)
    assert tale.whole() == standby(before)


@pytest.mark.long
def test_a_database_that_does_not_come_back_ends_the_deploy_at_the_gate(tale: World) -> None:
    before = tale.active
    with tale.away("db"):
        with tale.teal.running(*QUICK, BOOT_SECONDS="3", HEALTH_CHECK_TIMEOUT="12") as run:
            run.until_service("starting")
            tale.stack.docker("stop", "--time", "20", name_of(tale, "db"))
            ended = run.end()
        assert ended.status == 1, ended.told
        assert "is still starting after 12 s" in ended.error["message"]
        assert tale.active == before
        tale.teal.run("up", "--yes")
    assert tale.whole() == before

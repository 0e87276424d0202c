"""Killed at any instant: users notice nothing, ``status`` says what was interrupted, the next command heals it."""

from __future__ import annotations

import signal
import time

import pytest

from tests.faults.world import QUICK, World

pytestmark = [pytest.mark.engine, pytest.mark.load, pytest.mark.row("killed")]


def interrupted(tale: World, active: str, how: str) -> None:
    """Assert that ``status`` knows who serves and says what the next command will do."""
    status = tale.teal.status()
    assert status["active"] == active
    assert how in status["interrupted"], status
    assert status["lock"] is None


def test_killed_at_the_gate_the_lock_is_free_and_the_next_deploy_goes_through(tale: World) -> None:
    before = tale.active
    life = tale.life(before)
    with tale.teal.running(*QUICK, BOOT_SECONDS="4") as run:
        run.until_service("starting")
        second = tale.teal.run(*QUICK, status=3)
        assert f"(pid {run.process.pid}) works on this stack" in second.error["message"]
        assert tale.teal.status()["lock"]["pid"] == run.process.pid
        run.send(signal.SIGKILL)
        run.end()
    interrupted(tale, before, "before its switch")
    assert tale.life(before) == life
    ended = tale.teal.run(*QUICK)
    assert "interrupted before its switch: undone" in ended.result["healed"]
    assert tale.whole() != before


@pytest.mark.parametrize("point", ["before:keep", "tagged", "before:create", "after:create", "before:switch", "beside"])
def test_killed_before_the_switch_cleanup_undoes_it(tale: World, point: str) -> None:
    with tale.untouched() as color:
        tale.killed_at(point, *QUICK)
        interrupted(tale, color, "before its switch")
        assert "undone" in tale.teal.run("cleanup").result["healed"]
    assert tale.tags() == tale.kept()


@pytest.mark.parametrize("point", ["done:switch", "after:switch", "before:settle"])
def test_killed_after_the_switch_the_next_command_finishes(tale: World, point: str) -> None:
    before = tale.active
    tale.killed_at(point, *QUICK)
    after = tale.active
    assert after != before
    interrupted(tale, after, "after its switch")
    assert "interrupted after its switch: finished" in tale.teal.run("cleanup").result["healed"]
    assert tale.whole() == after


@pytest.mark.parametrize("step", ["drain", "retire"])
def test_killed_in_the_drain_or_while_retiring_a_rollback_heals_first(tale: World, step: str) -> None:
    before = tale.active
    release = tale.release_on(before)
    with tale.teal.running(*QUICK) as run:
        run.until_step(step)
        time.sleep(0.3)
        run.send(signal.SIGKILL)
        run.end()
    assert tale.active != before
    interrupted(tale, tale.active, "after its switch")
    ended = tale.teal.run("rollback")
    assert "finished" in ended.result["healed"]
    assert str(ended.result["release"]) == release
    assert tale.whole() == before


@pytest.mark.parametrize("point", ["before:switch", "done:switch"])
def test_a_killed_rollback_is_repeated(tale: World, point: str) -> None:
    tale.teal.run(*QUICK)
    before, wanted = tale.active, tale.teal.status()["rollback"]["release"]
    tale.killed_at(point, "rollback")
    switched = tale.active != before
    interrupted(tale, tale.active, "after its switch" if switched else "before its switch")
    ended = tale.teal.run("cleanup" if switched else "rollback")
    assert ("finished" if switched else "undone") in ended.result["healed"]
    assert tale.release_on(tale.whole()) == str(wanted)

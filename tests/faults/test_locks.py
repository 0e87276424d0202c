"""Many commands at once: one works, the others are refused at once by its name, and nobody waits for the dead."""

from __future__ import annotations

import json
import shutil
import signal
import time
from contextlib import ExitStack

import pytest

from tests.engine.teal import Running, Teal
from tests.faults.by_hand import standby
from tests.faults.world import QUICK, World

pytestmark = [pytest.mark.engine, pytest.mark.load, pytest.mark.row("locks")]
AT_ONCE = 30  # seconds: most of it goes into reading the files on a busy machine


def refused(tale: World, run: Running, *words: str) -> None:
    """Assert that ``teal WORDS`` is refused at once while *run* works, and says so; *run* stands still meanwhile."""
    run.send(signal.SIGSTOP)
    try:
        began = time.monotonic()
        ended = tale.teal.run(*words, status=3)
        assert f"(pid {run.process.pid}) works on this stack" in ended.error["message"], ended.told
        assert time.monotonic() - began < AT_ONCE
    finally:
        run.send(signal.SIGCONT)


@pytest.mark.parametrize("many", [3, pytest.param(10, marks=pytest.mark.long)])
def test_of_many_deploys_one_works_and_the_others_name_it(tale: World, many: int) -> None:
    before = tale.active
    with ExitStack() as stack:
        boot = str(2 * many)
        runs = [stack.enter_context(tale.teal.running(*QUICK, BOOT_SECONDS=boot)) for _ in range(many)]
        every = [run.end(within=180) for run in runs]
    won = [run for run, ended in zip(runs, every, strict=True) if ended.status == 0]
    assert len(won) == 1, [ended.status for ended in every]
    others = [ended for ended in every if ended.status == 3]
    assert len(others) == many - 1
    assert all(f"(pid {won[0].process.pid}) works on this stack" in ended.error["message"] for ended in others)
    assert tale.whole() != before


def test_whatever_else_is_begun_during_a_deploy_is_refused(tale: World) -> None:
    before = tale.active
    with tale.teal.running(*QUICK, BOOT_SECONDS="2") as run:
        run.until_service("starting")
        for words in (("rollback",), ("cleanup", "--yes"), ("leave", "--yes"), ("up", "--yes")):
            refused(tale, run, *words)
        ended = run.end()
    assert ended.status == 0, ended.told
    assert tale.whole() != before


@pytest.mark.long
def test_a_deploy_during_a_rollback_and_a_cleanup_is_refused(tale: World) -> None:
    tale.teal.run(*QUICK)
    before = tale.active
    with tale.teal.running("rollback") as run:
        run.until_step("start")
        refused(tale, run, *QUICK)
        assert run.end().status == 0
    assert tale.whole() != before
    with tale.untouched(), tale.teal.running("cleanup") as run:
        run.until_step("clear")
        refused(tale, run, *QUICK)
        assert run.end().status == 0


@pytest.mark.long
def test_two_checkouts_of_one_project_meet_the_same_lock_and_the_same_state(tale: World) -> None:
    before, other = tale.active, tale.stack.folder.with_name("checkout-2")
    shutil.copytree(tale.stack.folder, other, ignore=shutil.ignore_patterns("__pycache__", ".deployment-color"))
    second = Teal(other, tale.teal.home)
    try:
        with tale.teal.running(*QUICK, BOOT_SECONDS="8") as run:
            run.until_service("starting")
            ended = second.run(*QUICK, status=3)
            assert f"(pid {run.process.pid}) works on this stack" in ended.error["message"]
            assert second.status()["lock"]["pid"] == run.process.pid
            assert run.end().status == 0
        assert second.status()["active"] == tale.active == standby(before)
        assert second.run(*QUICK).result["source"] == standby(before)
        assert ".deployment-color says" in "".join(tale.teal.status()["problems"])
        tale.teal.run(*QUICK)
        assert tale.whole() == standby(before)
    finally:
        shutil.rmtree(other)


@pytest.mark.parametrize(
    "said",
    [
        pytest.param({"command": "deploy", "user": "ann", "host": "box", "pid": 1, "since": 1.0}, id="pid-lives-on"),
        pytest.param("\x00garbage", id="garbage", marks=pytest.mark.long),
    ],
)
def test_what_a_dead_holder_has_written_holds_nobody(tale: World, said: object) -> None:
    (tale.teal.home / tale.project / "lock").write_text(json.dumps(said), encoding="utf-8")
    with tale.untouched():
        assert tale.teal.status()["lock"] is None
        tale.teal.run("cleanup")


@pytest.mark.long
def test_what_a_killed_holder_has_started_holds_nobody(tale: World) -> None:
    """The lock is not handed on to the builder, or whatever else Teal had started."""
    dockerfile = tale.stack.folder / "search" / "Dockerfile"
    tale.write("search/Dockerfile", dockerfile.read_text(encoding="utf-8") + f"RUN sleep 15.{time.time_ns() % 10}\n")
    with tale.untouched():
        with tale.teal.running("deploy") as run:
            run.until(lambda line: "sleep 15" in line.get("text", ""), "the slow line of the Dockerfile")
            run.send(signal.SIGKILL)
            run.end()
        began = time.monotonic()
        tale.teal.run("cleanup")
        assert time.monotonic() - began < AT_ONCE


@pytest.mark.long
def test_a_holder_that_hangs_is_named_and_nobody_waits_for_it(tale: World) -> None:
    before = tale.active
    with tale.teal.running(*QUICK, BOOT_SECONDS="2") as run:
        run.until_service("starting")
        refused(tale, run, *QUICK)
        run.send(signal.SIGSTOP)
        assert tale.teal.status()["lock"]["pid"] == run.process.pid
        run.send(signal.SIGCONT)
        assert run.end().status == 0
    assert tale.whole() != before

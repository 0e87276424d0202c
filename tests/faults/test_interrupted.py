"""Ctrl-C, a CI that gives up, a terminal that hangs up: before the switch an abort, after it the deploy goes on."""

from __future__ import annotations

import signal
import time

import pytest

from tests.engine.teal import Ended
from tests.faults.world import QUICK, World

pytestmark = [pytest.mark.engine, pytest.mark.load, pytest.mark.row("signals")]
SLOW_BOOT = {"BOOT_SECONDS": "4"}
ASLEEP = "checks: [{service: rag, command: sleep 30}]\n"


def stopped(tale: World, ended: Ended, color: str) -> None:
    """Assert that the command says that it was stopped, and that the active *color* serves."""
    assert ended.status == 130, ended.told
    assert ended.error["message"].startswith("interrupted before")
    assert ended.error["hint"] == f"{color} still serves, untouched"
    assert tale.teal.run("history", "--limit", "1").result["runs"][0]["outcome"] == "interrupted"


def test_ctrl_c_during_the_build(tale: World) -> None:
    dockerfile = tale.stack.folder / "search" / "Dockerfile"
    tale.write("search/Dockerfile", dockerfile.read_text(encoding="utf-8") + f"RUN sleep 6{time.time_ns() % 10}\n")
    with tale.untouched() as color, tale.teal.running("deploy") as run:
        run.until(lambda line: "sleep 6" in line.get("text", ""), "the slow line of the Dockerfile")
        run.send(signal.SIGINT)
        stopped(tale, run.end(within=30), color)


@pytest.mark.parametrize("which", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_containers_are_created(tale: World, which: signal.Signals) -> None:
    with tale.untouched() as color, tale.teal.running(*QUICK) as run:
        run.until_step("create")
        run.send(which)
        stopped(tale, run.end(), color)


@pytest.mark.parametrize("which", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_at_the_gate(tale: World, which: signal.Signals) -> None:
    with tale.untouched() as color, tale.teal.running(*QUICK, **SLOW_BOOT) as run:
        run.until_service("starting")
        time.sleep(0.5)
        run.send(which)
        stopped(tale, run.end(), color)


def test_a_second_ctrl_c_does_not_break_the_undo(tale: World) -> None:
    with tale.untouched() as color, tale.teal.running(*QUICK, **SLOW_BOOT) as run:
        run.until_service("starting")
        run.send(signal.SIGINT)
        time.sleep(0.2)
        run.send(signal.SIGINT)
        stopped(tale, run.end(), color)


def test_sigterm_during_the_checks_ends_them(tale: World) -> None:
    tale.write("teal.yml", ASLEEP)
    with tale.untouched() as color, tale.teal.running(*QUICK) as run:
        run.until_step("check")
        time.sleep(0.5)
        run.send(signal.SIGTERM)
        stopped(tale, run.end(within=25), color)


def test_sighup_right_before_the_switch(tale: World) -> None:
    with tale.untouched() as color:
        stopped(tale, tale.ended_at("before:switch", signal.SIGHUP, *QUICK), color)


@pytest.mark.parametrize("point", ["done:switch", "before:confirm"])
def test_ctrl_c_right_after_the_switch_goes_forward(tale: World, point: str) -> None:
    before = tale.active
    ended = tale.ended_at(point, signal.SIGINT, *QUICK)
    forward(tale, ended, before)


@pytest.mark.parametrize(("step", "which"), [("drain", signal.SIGINT), ("retire", signal.SIGHUP)])
def test_a_signal_after_the_switch_does_not_stop_the_deploy(tale: World, step: str, which: signal.Signals) -> None:
    before = tale.active
    with tale.teal.running(*QUICK) as run:
        run.until_step(step)
        run.send(which)
        forward(tale, run.end(), before)


def forward(tale: World, ended: Ended, before: str) -> None:
    """Assert that the deploy went on to its end and says why it did."""
    assert ended.status == 0, ended.told
    assert ended.result["outcome"] == "done"
    assert "interrupted: finishing first what can't be left half done" in ended.result["notes"]
    assert tale.whole() != before


def test_a_deploy_goes_on_when_nobody_reads_its_output_any_more(tale: World) -> None:
    before = tale.active
    with tale.teal.running(*QUICK) as run:
        run.until_service("starting")
        run.deafen()
        ended = run.end()
    assert ended.status == 0, ended.told
    assert "outcome" not in ended.result  # nothing of it was read
    assert tale.whole() != before

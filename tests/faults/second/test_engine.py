"""The engine goes away in each phase of a deploy: with its containers, or alone (live-restore)."""

from __future__ import annotations

import signal
import time

import pytest

from tests.engine.teal import Ended
from tests.faults.second.pair import QUICK, Pair, go_on

pytestmark = [pytest.mark.engine, pytest.mark.load, pytest.mark.row("engine"), pytest.mark.timeout(400)]
PHASES = ("gate", "before:switch", "done:switch", "before:drain", "before:retire")
FOR_A_MINUTE = 60.0  # seconds


def healed(pair: Pair, ended: Ended) -> None:
    """Assert that the command has said what happened, and that the next one leaves one whole color, the other down."""
    assert ended.status in {0, 1, 4, 5}, ended.told
    assert "bug in Teal" not in ended.told
    if ended.status:
        assert ended.error["message"]
        assert ended.error["hint"]
    print(f"teal ended with {ended.status}: {ended.error.get('message') or ended.result.get('outcome')}")
    pair.machine_is_well()
    status = pair.world.teal.status()
    assert status["active"] == pair.world.active, status
    print(f"healed: {pair.world.teal.run('cleanup').result['healed'] or 'nothing to do'}")
    pair.world.whole()


def restarted(pair: Pair, phase: str, which: signal.Signals = signal.SIGTERM, command: tuple[str, ...] = QUICK) -> None:
    """Restart the engine while a command is at *phase*."""
    with pair.at(phase, *command) as run:
        pair.machine.restart(which)
        go_on(run)
        ended = run.end(within=200)
    healed(pair, ended)


def stopped(pair: Pair, phase: str, seconds: float) -> None:
    """Stop the engine while a deploy is at *phase*, which meets none for *seconds*."""
    with pair.at(phase, *QUICK) as run:
        pair.machine.stop()
        go_on(run)
        time.sleep(seconds)
        pair.machine.start()
        ended = run.end(within=200)
    healed(pair, ended)


@pytest.mark.parametrize("phase", ["gate", *(pytest.param(each, marks=pytest.mark.long) for each in PHASES[1:])])
def test_an_engine_that_restarts_alone_costs_nothing(pair: Pair, phase: str) -> None:
    pair.machine.configure(live_restore=True)
    restarted(pair, phase)


@pytest.mark.parametrize(
    "phase", ["done:switch", *(pytest.param(each, marks=pytest.mark.long) for each in PHASES if each != "done:switch")]
)
def test_an_engine_that_restarts_with_all_containers_brings_the_active_color_back(pair: Pair, phase: str) -> None:
    pair.machine.configure(live_restore=False)
    restarted(pair, phase)


@pytest.mark.long
@pytest.mark.parametrize("live", [True, False], ids=["alone", "with-all"])
@pytest.mark.parametrize("phase", ["before:switch", "done:switch", "before:retire"])
def test_a_rollback_outlives_the_restart_of_its_engine(pair: Pair, phase: str, live: bool) -> None:
    pair.machine.configure(live_restore=live)
    pair.world.teal.run(*QUICK)
    restarted(pair, phase, command=("rollback",))


def test_a_retired_color_stays_down_and_the_active_one_comes_back(pair: Pair) -> None:
    pair.machine.configure(live_restore=False)
    pair.world.teal.run(*QUICK)
    color = pair.world.whole()
    ids = {container["Id"] for container in pair.world.containers(color)}
    pair.machine.restart()
    pair.machine_is_well()
    assert pair.world.whole() == color
    assert {container["Id"] for container in pair.world.containers(color)} == ids
    assert pair.world.teal.status()["rollback"]["how"] == "stopped"


@pytest.mark.long
@pytest.mark.parametrize("phase", PHASES)
def test_an_engine_that_was_killed_and_comes_back(pair: Pair, phase: str) -> None:
    pair.machine.configure(live_restore=True)
    restarted(pair, phase, signal.SIGKILL)


@pytest.mark.long
def test_an_engine_that_was_killed_without_live_restore_leaves_all_down_until_a_deploy(pair: Pair) -> None:
    """The engine ends what it finds running as if a hand had stopped it, and `unless-stopped` means that, too."""
    pair.machine.configure(live_restore=False)
    pair.machine.restart(signal.SIGKILL)
    pair.twin.compose("up", "--detach", "--wait")
    began = time.monotonic()
    ended = pair.world.teal.run(*QUICK)
    pair.healing = time.monotonic() - began
    assert ended.result["outcome"] == "done"
    pair.world.whole()


@pytest.mark.parametrize(
    ("phase", "seconds"),
    [
        ("before:switch", 8.0),
        *(pytest.param(phase, each, marks=pytest.mark.long) for phase in PHASES for each in (20.0, FOR_A_MINUTE)),
    ],
)
def test_an_engine_that_is_away_alone(pair: Pair, phase: str, seconds: float) -> None:
    pair.machine.configure(live_restore=True)
    stopped(pair, phase, seconds)


@pytest.mark.long
@pytest.mark.parametrize("seconds", [20.0, FOR_A_MINUTE])
@pytest.mark.parametrize("phase", PHASES)
def test_an_engine_that_is_away_with_all_containers(pair: Pair, phase: str, seconds: float) -> None:
    pair.machine.configure(live_restore=False)
    stopped(pair, phase, seconds)

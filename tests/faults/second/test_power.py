"""The power fails while Teal works: users are back with the engine, and the next command heals."""

from __future__ import annotations

import signal

import pytest

from tests.faults.second.pair import QUICK, Pair

pytestmark = [pytest.mark.engine, pytest.mark.load, pytest.mark.row("power"), pytest.mark.timeout(300)]
LATER = ("gate", "before:create", "before:switch", "before:drain", "before:retire")


@pytest.mark.parametrize("point", ["done:switch", *(pytest.param(each, marks=pytest.mark.long) for each in LATER)])
def test_users_are_back_with_the_engine_and_the_next_command_heals(pair: Pair, point: str) -> None:
    with pair.at(point, *QUICK) as run:
        serves = pair.world.active
        run.send(signal.SIGKILL)
        run.end()
        pair.machine.power_cut()
    pair.machine_is_well()
    status = pair.world.teal.status()
    assert status["active"] == serves == pair.world.active
    assert status["interrupted"]
    assert status["lock"] is None
    assert "interrupted" in pair.world.teal.run("cleanup").result["healed"]
    assert pair.world.whole() == serves


@pytest.mark.long
def test_a_retired_color_stays_down_and_the_active_one_comes_back(pair: Pair) -> None:
    pair.world.teal.run(*QUICK)
    color = pair.world.whole()
    pair.machine.power_cut()
    pair.machine_is_well()
    assert pair.world.whole() == color
    pair.world.teal.run("rollback")
    assert pair.world.whole() != color

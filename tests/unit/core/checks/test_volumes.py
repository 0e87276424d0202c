"""What became shared by itself does not start beside a release of it."""

from __future__ import annotations

from dataclasses import replace

from teal.core.checks.volumes import settled
from teal.core.model.side import Side
from teal.core.model.stack import Evidence
from tests.unit.worlds import BLUE_7, PLAINLY, STACK, container


def test_what_runs_on_a_color_does_not_start_a_second_time_as_shared() -> None:
    stack = replace(STACK, evidence=Evidence(kept={"queue": "one writer's data in /data: its name says index"}))
    (found,) = settled(BLUE_7, stack)
    assert found.message == (
        "queue runs on blue, and would run a second time as a shared service: "
        "one writer's data in /data: its name says index"
    )
    assert "`strategy: recreate`" in found.remedy
    stopped = replace(BLUE_7, containers=(container("queue", Side.BLUE, 7, state="exited"),))
    assert not list(settled(stopped, stack))
    assert not list(settled(PLAINLY, stack))
    assert not list(settled(BLUE_7, STACK))

"""Measuring beside a deploy, in a world where users never stop: what it says is so, and nothing of it is in the way."""

from __future__ import annotations

from dataclasses import replace

import pytest

from teal.core.model.stack import Strategy
from teal.core.report.values import Report
from teal.run.api import DeployResult
from tests.simulated import MemoryReports, Process, Trouble
from tests.simulation.simulation import Simulation
from tests.simulation.stack import SETTINGS, stack_of

MEASURED = replace(SETTINGS, measure=True)


def served() -> Simulation:
    """Return a world in which release 1 serves, and users ask."""
    world = Simulation()
    world.stack = stack_of("a", MEASURED)
    world.run("deploy")
    world.users.flow()
    world.sleep(3)
    world.new_source("b")
    return world


def reports(world: Simulation) -> list[Report]:
    kept = MemoryReports(world.world, Process(world.world, "reader"))
    return [report for run in kept.runs() if (report := kept.read(run)) is not None]


def test_users_of_a_good_deploy_notice_nothing_and_are_all_counted() -> None:
    world = served()
    result = world.run("deploy").value
    assert isinstance(result, DeployResult)
    (first, report) = reports(world)
    assert first.release == 1
    assert report.users is not None
    assert (report.run, report.outcome, report.holes) == (2, "done", ())
    assert report.drained is not None
    cut = report.drained.cut_requests + report.drained.cut_websockets
    assert report.users.errors == world.users.counts["lost"] == cut > 0  # streams and WebSockets outlast the drain here
    every = sum(world.users.counts.values())
    assert 0 < report.users.requests < every
    assert set(report.prober) == {"web", "admin"}
    assert all(each.sent > 20 and not each.failed for each in report.prober.values())
    assert [users for _, users in report.switches] == ["green"]
    assert result.noticed is not None
    assert f"{report.users.requests:,} requests, {cut} failed" in result.noticed.said
    assert "cut when the drain was over" in result.noticed.said
    assert result.noticed.whole
    assert result.run == 2
    world.close()


@pytest.mark.parametrize("strategy", ["recreate"])
def test_what_is_held_meanwhile_is_told_with_its_length(strategy: Strategy) -> None:
    world = served()
    result = world.run("deploy", strategy=strategy).value
    report = reports(world)[-1]
    assert report.held is not None
    assert report.held > 1
    assert "new requests waited for" in result.noticed.said
    waited = [fault for fault in report.faults if fault.what == "waited"]
    assert sorted(fault.route for fault in waited) == ["admin", "web"]
    assert all(abs(each.seconds - report.held) < 1.0 for each in waited)
    world.close()


def test_a_deploy_that_fails_before_its_switch_says_that_nobody_was_moved() -> None:
    world = served()
    assert world.run("deploy", Trouble(38, "fail-before")).error is not None
    report = reports(world)[-1]
    assert (report.outcome, report.switches, report.live) == ("aborted", (), None)
    assert report.message
    world.close()


def test_where_it_is_off_nothing_is_asked_and_the_report_says_so() -> None:
    world = served()
    world.stack = stack_of("b", replace(MEASURED, measure=False))
    result = world.run("deploy").value
    report = reports(world)[-1]
    assert (report.measured, report.users, report.prober, report.series) == (False, None, {}, None)
    assert [phase.name for phase in report.phases][-1] == "settle"
    assert "not measured" in result.noticed.said
    world.close()


def test_a_deploy_that_changes_nothing_leaves_no_report() -> None:
    world = served()
    world.run("deploy")
    before = len(reports(world))
    result = world.run("deploy").value
    assert (result.outcome, result.noticed, len(reports(world))) == ("unchanged", None, before)
    world.close()


@pytest.mark.parametrize("at", range(1, 75, 9))
@pytest.mark.parametrize("kind", ["kill-before", "kill-after"])
def test_a_kill_costs_a_measured_deploy_no_more_than_another(at: int, kind: str) -> None:
    world = served()
    world.run("deploy", Trouble(at, kind))  # type: ignore[arg-type]
    world.run("deploy")
    world.run("status")
    world.promises.settled("deploy")
    assert world.promises.violations == []
    assert world.surprises == []
    world.close()


@pytest.mark.parametrize("at", range(1, 60, 6))
def test_what_can_not_be_measured_never_fails_a_deploy(at: int) -> None:
    """A look of the run itself that hangs or fails may end it; where it does not, the report is there."""
    world = served()
    result = world.run("deploy", Trouble(at, "late", seconds=3.0, look=True))
    assert result.error is None
    assert len(reports(world)) == 2
    world.close()


def test_a_rollback_is_counted_from_before_its_switch() -> None:
    world = served()
    world.run("deploy")
    world.sleep(30)
    result = world.run("rollback").value
    report = reports(world)[-1]
    assert (report.command, report.release, report.previous, report.holes) == ("rollback", 1, 2, ())
    assert report.users is not None
    assert report.users.colors.keys() == {"blue", "green"}
    assert report.live is not None
    assert report.users.since < report.live
    assert result.noticed.whole
    world.close()

"""A report of what was seen: the counts before, around and after; holes as holes; never larger than it may be."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest

from teal.core.model.counts import Counts
from teal.core.model.side import Side
from teal.core.model.units import Moment, Seconds
from teal.core.report.make import LARGEST, Flying, Reading, Took, make_report
from teal.core.report.seen import Probe
from teal.core.report.values import Report
from teal.core.report.words import noticed, six_lines
from tests.unit.core.report.runs import BEGAN, END, FACTS, MOMENT, color, seen


def test_what_both_witnesses_saw_is_in_it() -> None:
    report = make_report(FACTS, seen())
    assert report.users is not None
    assert (report.users.requests, report.users.errors) == (2050, 0)
    assert report.users.colors == {"blue": 1360, "green": 690}
    assert report.users.before is not None
    assert report.users.around is not None
    assert report.users.after is not None
    assert (report.users.before.requests, report.users.before.p95, report.users.before.max) == (1340, 0.01, 0.01)
    assert (report.users.around.requests, report.users.around.max) == (120, 0.05)
    assert report.users.after.requests == 590
    web = report.prober["web"]
    assert (web.sent, web.failed, web.pause, web.pause_before) == (104, {}, 0.041, 0.012)
    assert (report.live, report.seconds, report.holes) == (14.0, END, ())
    assert noticed(report) == "Users noticed nothing: 2,050 requests, 0 failed; longest pause 41 ms (before: 12 ms)."


def test_it_comes_back_as_it_was_written() -> None:
    report = make_report(FACTS, seen(errors=3))
    assert msgspec.json.decode(msgspec.json.encode(report), type=Report) == report


def test_the_columns_add_up_to_what_was_counted() -> None:
    report = make_report(FACTS, seen())
    assert report.series is not None
    assert sum(report.series.asked) == report.prober["web"].sent
    assert report.series.blue[5] == pytest.approx(100.0)
    assert report.series.green[17] == pytest.approx(100.0)
    assert len(report.series.slowest) == 22


@pytest.mark.parametrize("what", ["status 500", "refused", "cut"])
def test_a_fault_is_named_with_its_start_and_length_and_users_are_said_to_notice(what: str) -> None:
    report = make_report(FACTS, seen(failing=what, since=15.0, until=16.0))
    (fault,) = report.faults
    assert (fault.route, fault.what) == ("web", what)
    assert fault.since == pytest.approx(15.0, abs=0.3)
    assert fault.seconds == pytest.approx(1.0, abs=0.3)
    assert noticed(report).startswith("Users noticed: 2,050 requests, 0 failed; web: ")


def test_what_the_proxy_counted_as_failed_is_beside_what_failed_before() -> None:
    report = make_report(FACTS, seen(errors=3))
    assert "2,050 requests, 3 failed (0.15 %; before the switch 0.00 %)" in noticed(report)


def test_a_reload_of_the_proxy_is_a_hole_and_nothing_is_not_said() -> None:
    run = seen()
    run.readings[5] = Reading(run.readings[5].at, Counts(color(0), color(5)))
    run.readings[6:] = [Reading(BEGAN + at, Counts(color(0), color(5 + n))) for n, at in enumerate((19.0, 20.0, 20.9))]
    report = make_report(FACTS, run)
    (hole,) = report.holes
    assert (hole.witness, hole.since, hole.until) == ("proxy", 17.0, 18.0)
    assert "Users noticed nothing" not in noticed(report)
    assert any(line.startswith("Not measured ") and "reloaded or restarted" in line for line in six_lines(report))


def test_a_prober_that_stood_still_is_a_hole() -> None:
    run = seen()
    run.probes = [each for each in run.probes if not 16 < each.sent - MOMENT < 18]
    report = make_report(FACTS, run)
    assert [(hole.witness, round(hole.since), round(hole.until)) for hole in report.holes] == [("prober", 16, 18)]
    assert noticed(report).startswith("Nothing was seen to fail, but not all was measured")


def test_an_old_snippet_counts_nothing_and_the_report_says_why() -> None:
    run = seen()
    run.readings, run.uncounted = [], "the proxy's snippet is an older one that does not count"
    report = make_report(FACTS, run)
    assert report.users is None
    assert "their requests were not counted" in noticed(report)
    assert "the prober asked 104 times, 0 failed" in noticed(report)
    assert any("an older one that does not count" in line for line in six_lines(report))


def test_a_prober_that_got_nowhere_says_so() -> None:
    run = seen()
    run.probes, run.asking, run.unasked = (), None, "the proxy was not found"
    report = make_report(FACTS, run)
    assert [hole.why for hole in report.holes] == ["the proxy was not found"]
    assert "noticed nothing" not in noticed(report)


def test_a_run_that_moved_nobody_says_that_the_old_release_served() -> None:
    run = seen()
    run.moves = []
    report = make_report(FACTS, run)
    assert noticed(report) == "Users were not moved: release 41 served all the time."
    assert report.holes == ()


def test_of_a_first_deploy_nothing_is_asked_before_there_is_somebody_to_ask() -> None:
    run = seen()
    run.asking, run.readings = BEGAN + 14.3, run.readings[2:]
    run.probes = [each for each in run.probes if each.sent > MOMENT + 14.3]
    report = make_report(replace(FACTS, source=None, previous=None), run)
    assert report.holes == ()
    assert noticed(report).startswith("Users noticed nothing: nobody was served before; 590 requests, 0 failed")
    served = make_report(FACTS, run)
    assert {hole.witness for hole in served.holes} == {"prober", "proxy"}


def test_of_a_release_that_was_taken_back_its_own_drain_is_told() -> None:
    run = seen()
    run.steps.append(Took("drain", Side.GREEN, BEGAN + 18, 0.3))
    run.flying.append(Flying(BEGAN + 18.1, Side.GREEN, 2, 1))
    report = make_report(replace(FACTS, outcome="rolled-back"), run)
    assert report.drained is not None
    assert (report.drained.side, report.drained.seen) == (Side.GREEN, ((18.1, 2, 1),))


def test_a_long_run_with_many_routes_is_no_larger_than_it_may_be() -> None:
    run = seen()
    run.ended = BEGAN + 3 * 3600
    run.paths = {f"route-{n}": "/health" for n in range(12)}
    run.probes = [
        Probe(
            route, Moment(MOMENT + at / 2), Seconds(0.01 + at % 9 / 100), "refused" if at % 50 == 0 else "", 200, "blue"
        )
        for at in range(0, 6000, 2)
        for route in run.paths
    ]
    run.readings = [Reading(BEGAN + at, Counts(color(100 * at + at % 7), color(0))) for at in range(0, 10800, 5)]
    report = make_report(FACTS, run)
    assert len(msgspec.json.encode(report)) <= LARGEST
    assert report.series is not None
    assert len(report.prober) == 12

"""What a sample counts as around a switch: pure, by table."""

import math

import pytest

from proof.load.count import Limits, Switch, count, judge, latencies, percentile, summarize
from proof.load.sample import Action, Fault, Sample

LIMITS = Limits(grace=0.05, drain=30, websocket_drain=10)
FIRST, SECOND = Switch(0, "7", "blue"), Switch(100, "8", "green")
AND_BACK = (FIRST, SECOND, Switch(200, "7", "blue"))


def sample(
    begun: float, ended: float, release: str = "7", *, fault: Fault = Fault.NONE, code: int = 0, **more: object
) -> Sample:
    """Return a GET's sample; a WebSocket's if it has a close code or *more* says so."""
    color = {"7": "blue", "8": "green", "9": "blue"}.get(release, "")
    action = more.get("action", Action.WS if code else Action.GET)
    status = 101 if action is Action.WS else 200
    assert isinstance(action, Action)
    return Sample(
        action, "h1 kept", begun, ended, 0.001, 0.01, status, color, release, begun, fault=fault, code=code
    )  # fmt: skip


@pytest.mark.parametrize(
    ("begun", "ended", "release", "expected"),
    [
        (50, 50.1, "7", ""),
        (99.9, 103, "7", ""),  # in flight at the switch: the old one may answer
        (99.9, 103, "8", ""),  # held, then answered by the new one
        (100.04, 100.1, "7", ""),  # within the grace
        (100.06, 100.1, "7", "late"),
        (150, 150.1, "8", ""),
        (150, 150.1, "7", "late"),
        (150, 150.1, "6", "early"),  # never active: an aborted release answered
        (99, 99.5, "8", "early"),
        (99.9, 99.97, "8", ""),  # within the grace: the caller's stamp may be a little late
        (199, 199.5, "7", "late"),
        (199.99, 205, "7", ""),
        (250, 250.1, "7", ""),
        (250, 250.1, "8", "late"),
        (250, 250.1, "9", "early"),
        (250, 250.1, "", ""),  # unmarked is a failure of its own, counted elsewhere
    ],
)
def test_an_answer_is_late_or_early_by_when_it_was_begun_and_ended(
    begun: float, ended: float, release: str, expected: str
) -> None:
    judged = judge(sample(begun, ended, release), AND_BACK, LIMITS)
    assert (judged.late, judged.early) == (expected == "late", expected == "early")


def test_without_a_switch_told_nothing_is_late() -> None:
    assert not judge(sample(50, 51, "6"), (), LIMITS).late


def test_the_right_release_in_the_wrong_color_is_misplaced() -> None:
    judged = judge(sample(150, 151, "8"), (FIRST, Switch(100, "8", "blue")), LIMITS)
    assert judged.late or judged.early


def test_a_switch_that_names_only_a_release_takes_any_color() -> None:
    judged = judge(sample(150, 151, "8"), (FIRST, Switch(100, "8")), LIMITS)
    assert (judged.late, judged.early) == (False, False)


@pytest.mark.parametrize(
    ("begun", "ended", "release", "fault", "code", "expected"),
    [
        (95, 111, "7", Fault.CLOSED, 1001, "excused"),  # its release left at 100, the drain ended at 110
        (95, 111, "7", Fault.CLOSED, 1012, "excused"),
        (95, 109, "7", Fault.CLOSED, 1001, "cut"),  # before the drain had ended
        (95, 111, "7", Fault.CLOSED, 1011, "cut"),  # not a proper code
        (95, 111, "7", Fault.CLOSED, 0, "cut"),
        (95, 111, "7", Fault.RESET, 0, "cut"),  # dropped without a close
        (120, 150, "8", Fault.CLOSED, 1001, "cut"),  # its release is the active one
        (50, 60, "7", Fault.CLOSED, 1001, "cut"),  # no switch at all
        (95, 111, "7", Fault.WRONG, 0, "failed"),
        (95, 111, "7", Fault.TIMEOUT, 0, "failed"),
    ],
)
def test_a_websocket_may_end_only_after_its_drain_and_properly(
    begun: float, ended: float, release: str, fault: Fault, code: int, expected: str
) -> None:
    judged = judge(sample(begun, ended, release, fault=fault, code=code, action=Action.WS), AND_BACK, LIMITS)
    assert (judged.excused, judged.failed, judged.cut) == (
        expected == "excused",
        expected != "excused",
        expected == "cut",
    )


@pytest.mark.parametrize(
    ("action", "begun", "ended", "fault", "expected"),
    [
        (Action.EVENTS, 95, 131, Fault.TRUNCATED, "excused"),
        (Action.EVENTS, 95, 129, Fault.TRUNCATED, "cut"),
        (Action.SLOW, 95, 131, Fault.RESET, "excused"),
        (Action.GET, 95, 96, Fault.TRUNCATED, "cut"),
        (Action.GET, 95, 96, Fault.RESET, "failed"),
        (Action.EVENTS, 120, 160, Fault.TRUNCATED, "cut"),  # begun after the switch, on the active release
        (Action.EVENTS, 95, 131, Fault.STATUS, "failed"),
    ],
)
def test_a_stream_may_be_cut_only_after_the_drain(
    action: Action, begun: float, ended: float, fault: Fault, expected: str
) -> None:
    release = "8" if begun > 100 else "7"
    judged = judge(sample(begun, ended, release, fault=fault, action=action), AND_BACK, LIMITS)
    assert (judged.excused, judged.cut) == (expected == "excused", expected == "cut")


def test_a_report_says_how_a_switch_looked_from_outside() -> None:
    samples = [sample(99.5, 99.51), sample(99.999, 100.4), sample(100.003, 100.02), sample(100.01, 100.013, "8")]
    report = count(samples, (FIRST, SECOND), LIMITS, since=99, until=101)
    (seen,) = report.switches  # the one that had happened before the run is not shown
    assert seen.first_new == pytest.approx(0.013)
    assert seen.last_old_begun == seen.last_old_started == pytest.approx(0.003)
    assert report.clean
    assert report.releases == {"7 blue": 3, "8 green": 1}


def test_percentiles_are_of_nearest_rank() -> None:
    ranked = [float(n) for n in range(1, 1001)]
    assert [percentile(ranked, share) for share in (0.5, 0.99, 0.999)] == [500, 990, 999]
    assert summarize([3, 1, 2]).p999 == summarize([3, 1, 2]).max == 3
    assert summarize([]).count == 0


def test_latencies_of_a_window_are_those_of_good_fast_requests_due_in_it() -> None:
    samples = [
        sample(10.0005, 11),  # due before 10
        sample(10.002, 11),
        sample(11, 12, fault=Fault.RESET),
        sample(11, 12, action=Action.SLOW),
    ]
    assert len(latencies(samples, since=10, until=12)) == 1
    assert len(latencies(samples, since=10, until=math.inf, fast=False)) == 2


def test_a_generator_that_was_late_itself_makes_the_report_suspect() -> None:
    late = [Sample(Action.GET, "h1 kept", n, n, 0.03, 0.04, 200, "blue", "7") for n in range(100)]
    report = count(late, (), LIMITS, since=0, until=100)
    assert report.suspect
    assert "SUSPECT" in report.table()

"""The judge of a release that is watched: what counts, what proves, what is forgiven."""

from __future__ import annotations

import math
import random

import pytest

from proof.bake import Case, play
from teal.core.model.counts import ColorCounts
from teal.core.planning.bake import (
    GUILTY,
    LEAST_FAILED,
    Evidence,
    Late,
    Seen,
    allowed_rate,
    late_before,
    turned_away,
)


@pytest.mark.parametrize(
    ("before", "low", "high"),
    [
        (Seen(), 0.01, 0.01),  # nothing is known
        (Seen(499, 0), 0.01, 0.01),
        (Seen(100_000, 0), 0.005, 0.005),  # never below half a percent
        (Seen(10_000, 100), 0.0215, 0.025),  # twice the upper end of 1 %
        (Seen(1_000, 500), 0.20, 0.20),  # never above a fifth
    ],
)
def test_the_rate_that_is_allowed_follows_from_what_users_met_before(before: Seen, low: float, high: float) -> None:
    assert low <= allowed_rate(before) <= high


def after(windows: list[Seen], allowed: float = 0.01) -> Evidence:
    evidence = Evidence(allowed)
    for window in windows:
        evidence = evidence.after(window)
    return evidence


def test_one_bad_moment_proves_nothing_however_many_fail_in_it() -> None:
    assert after([Seen(1000, 1000)]).verdict != "guilty"
    assert after([Seen(1000, 1000), Seen(1000, 1000)]).verdict == "suspect"
    assert after([Seen(1000, 1000)] * 3).verdict == "guilty"


def test_a_few_failures_prove_nothing_and_windows_without_requests_say_nothing() -> None:
    few = after([Seen(1, 1)] * (LEAST_FAILED - 1))
    assert few.verdict == "suspect"
    assert after([Seen(1, 1), Seen(), Seen(), Seen(1, 1)]).logs == after([Seen(1, 1)] * 2).logs
    assert after([Seen(1, 1)] * LEAST_FAILED).verdict == "guilty"


def test_no_failure_is_good_for_however_long() -> None:
    assert after([Seen(200, 0)] * 5_000).verdict == "good"


def test_what_the_old_release_fails_in_as_well_is_forgotten() -> None:
    forgiven = after([Seen(10, 10)] * 3).forgiven()
    assert forgiven == Evidence(0.01, acquitted=1)
    assert forgiven.forgiven().acquitted == 2


def test_evidence_of_a_long_bad_bake_does_not_overflow() -> None:
    evidence = after([Seen(50, 50)] * 100_000, allowed=0.005)
    assert max(evidence.logs) > GUILTY
    assert evidence.verdict == "guilty"


def test_what_was_seen_adds_up() -> None:
    assert Seen(5, 1) + Seen(1, 1) == Seen(6, 2)
    assert (Seen(8, 2).rate, Seen().rate) == (0.25, 0.0)


@pytest.mark.parametrize(
    ("case", "ends"),
    [
        (Case(5), {"passed"}),
        (Case(5, bursts=0.003), {"passed"}),
        (Case(50, 0.2, good=False), {"rolled-back"}),
        (Case(5, 1.0, good=False), {"rolled-back"}),
        (Case(0.5, 1.0, good=False), {"rolled-back"}),
    ],
)
def test_played_bakes_end_as_they_should(case: Case, ends: set[str]) -> None:
    dice = random.Random(11)
    assert {play(case, dice)[0] for _ in range(8)} == ends


def counted(statuses: dict[int, int], *, within: int, beyond: int) -> ColorCounts:
    """Return counts with so many answers within and beyond a tenth of a second."""
    buckets = ((0.1, within), (1.0, within + beyond), (math.inf, within + beyond))
    return ColorCounts({(status, "GET"): count for status, count in statuses.items()}, buckets)


def test_slow_is_what_is_later_than_most_answers_of_the_old_release() -> None:
    late = late_before(counted({200: 1000}, within=960, beyond=40))
    assert late == Late(0.1, 0.04)
    assert late.allowed == 0.15
    assert late_before(counted({200: 1000}, within=900, beyond=100)) == Late(1.0, 0.0)
    assert late_before(counted({200: 400}, within=400, beyond=0)) is None


def test_many_more_requests_that_are_turned_away_are_said() -> None:
    before = counted({200: 990, 404: 10}, within=1000, beyond=0)
    assert turned_away(counted({200: 80, 404: 20}, within=100, beyond=0), before) == (
        "20 of 100 requests were answered with 401, 403 or 404 (before 1.0%)"
    )
    assert turned_away(counted({200: 96, 404: 4}, within=100, beyond=0), before) == ""
    assert turned_away(counted({200: 1000, 403: 25}, within=1000, beyond=0), before) == ""
    assert turned_away(counted({401: 90}, within=90, beyond=0), ColorCounts()) == ""

"""Moments in the past, as people type them."""

# ruff: noqa: DTZ001 (people type local time)

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from teal.core.model.when import past_moment

NOW = datetime(2026, 11, 30, 13, 0, 0)


@pytest.mark.parametrize(
    ("written", "means"),
    [
        ("12:30", datetime(2026, 11, 30, 12, 30)),
        ("14:00", datetime(2026, 11, 29, 14, 0)),  # today's is still to come
        ("today 9:05", datetime(2026, 11, 30, 9, 5)),
        ("yesterday 14:00", datetime(2026, 11, 29, 14, 0)),
        ("yesterday at 14:00:30", datetime(2026, 11, 29, 14, 0, 30)),
        ("2h ago", datetime(2026, 11, 30, 11, 0)),
        ("1h30m ago", datetime(2026, 11, 30, 11, 30)),
        ("2026-11-28 07:15", datetime(2026, 11, 28, 7, 15)),
        ("2026-11-28T07:15:01Z", datetime(2026, 11, 28, 7, 15, 1, tzinfo=UTC)),
    ],
)
def test_it_means_what_people_mean(written: str, means: datetime) -> None:
    assert past_moment(written, NOW) == means


@pytest.mark.parametrize(
    "written", ["", "soon", "25:00", "yesterday", "2026-13-01 10:00", "2026-11-28", "ago", "14.00"]
)
def test_what_is_no_moment_is_told_how_to_write_one(written: str) -> None:
    with pytest.raises(ValueError, match="write it like 14:00"):
        past_moment(written, NOW)


@pytest.mark.parametrize("written", ["today 14:00", "2026-12-01 10:00", "2026-11-30T14:00:00+00:00"])
def test_the_future_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match="still to come"):
        past_moment(written, NOW)


def test_a_bad_duration_says_so() -> None:
    with pytest.raises(ValueError, match="not a duration"):
        past_moment("two ago", NOW)

"""Rates and a chart from the proxy's counters."""

from __future__ import annotations

from teal.core.model.counts import ColorCounts, Counts
from teal.core.model.side import Side
from teal.core.model.units import Moment
from teal.web.flow import KEPT, Flow


def reading(green: int, errors: int = 0, blue: int = 0) -> Counts:
    requests = {(200, "GET"): green, (500, "GET"): errors}
    return Counts(ColorCounts({(200, "GET"): blue}), ColorCounts(requests, ((0.1, green), (1.0, green)), 3))


def flow(*readings: Counts, every: float = 2.0) -> Flow:
    found = Flow()
    for at, each in enumerate(readings):
        found = found.and_then(Moment(1000 + at * every), each)
    return found


def test_rates_are_those_of_the_last_seconds_and_errors_of_all_that_is_kept() -> None:
    found = flow(reading(0), reading(20, 1), *(reading(20 + 10 * n, 1) for n in range(1, 8)))
    blue, green = found.colors
    assert (green.side, green.per_second, green.errors, green.in_flight) == (Side.GREEN, 5.0, 1, 3)
    assert (blue.per_second, blue.errors) == (0.0, 0)
    assert (green.half, green.most) == (0.1, 0.1)


def test_a_proxy_that_began_anew_counts_on_and_nothing_goes_below_zero() -> None:
    found = flow(reading(1000), reading(1010), reading(4), reading(8))
    assert [each.per_second for each in found.colors] == [0.0, 3.0]


def test_one_reading_says_nothing_yet() -> None:
    assert flow(reading(5)).colors == ()


def test_a_proxy_that_does_not_count_is_no_proxy_without_users() -> None:
    found = flow(reading(5), reading(9)).and_then(Moment(1004), None)
    assert (found.counted, found.colors) == (False, ())


def test_only_the_last_minutes_are_kept() -> None:
    assert len(flow(*(reading(n) for n in range(2 * KEPT))).readings) == KEPT


def test_the_chart_names_the_switch_and_shows_a_hole_where_nobody_looked() -> None:
    found = flow(*(reading(10 * n, blue=10 * n) for n in range(5)))
    assert "switch" in found.chart(720, Moment(1004))
    assert "switch" not in found.chart(720, Moment(900))
    late = found.and_then(Moment(1030), reading(90)).and_then(Moment(1032), reading(100))
    assert late.chart(720).count('class="line green"') == found.chart(720).count('class="line green"') + 1


def test_what_lies_before_a_hole_is_not_now() -> None:
    found = flow(reading(0), reading(10)).and_then(Moment(1030), reading(5000)).and_then(Moment(1032), reading(5002))
    assert [each.per_second for each in found.colors] == [0.0, 1.0]


def test_readings_of_another_visit_are_forgotten() -> None:
    assert len(flow(reading(0), reading(10)).and_then(Moment(2000), reading(11)).readings) == 1

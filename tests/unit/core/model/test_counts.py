"""What Caddy's metrics say by color, and what lies between two readings."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from teal.core.model.counts import ColorCounts, Counts, parse_counts
from teal.core.model.side import Side

METRICS = """# HELP caddy_http_requests_in_flight Number of requests currently handled by this server.
# TYPE caddy_http_requests_in_flight gauge
caddy_http_requests_in_flight{handler="log_append",server="srv0"} 3
caddy_http_requests_in_flight{handler="subroute",server="srv0"} 8
caddy_http_request_duration_seconds_bucket{code="200",handler="log_append",method="GET",server="srv0",le="0.005"} 1
caddy_http_request_duration_seconds_count{code="200",handler="log_append",method="GET",server="srv0"} 40
caddy_http_request_duration_seconds_count{code="200",handler="log_append",method="GET",server="srv1"} 2
caddy_http_request_duration_seconds_count{code="502",handler="log_append",method="POST",server="srv0"} 3
caddy_http_request_duration_seconds_count{code="200",handler="request_body",method="GET",server="srv0"} 7
caddy_http_request_duration_seconds_count{code="200",handler="subroute",method="GET",server="srv0"} 1.234e+06
caddy_http_response_duration_seconds_bucket{code="200",handler="log_append",method="GET",server="srv0",le="0.1"} 30
caddy_http_response_duration_seconds_bucket{code="200",handler="log_append",method="GET",server="srv0",le="+Inf"} 40
caddy_http_response_duration_seconds_bucket{code="200",handler="log_append",method="GET",server="srv1",le="0.1"} 2
caddy_http_response_duration_seconds_bucket{code="200",handler="log_append",method="GET",server="srv1",le="+Inf"} 2
caddy_http_response_duration_seconds_sum{code="200",handler="log_append",method="GET",server="srv1"} 2
go_goroutines 12
"""


def test_the_series_of_the_two_markers_are_read_and_added_up_over_servers() -> None:
    counts = parse_counts(METRICS)
    assert counts is not None
    blue = counts.of(Side.BLUE)
    assert blue == ColorCounts({(200, "GET"): 42, (502, "POST"): 3}, ((0.1, 32), (math.inf, 42)), 3)
    assert (blue.total, blue.errors, blue.with_status(200, 299), blue.answers, blue.slower(0.1)) == (45, 3, 42, 42, 10)
    assert (blue.quantile(0.5), blue.quantile(0.95)) == (0.1, math.inf)
    assert counts.green == ColorCounts({(200, "GET"): 7})
    assert counts.of(Side.PLAIN) == ColorCounts()
    assert counts.total == 52


def test_a_caddy_that_does_not_count_is_not_one_that_counted_nothing() -> None:
    assert parse_counts("go_goroutines 12\n") is None
    assert parse_counts("<html>") is None
    assert parse_counts('caddy_http_requests_in_flight{handler="subroute",server="srv0"} 1\n') == Counts()
    assert Counts().blue.quantile(0.95) is None


def test_what_lies_between_two_readings_leaves_out_what_did_not_change() -> None:
    before = Counts(ColorCounts({(200, "GET"): 5, (404, "GET"): 1}, ((0.1, 4), (math.inf, 6))))
    now = Counts(
        ColorCounts({(200, "GET"): 9, (404, "GET"): 1}, ((0.1, 7), (math.inf, 10)), 2), ColorCounts({(500, "GET"): 1})
    )
    assert now.since(before) == Counts(
        ColorCounts({(200, "GET"): 4}, ((0.1, 3), (math.inf, 4)), 2), ColorCounts({(500, "GET"): 1})
    )


def test_counters_that_went_down_or_are_gone_begin_anew_and_say_so() -> None:
    before = Counts(ColorCounts({(200, "GET"): 5, (404, "GET"): 1}))
    for later in ({(200, "GET"): 9}, {(200, "GET"): 4, (404, "GET"): 1}, {}):
        now = Counts(ColorCounts(later))
        assert now.since(before) == Counts(now.blue, now.green, anew=True)
    buckets = Counts(ColorCounts({}, ((0.1, 3), (math.inf, 4))))
    assert Counts().since(buckets).anew


READINGS = st.lists(
    st.tuples(st.sampled_from([200, 404, 500]), st.sampled_from(["GET", "POST"]), st.sampled_from(list(range(2)))),
    max_size=30,
)


def reading(events: list[tuple[int, str, int]]) -> Counts:
    colors: list[dict[tuple[int, str], int]] = [{}, {}]
    for status, method, color in events:
        colors[color][status, method] = colors[color].get((status, method), 0) + 1
    return Counts(*(ColorCounts(each, ((0.1, 0), (math.inf, sum(each.values())))) for each in colors))


@given(READINGS, READINGS, READINGS)
def test_differences_that_follow_one_another_add_up(
    a: list[tuple[int, str, int]], b: list[tuple[int, str, int]], c: list[tuple[int, str, int]]
) -> None:
    first, second, third = reading(a), reading([*a, *b]), reading([*a, *b, *c])
    whole, parts = third.since(first), second.since(first).and_then(third.since(second))
    assert (whole.total, whole.anew) == (len(b) + len(c), False)
    assert (parts.blue.requests, parts.green.requests) == (whole.blue.requests, whole.green.requests)
    assert parts.blue.buckets == whole.blue.buckets

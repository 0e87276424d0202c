"""The words of the state file, and when a drain is over."""

from __future__ import annotations

import pytest

from teal.core.model.side import Side
from teal.core.model.traffic import (
    Draining,
    Mode,
    OpenRequests,
    Pages,
    Traffic,
    buckets,
    canary,
    format_traffic,
    open_on,
    parse_traffic,
)
from teal.core.model.units import ReleaseId

SEVEN = ReleaseId(7)


def test_a_missing_row_is_an_error_and_not_a_zero() -> None:
    routes = (("web", 8000),)
    assert open_on(Side.BLUE, ("web",), {}, routes) is None
    counts = {"web-blue:8000": 2, "web-blue.:8000": 5, "web-green:8000": 9}
    assert open_on(Side.BLUE, ("web",), counts, routes) == OpenRequests(2, 5)
    assert open_on(Side.PLAIN, ("web",), {"web:8000": 1}, routes) == OpenRequests(1, 0)


def test_whatever_the_proxy_sends_to_a_color_counts_at_each_port_and_to_services_that_are_no_routes() -> None:
    counts = {"web-blue:8000": 1, "web-blue:9000": 2, "api-blue:8000": 4, "db:5432": 8, "web-green:8000": 16}
    routes = (("web", 8000), ("web", 9000))
    assert open_on(Side.BLUE, ("web", "api", "queue"), counts, routes) == OpenRequests(7, 0)


def test_a_drain_is_over_after_three_quiet_polls_in_a_row() -> None:
    state = Draining()
    for seen in (OpenRequests(0, 0), OpenRequests(1, 0), OpenRequests(0, 0), OpenRequests(0, 0)):
        state = state.polled(seen, websockets_matter=True)
        assert not state.over
    assert state.polled(OpenRequests(0, 0), websockets_matter=True).over


def test_websockets_hold_a_drain_only_while_they_matter() -> None:
    busy = OpenRequests(0, 4)
    assert Draining(2).polled(busy, websockets_matter=True).quiet == 0
    assert Draining(2).polled(busy, websockets_matter=False).over


@pytest.mark.parametrize(
    ("text", "traffic"),
    [
        ("blue", Traffic(Mode.BLUE)),
        ("plain", Traffic(Mode.PLAIN)),
        ("hold", Traffic(Mode.HOLD)),
        ("blue green a1B2", Traffic(Mode.BLUE, Side.GREEN, "a1B2")),
        ("hold plain k", Traffic(Mode.HOLD, Side.PLAIN, "k")),
        ("blue+green=00", canary(Side.BLUE, Side.GREEN, 0)),
        ("blue+green=0d green k", canary(Side.BLUE, Side.GREEN, 13).with_key(Side.GREEN, "k")),
        ("plain+blue=ff", canary(Side.PLAIN, Side.BLUE, 255)),
        ("blue+green=g0", canary(Side.BLUE, Side.GREEN, 256)),
        ("blue.8", Traffic(Mode.BLUE, pages=Pages(ReleaseId(8)))),
        ("blue.8^green.7 green k", Traffic(Mode.BLUE, Side.GREEN, "k", pages=Pages(ReleaseId(8), (Side.GREEN, SEVEN)))),
    ],
)
def test_the_state_file_reads_as_it_was_written(text: str, traffic: Traffic) -> None:
    assert parse_traffic(text) == traffic
    assert format_traffic(traffic) == text


NEARLY = (
    *("blue+green", "blue+green=4", "blue+green=G0", "blue+green=g1", "hold+blue=40", "blue.0", "blue.07", "hold.3"),
    *("blue.8^green", "blue.8^red.7", "blue.8+green=40", "blue+green=40 blue", "blue.8^green.7^blue.6"),
)


@pytest.mark.parametrize("text", ["", "blue\n", "Blue", "red", "blue green", "blue red k", "blue green k k", *NEARLY])
def test_what_the_proxy_would_not_know_is_nothing(text: str) -> None:
    assert parse_traffic(text) is None


def test_a_canary_leads_by_bucket_and_pages_by_the_release_that_they_came_from() -> None:
    quarter = canary(Side.BLUE, Side.GREEN, buckets(25))
    assert (quarter.side, quarter.sides, quarter.needs) == (Side.BLUE, (Side.BLUE, Side.GREEN), 2)
    assert [quarter.leads(bucket=each) for each in (None, 0, 63, 64, 255)] == [
        *(Side.BLUE, Side.GREEN, Side.GREEN, Side.BLUE, Side.BLUE)
    ]
    assert canary(Side.BLUE, Side.GREEN, buckets(100)).leads() is Side.GREEN
    pages = Traffic(Mode.BLUE, pages=Pages(ReleaseId(8), (Side.GREEN, SEVEN)))
    assert [pages.leads(page=each) for each in (None, 7, 8)] == [Side.BLUE, Side.GREEN, Side.BLUE]
    assert pages.leads(page=7, navigates=True) is Side.BLUE
    assert Traffic(Mode.HOLD).leads(bucket=0) is None
    assert (Traffic(Mode.BLUE).needs, pages.with_key(Side.GREEN, "k").without_key) == (1, pages)


@pytest.mark.parametrize(("percent", "share"), [(0, 0), (0.1, 1), (1, 3), (10, 26), (50, 128), (99.9, 255), (100, 256)])
def test_a_percentage_is_a_number_of_buckets(percent: float, share: int) -> None:
    assert buckets(percent) == share
    assert parse_traffic(format_traffic(canary(Side.BLUE, Side.GREEN, share))) == canary(Side.BLUE, Side.GREEN, share)

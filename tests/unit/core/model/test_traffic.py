"""The words of the state file, and when a drain is over."""

from __future__ import annotations

import pytest

from teal.core.model.side import Side
from teal.core.model.traffic import Draining, Mode, OpenRequests, Traffic, format_traffic, open_on, parse_traffic


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
    ],
)
def test_the_state_file_reads_as_it_was_written(text: str, traffic: Traffic) -> None:
    assert parse_traffic(text) == traffic
    assert format_traffic(traffic) == text


@pytest.mark.parametrize("text", ["", "blue\n", "Blue", "red", "blue green", "blue red k", "blue green k k"])
def test_what_the_proxy_would_not_know_is_nothing(text: str) -> None:
    assert parse_traffic(text) is None

"""What the prober's answers mean: pauses, planted faults by start and length, and when nobody asked."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from teal.core.model.units import Moment, Seconds
from teal.core.report.seen import Pause, Probe, absences, faults, longest, pauses, quantile

EVERY = 0.2


def asked(at: float, took: float = 0.01, what: str = "") -> Probe:
    return Probe("web", Moment(at), Seconds(took), what, 0 if what else 200)


def steady(until: float = 10.0) -> list[Probe]:
    return [asked(n * EVERY) for n in range(int(until / EVERY))]


def worst(probes: list[Probe], end: float = 10.0) -> Pause:
    found = longest(pauses(probes, end=end))
    assert found is not None
    return found


def test_where_all_goes_well_the_longest_pause_is_the_slowest_answer() -> None:
    probes = [*steady(), asked(4.05, 0.041)]
    assert worst(probes) == Pause(4.05, pytest.approx(0.041))  # type: ignore[arg-type]
    assert faults(probes) == []


def test_an_answer_that_a_later_request_overtook_is_no_longer_pause_than_that() -> None:
    assert worst([asked(1.0, 3.0), asked(1.2, 0.1)]).seconds == pytest.approx(0.3)


def test_a_hold_is_as_long_as_the_first_request_in_it_waited() -> None:
    held = [asked(at, max(0.01, 5.0 - at)) if 2.0 <= at < 5.0 else asked(at) for at in (n * EVERY for n in range(50))]
    assert worst(held) == Pause(2.0, pytest.approx(3.0))  # type: ignore[arg-type]
    (met,) = faults(held)
    assert (met.what, met.since, met.until) == ("waited", 2.0, pytest.approx(5.0))


@pytest.mark.parametrize("what", ["status 500", "refused"])
def test_what_fails_for_a_second_is_named_with_its_start_and_length(what: str) -> None:
    failing = [asked(at, what=what if 3.1 <= at < 4.1 else "") for at in (n * EVERY for n in range(50))]
    (met,) = faults(failing)
    assert met.what == what
    assert met.since == pytest.approx(3.1, abs=0.3)
    assert met.until - met.since == pytest.approx(1.0, abs=0.3)
    assert worst(failing).seconds == pytest.approx(1.0, abs=0.3)


def test_two_faults_far_apart_are_two_and_a_flickering_one_is_one() -> None:
    def what(n: int) -> str:
        return "status 502" if n in {5, 6, 8, 9, 30} else ""

    met = faults([asked(n * EVERY, what=what(n)) for n in range(50)])
    assert [(each.times, round(each.since, 1)) for each in met] == [(4, 1.0), (1, 6.0)]


def test_what_never_answers_again_lasts_until_the_end() -> None:
    probes = [asked(at, what="refused" if at >= 8 else "") for at in (n * EVERY for n in range(50))]
    assert worst(probes, end=10.0).seconds == pytest.approx(2.0)
    assert longest([]) is None


def test_a_prober_that_sent_nothing_for_a_while_was_away_then() -> None:
    probes = [each for each in steady() if not 3.0 < each.sent < 5.5]
    assert list(absences(probes, since=0.0, until=10.0, every=EVERY)) == [
        (pytest.approx(3.0), pytest.approx(5.6)),
    ]
    assert list(absences([], since=0.0, until=4.0, every=EVERY)) == [(0.0, 4.0)]


@given(
    st.lists(
        st.tuples(st.floats(0, 100), st.floats(0, 9), st.booleans()),
        min_size=1,
        max_size=30,
        unique_by=lambda each: each[0],
    )
)
def test_no_pause_is_shorter_than_what_any_other_way_of_asking_would_have_met(
    raw: list[tuple[float, float, bool]],
) -> None:
    probes = [asked(at, took, "" if good else "cut") for at, took, good in raw]
    found = pauses(probes, end=200.0)
    for probe, pause in zip(sorted(probes, key=lambda each: each.sent), found, strict=True):
        later = [each.answered for each in probes if each.good and each.sent >= pause.at]
        assert pause.seconds == pytest.approx(max(0.0, min(later, default=200.0) - pause.at))
        assert pause.at == probe.sent


def test_a_quantile_is_one_of_the_values() -> None:
    values = [float(n) for n in range(1, 101)]
    assert (quantile(values, 0.5), quantile(values, 0.95), quantile(values, 1.0), quantile([], 0.5)) == (
        50,
        95,
        100,
        None,
    )

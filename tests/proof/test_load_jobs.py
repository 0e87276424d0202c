"""Jobs and singletons: what is counted, from records alone."""

import pytest

from proof.jobs import Run, Span, Tick, count_jobs, overlaps, silences, spans


def run(job: str, release: str = "7", begun: float = 1, finished: float | None = 2) -> Run:
    return Run(job, release, "blue", begun, finished)


def test_each_job_done_once_is_clean() -> None:
    counted = count_jobs(["a", "b"], [run("a"), run("b", "8")])
    assert counted.clean
    assert (counted.enqueued, counted.done) == (2, 2)


def test_a_job_never_finished_is_lost() -> None:
    counted = count_jobs(["a", "b", "c"], [run("a"), run("b", finished=None)])
    assert counted.lost == ("b", "c")
    assert not counted.clean


def test_a_job_finished_twice_is_counted() -> None:
    assert count_jobs(["a", "b"], [run("a"), run("a", "8"), run("b")]).twice == ("a",)


def test_a_job_that_was_interrupted_and_begun_again_is_no_fault() -> None:
    counted = count_jobs(["a"], [run("a", finished=None), run("a", "8")])
    assert counted.interrupted == ("a",)
    assert counted.clean


def test_a_job_begun_by_an_aborted_release_is_counted_even_if_another_finished_it() -> None:
    counted = count_jobs(["a", "b"], [run("a", "9", finished=None), run("a"), run("b")], aborted={"9"})
    assert counted.aborted == ("a",)
    assert not counted.clean


def test_a_job_that_nobody_enqueued_is_strange_unless_its_enqueuing_is_in_doubt() -> None:
    assert count_jobs([], [run("a"), run("b")], doubtful={"a"}).strange == ("b",)


def ticks(holder: str, *times: float) -> list[Tick]:
    return [Tick(holder, at) for at in times]


def test_a_singleton_that_changes_hands_does_not_overlap() -> None:
    alive = spans(ticks("a", 1, 2, 3) + ticks("b", 4, 5, 6) + ticks("a", 10, 11), gap=2)
    assert alive == [Span("a", 1, 3), Span("b", 4, 6), Span("a", 10, 11)]
    assert overlaps(alive) == []


def test_two_singletons_at_once_overlap() -> None:
    alive = spans(ticks("a", 1, 2, 3, 4) + ticks("b", 3.5, 4.5, 5.5), gap=2)
    assert overlaps(alive) == [(Span("a", 1, 4), Span("b", 3.5, 5.5))]


def test_a_short_one_within_a_long_one_and_its_successor_both_overlap() -> None:
    long, short, later = Span("a", 0, 10), Span("b", 1, 2), Span("c", 5, 6)
    assert overlaps([later, long, short]) == [(long, short), (long, later)]


def test_a_start_begins_a_span_of_its_own() -> None:
    again = [Tick("a", 1), Tick("a", 1.5, starts=True), Tick("a", 2)]
    assert spans(again, gap=5) == [Span("a", 1, 1), Span("a", 1.5, 2)]


@pytest.mark.parametrize(("longer", "expected"), [(1.5, [(3, 5)]), (3, [])])
def test_a_silence_is_a_time_without_any_holder(longer: float, expected: list[tuple[float, float]]) -> None:
    assert silences([Span("a", 1, 3), Span("b", 2, 3), Span("c", 5, 9)], longer=longer) == expected


def test_nothing_at_all_is_no_overlap() -> None:
    assert overlaps([]) == overlaps([Span("a", 1, 2)]) == []

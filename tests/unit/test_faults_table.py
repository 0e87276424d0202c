"""The table of `make faults` counts what its tests say, and is not content with a row that nobody tries."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from tests.faults.__main__ import Reporter, main
from tests.faults.rows import LOAD, ROWS, Counted, table


def phase(nodeid: str, when: str, *, passed: bool = True, **counted: int) -> SimpleNamespace:
    told = [(LOAD, counted)] if counted else []
    outcome = {"passed": passed, "failed": not passed, "longreprtext": ""}
    return SimpleNamespace(nodeid=nodeid, when=when, duration=1.5, user_properties=told, **outcome)


def reported(*phases: SimpleNamespace) -> Reporter:
    """Return what a reporter of one row knows after *phases*."""
    reporter = Reporter(["locks"])
    reporter._row = {each.nodeid: "locks" for each in phases}
    for each in phases:
        reporter.pytest_runtest_logreport(each)  # type: ignore[arg-type]
    return reporter


def test_a_row_sums_what_its_tests_have_counted() -> None:
    counts = {"sent": 1200, "failed": 3, "taken": 6, "twin": 5, "mixed": 1, "wrong": 2, "cut": 4}
    tried = reported(
        phase("a", "setup"), phase("a", "call"), phase("a", "teardown", **counts),
        phase("b", "call"), phase("b", "teardown", sent=10),
    ).rows["locks"]  # fmt: skip
    assert tried.counted == Counted(sent=1210, failed=3, taken=6, twin=5, mixed=1, wrong=2, cut=4)
    assert (len(tried.cases), tried.seconds, tried.verdict) == (2, 7.5, "ok")


def test_a_test_that_fails_when_it_is_torn_down_has_failed() -> None:
    tried = reported(phase("a", "call"), phase("a", "teardown", passed=False, sent=10)).rows["locks"]
    assert (tried.passed, tried.verdict) == (False, "1 FAILED")


def test_a_row_without_a_case_is_not_passed() -> None:
    tried = Reporter(["locks"]).rows["locks"]
    assert (tried.passed, tried.verdict) == (False, "NO CASE")


def test_the_table_has_each_row_and_says_what_it_is() -> None:
    shown = table(Reporter(list(ROWS)).rows).splitlines()
    assert all(any(line.startswith(f"{name:10}") and fault in line for line in shown) for name, fault in ROWS.items())
    assert all(len(line) <= 130 for line in shown)


def test_a_row_that_does_not_exist_is_refused_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["lokcs"]) == 2
    assert "no such row: lokcs" in capsys.readouterr().err

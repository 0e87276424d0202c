"""``python -m tests.faults [ROW …] [-- PYTEST OPTIONS]``: try every fault, or those rows; print what users noticed."""

from __future__ import annotations

import sys
from pathlib import Path

import msgspec
import pytest

from tests.faults.rows import LOAD, ROWS, Counted, Tried, row_of, table

TESTS = Path(__file__).parents[1]
QUIET = ("-v", "-rN", "--tb=short", "--no-header", "-p", "no:cacheprovider")


class Reporter:
    """Chooses the tests of the *wanted* rows, and gathers what they report."""

    def __init__(self, wanted: list[str]) -> None:
        self.rows: dict[str, Tried] = {name: Tried() for name in ROWS if name in wanted}
        self._row: dict[str, str] = {}
        self._terminal: pytest.TerminalReporter | None = None

    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """Leave out what is of no row, or of none that is wanted."""
        self._terminal = config.pluginmanager.getplugin("terminalreporter")
        self._row = {item.nodeid: row for item in items if (row := row_of(item)) in self.rows}
        config.hook.pytest_deselected(items=[item for item in items if item.nodeid not in self._row])
        items[:] = [item for item in items if item.nodeid in self._row]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Add one phase of a test: what it counted is known when it has been torn down.

        A failure is told at once: the whole takes more than an hour.
        """
        tried = self.rows[self._row[report.nodeid]]
        tried.seconds += report.duration
        tried.cases.add(report.nodeid)
        if not report.passed:
            tried.failed.add(report.nodeid)
            if self._terminal:
                self._terminal.write(f"\n{report.longreprtext}\n", flush=True)
        if report.when == "teardown":
            for name, value in report.user_properties:
                tried.counted += msgspec.convert(value, Counted) if name == LOAD else Counted()

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Leave the failures out at the end: they have been told."""
        session.config.option.tbstyle = "no"


def main(arguments: list[str]) -> int:
    """Run what *arguments* name; return 0 where every row has cases and all passed."""
    words, options = arguments, list[str]()
    if "--" in arguments:
        at = arguments.index("--")
        words, options = arguments[:at], arguments[at + 1 :]
    unknown = [word for word in words if word not in ROWS]
    if unknown:
        print(f"no such row: {', '.join(unknown)}; there are: {', '.join(ROWS)}", file=sys.stderr)
        return 2
    reporter = Reporter(words or list(ROWS))
    status = pytest.main([str(TESTS), "-m", "row", *QUIET, *options], plugins=[reporter])
    print(f"\n{table(reporter.rows)}")
    whole = all(tried.passed for tried in reporter.rows.values())
    return 0 if status == pytest.ExitCode.OK and whole else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

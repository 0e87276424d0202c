"""Reports on disk: for their owner alone, secrets masked, whole or not at all, a newer Teal's left alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from msgspec import structs

from teal.adapters.state.reports import ReportFiles
from teal.cli.redaction import Redactor
from teal.core.report.make import make_report
from teal.core.report.values import Author, Report, Revision
from teal.errors import Unavailable
from tests.unit.core.report.runs import FACTS, seen

SECRET = "s3cr3t-w0rd"


@pytest.fixture
def report() -> Report:
    return make_report(FACTS, seen())


def test_only_its_owner_reads_it_and_no_secret_is_in_it(tmp_path: Path, report: Report) -> None:
    files = ReportFiles(tmp_path / "reports", mask=Redactor({"API_TOKEN": SECRET}))
    told = structs.replace(
        report,
        message=f"web said {SECRET}",
        revision=Revision("abc", f"use {SECRET}"),
        diff=(f"web: {SECRET}",),
        by=Author(SECRET),
    )
    files.keep(told)
    path = tmp_path / "reports" / "57.json"
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert SECRET not in path.read_text()
    assert json.loads(path.read_text())["message"] == "web said ***"


def test_what_is_no_report_or_a_newer_one_is_passed_over_with_a_note(tmp_path: Path, report: Report) -> None:
    files = ReportFiles(tmp_path / "reports")
    files.keep(report)
    (tmp_path / "reports" / "58.json").write_text("{")
    newer = json.loads((tmp_path / "reports" / "57.json").read_text()) | {"format": 9}
    (tmp_path / "reports" / "59.json").write_text(json.dumps(newer))
    more = json.loads((tmp_path / "reports" / "57.json").read_text()) | {"run": 60, "mood": "fine"}
    (tmp_path / "reports" / "60.json").write_text(json.dumps(more))
    assert files.read(58) is None
    assert files.read(59) is None
    assert files.read(60) == structs.replace(report, run=60)
    assert len(files.notes) == 2


def test_where_it_can_not_be_kept_that_is_said_and_nothing_is_left_half_written(tmp_path: Path, report: Report) -> None:
    (tmp_path / "reports").write_text("a file")
    with pytest.raises(Unavailable, match="the report of run 57 can't be kept"):
        ReportFiles(tmp_path / "reports").keep(report)

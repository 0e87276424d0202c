"""A report in words, as Markdown and as a page: complete, one file, no script, nobody's text taken for markup."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest
from msgspec import structs

from teal.core.model.units import Moment, Seconds
from teal.core.report import drawn, words
from teal.core.report.make import make_report
from teal.core.report.over import RunFacts, summarize
from teal.core.report.values import BakeVerdict, Report, Revision
from teal.core.report.words_over import lines
from tests.unit.core.report.runs import FACTS, MOMENT, seen

HOSTILE = '"><script>alert(1)</script><img src=x onerror=alert(1)>|`'


@pytest.fixture
def report() -> Report:
    return structs.replace(
        make_report(FACTS, seen()), bake=BakeVerdict("passed", Seconds(60.0), 2310, 1, 0.0005), diff=("web: image",)
    )


def test_six_lines_for_a_post_mortem(report: Report) -> None:
    assert words.six_lines(report) == [
        'shop, deploy 41 → 42, 30 Nov 2026 00:53 UTC, by alice, a1b2c3d "fix checkout".',
        "Users noticed nothing: 2,050 requests, 0 failed; longest pause 41 ms (before: 12 ms).",
        "Measured: before 1,340 requests, 0 failed, p50 ≤ 10 ms, p95 ≤ 10 ms, all ≤ 10 ms; "
        "around 120 requests, 0 failed, p50 ≤ 10 ms, p95 ≤ 10 ms, all ≤ 50 ms; "
        "after 590 requests, 0 failed, p50 ≤ 10 ms, p95 ≤ 10 ms, all ≤ 10 ms; "
        "prober web /health 104 asked, p50 12 ms, p95 12 ms.",
        "Live 14.0 s after the start, ended after 21.0 s; blue drained in 700 ms, nothing was cut.",
        "Bake 60.0 s: passed (2,310 requests, 0.04 % errors; before 0.05 %).",
        "Back to 41: `teal rollback`.",
    ]


def test_a_held_deploy_says_for_how_long_users_waited(report: Report) -> None:
    held = structs.replace(report, held=Seconds(3.2))
    assert "Users noticed: 2,050 requests, 0 failed; new requests waited for 3.2 s" in words.noticed(held)
    assert "the maintenance page stood for 65" not in words.noticed(held)
    assert "not measured" in words.noticed(structs.replace(report, measured=False))


def test_an_aborted_deploy_says_why(report: Report) -> None:
    failed = structs.replace(report, outcome="aborted", message="web exited (1)", switches=(), live=None, drained=None)
    assert words.six_lines(failed)[1] == "Users were not moved: release 41 served all the time."
    assert "Aborted: web exited (1) (ended after 21.0 s)." in words.six_lines(failed)


class Page(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def hostile(report: Report) -> Report:
    revision = Revision("abc", HOSTILE)
    return structs.replace(report, project=HOSTILE, revision=revision, message=HOSTILE, diff=(HOSTILE,))


@pytest.mark.parametrize("make", [drawn.page, drawn.picture])
def test_a_page_needs_nothing_but_itself_and_runs_nothing(report: Report, make: object) -> None:
    for each in (report, hostile(report)):
        text = make(each)  # type: ignore[operator]
        page = Page()
        page.feed(text)
        tags = {tag for tag, _ in page.tags}
        assert not tags & {"script", "img", "link", "iframe", "object", "form"}
        assert not any(name.startswith("on") or name in {"src", "href"} for _, given in page.tags for name in given)
        assert "prefers-color-scheme:dark" in text
        outside = [each for each in re.findall(r"https?://[^\s\"']+", text) if each != "http://www.w3.org/2000/svg"]
        assert outside == []
    assert len(drawn.page(report)) < 60_000


def test_a_page_says_all_that_the_charts_show_in_words_and_tables(report: Report) -> None:
    text = drawn.page(report)
    for said in (
        "The prober&#x27;s answers",
        "Failures",
        "Users&#x27; requests by color",
        "In flight on blue",
        "Phases",
    ):
        assert f"<title>{said}" in text
    assert text.count("<desc>") == 5
    assert '<th scope="row">around</th><td>120</td>' in text
    assert "to green at 14 s" in text


def test_markdown_takes_no_text_for_a_table_or_for_html(report: Report) -> None:
    text = words.markdown(hostile(report))
    assert "<script" not in text
    assert "<img" not in text
    for line in words.markdown(report).splitlines():
        assert not line.startswith("|") or line.count("|") in {6, 7}
    assert "| around | 120 | 0 | 10 ms | 10 ms | 50 ms |" in words.markdown(report)


def test_the_deploys_of_some_weeks_and_dora_s_four(report: Report) -> None:
    day = 86400.0
    began = float(MOMENT)
    runs = [
        RunFacts(57, "deploy", "done", MOMENT, Moment(began + 21)),
        RunFacts(58, "rollback", "done", Moment(began + 600), Moment(began + 605)),
        RunFacts(59, "deploy", "aborted", Moment(began + day), Moment(began + day + 9)),
        RunFacts(60, "deploy", "done", Moment(began + 2 * day), Moment(began + 2 * day + 20)),
        RunFacts(61, "deploy", "unchanged", Moment(began + 3 * day), Moment(began + 3 * day + 1)),
        RunFacts(12, "deploy", "done", Moment(began - 99 * day), Moment(began - 99 * day)),
    ]
    went_back = structs.replace(report, run=58, command="rollback", began=Moment(began + 600), live=Seconds(4.0))
    found = summarize(
        "shop", runs, {57: report, 58: went_back}, since=Moment(began - day), until=Moment(began + 6 * day)
    )
    assert (found.deploys, found.failed_before, found.rolled_back) == (2, 1, 1)
    assert (found.requests, found.failed, found.longest_pause, found.unmeasured) == (4100, 0, 0.041, (59, 60))
    assert (found.per_week, found.change_failure, found.restore) == (2.0, 0.5, 590.0)
    assert found.lead == 3614.0
    said = "\n".join(lines(found))
    assert "2 deploys; 1 more failed before the switch; 1 rolled back" in said
    assert "Not wholly measured: runs 59, 60." in said
    assert "Lead time for changes: 1.0 h from commit to live" in said
    nothing = summarize("shop", [], {}, since=Moment(began), until=Moment(began + day))
    assert lines(nothing)[0].endswith("no deploy.")

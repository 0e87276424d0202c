"""What a page shows, and in which words, when not all is well."""

from __future__ import annotations

import random
import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest
from markupsafe import escape as escaped

from teal.core.model.side import Side
from teal.core.planning.event_lines import LogLine
from teal.core.report.values import Author, Report, Users
from teal.errors import Unavailable
from teal.ports import HealthRun, Holder, RunRecord
from tests.unit.web.house import Known, Page
from tests.unit.worlds import BLUE_7, EMPTY, PLAINLY, container

DONE = RunRecord(7, "deploy", Side.GREEN, Side.BLUE, 7, 5000.0, 5021.0, "done", "", {"build": 3.0})
FAILED = RunRecord(8, "deploy", Side.BLUE, Side.GREEN, 8, 6000.0, 6004.0, "aborted", "api exited with status 1")
HOSTILE = ("<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "'; alert(1); '", "</pre><svg onload=x>")


class Foreign(HTMLParser):
    """Finds what no template has written."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self.log, self._within = "", False  # the text of the log
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = dict(attrs)
        ours = tag != "script" or names == {"src": "/static/teal.js", "defer": None}
        if not ours or tag == "img" or any(each.startswith("on") or each == "style" for each in names):
            self.found.append(self.get_starttag_text() or tag)
        self._within = self._within or names.get("class") == "log"

    def handle_endtag(self, tag: str) -> None:
        self._within = self._within and tag != "pre"

    def handle_data(self, data: str) -> None:
        self.log += data if self._within else ""


def shown(known: Known, path: str = "/stack/shop") -> str:
    answer = Page(known).browser().get(path)
    assert answer.status_code == 200
    return answer.text


def test_it_says_what_serves_and_what_runs_where() -> None:
    page = shown(Known(runs=(DONE,)))
    assert re.search(r"blue</span> serves release 7", page)
    for name in ("shop-web-blue", "shop-api-green", "shop-db-plain"):
        assert f"/container/{name}" in page
    assert "Roll back to 6" in page


def test_a_failed_run_says_first_what_serves_now() -> None:
    page = shown(Known(runs=(FAILED, DONE)))
    band = page[page.index('id="the-run"') :]
    assert re.match(r".{0,200}Release 7 serves\. The deploy of release 8 failed and was taken back", band, re.DOTALL)
    assert "api exited with status 1" in band


def line(event: str, at: float, **facts: object) -> LogLine:
    return LogLine(event, at, 6000 + at, **facts)  # type: ignore[arg-type]


AT_WORK = replace(DONE, id=9, ended=None, outcome="")
LINES = (
    line("run-began", 0, run=9, command="deploy"),
    line("step-began", 0.1, step="build", text="build web"),
    line("said", 0.2, kind="tool", text="#5 DONE"),
    line("step-ended", 2.0, step="build", seconds=1.9),
    line("step-began", 2.1, step="start", text="start api on green"),
    line("service", 2.2, side="green", service="api", state="starting: migrating"),
)


def test_a_run_is_told_step_by_step_whoever_has_started_it() -> None:
    holder = Holder("deploy", "ci", "runner", 4711, 6000.0)
    page = shown(Known(runs=(AT_WORK, DONE), holder=holder, lines={9: LINES}))
    run = page[page.index('class="run now"') :]
    assert re.search(r'class="good">.{0,80}build web.{0,60}1\.9 s', run)
    assert re.search(r'class="now">.{0,80}start api on green', run)
    assert "starting: migrating" in run
    assert "#5 DONE" not in run  # the step whose words they were is over


def test_a_failed_step_is_marked_and_the_log_comes_first() -> None:
    failed = (
        *LINES,
        line("service", 3, side="green", service="api", state="exited 1"),
        line("run-ended", 4, outcome="aborted"),
    )
    logs = {"api": "Traceback: no such table", "web": "all well"}
    page = shown(Known(runs=(FAILED, DONE), lines={8: failed}, kept={8: logs}))
    assert page.index("no such table") < page.index("build web")
    assert "all well" not in page
    assert re.search(r'class="bad">.{0,80}start api on green.{0,60}not finished', page)


def test_a_release_that_is_watched_can_be_kept_or_taken_back() -> None:
    watched = (
        *LINES,
        line("step-ended", 3, step="start", seconds=1.0),
        line("step-began", 3, step="bake", text="watch green"),
        line("baking", 4, left=56.0, requests=231, failed=2),
    )
    holder = Holder("deploy", "ci", "runner", 4711, 6000.0)
    page = shown(Known(runs=(AT_WORK, DONE), lines={9: watched}, holder=holder))
    assert "231 requests, 2 failed" in page
    assert "/do/promote" in page
    assert "/do/abort" in page
    assert "/do/deploy" not in page


def test_what_users_met_is_in_the_history_and_on_the_page_of_its_run() -> None:
    users = Users(0.0, 21.0, 12431, 2, {"200": 12429, "502": 2}, {"GET": 12431}, {"blue": 12431})
    measured = Report(
        1, "shop", 7, "deploy", "done", 5000.0, 21.0, 7, 6, Side.GREEN, Side.BLUE, Author("ann"), users=users
    )
    known = Known(runs=(DONE,), measured={7: measured})
    assert "12,431" in shown(known)
    run = shown(known, "/stack/shop/run/7")
    assert "What its users met" in run
    assert "by ann" in run


def test_a_run_that_was_killed_has_no_step_at_hand() -> None:
    killed = replace(AT_WORK, outcome="interrupted")
    page = shown(Known(runs=(killed, DONE), lines={9: LINES}))
    assert re.search(r'class="bad">.{0,80}start api on green.{0,60}not finished', page)
    assert "was interrupted" in page


def test_each_run_has_a_page_with_its_steps() -> None:
    known = Known(runs=(DONE,), lines={7: LINES})
    assert "start api on green" in shown(known, "/stack/shop/run/7")
    assert "is not known" in shown(known, "/stack/shop/run/99")


def test_while_somebody_works_there_are_no_buttons() -> None:
    holder = Holder("deploy", "ci", "runner", 4711, 6000.0)
    page = shown(Known(runs=(AT_WORK, DONE), holder=holder))
    assert "/do/" not in page
    assert "ci@runner" in page


@pytest.mark.parametrize(
    ("known", "said"),
    [
        (Known(observed=EMPTY), "Nothing serves yet"),
        (Known(observed=PLAINLY), "shop runs plainly"),
        (Known(away=Unavailable("no Docker Engine answers", hint="start it")), "no Docker Engine answers"),
        (Known(broken=Unavailable("the journal /j can't be read")), "the journal /j can&#39;t be read"),
        (Known(observed=replace(BLUE_7, containers=BLUE_7.on(Side.BLUE))), "The proxy does not run"),
        (Known(), "No command has changed this stack yet"),
    ],
)
def test_each_lack_has_words_of_its_own(known: Known, said: str) -> None:
    assert said in shown(known)


def test_without_an_engine_the_journal_is_shown_all_the_same() -> None:
    page = shown(Known(runs=(DONE,), away=Unavailable("no Docker Engine answers")))
    assert 'id="run-7"' in page
    assert "Nothing is known" not in page


@pytest.mark.parametrize("text", HOSTILE)
def test_what_somebody_else_wrote_never_becomes_markup(text: str) -> None:
    hostile = container("web", Side.BLUE, 7, unwell=text, health="unhealthy")
    others = tuple(each for each in BLUE_7.containers if each.name != "shop-web-blue")
    strange = replace(container("web", Side.BLUE, 7), service=text, name="shop-strange", image=text)
    observed = replace(BLUE_7, containers=(*others, hostile, strange))
    known = Known(observed, (replace(FAILED, message=text),), log=text, checks=(HealthRun(5.0, 1, text),))
    for path in ("/stack/shop", "/stack/shop/container/shop-web-blue", "/stack/shop/container/shop-strange"):
        page = shown(known, path)
        assert text not in page
        assert escaped(text) in page
        assert not (found := Foreign(page).found), found


def test_ten_thousand_odd_lines_of_a_log_come_through_as_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("teal.web.app.LINES", 1000)
    dice = random.Random(15)
    bits = [
        *HOSTILE,
        "<",
        ">",
        "&",
        '"',
        "'",
        "&lt;",
        "</pre>",
        "<!--",
        "]]>",
        "{{",
        "{%",
        "\u2028",
        "ü",
        "\\",
        " on=",
        "`",
    ]
    browser_of = Page(known := Known()).browser()
    for _ in range(10):
        lines = ["x" + "".join(dice.choices(bits, k=dice.randint(1, 6))) for _ in range(1000)]
        known.log = "\n".join(lines) + "\n"
        page = browser_of.get("/stack/shop/container/shop-web-blue").text
        found = Foreign(page)
        assert not found.found
        assert found.log == known.log


def test_known_secrets_are_in_no_answer() -> None:
    secret = "hunter2-correct-horse"
    observed = replace(
        BLUE_7, containers=(container("web", Side.BLUE, 7, unwell=secret, health="unhealthy"), *BLUE_7.on(Side.GREEN))
    )
    known = Known(
        observed, (replace(FAILED, message=f"dsn {secret}"),), log=secret, checks=(HealthRun(5.0, 1, secret),)
    )
    page = Page(
        known,
        clean=lambda said: said.replace(secret, "***"),
        program=f'print(\'{{"error":{{"message":"{secret}"}}}}\')',
    )
    browser = page.browser()
    for path in ("/stack/shop", "/stack/shop/container/shop-web-blue", "/stack/shop/do/deploy", "/stack/shop/check"):
        answer = browser.get(path)
        assert answer.status_code == 200
        assert secret not in answer.text, path
        assert "***" in answer.text, path


def test_logs_can_be_left_out() -> None:
    page = Page(Known(log="a line"), logs=False).browser().get("/stack/shop/container/shop-web-blue").text
    assert "a line" not in page
    assert "without logs" in page


def test_the_plan_is_shown_before_anything_is_done() -> None:
    program = "import json; print(json.dumps({'outcome': 'planned', 'steps': ['build it', 'switch']}))"
    page = Page(program=program)
    ahead = page.browser().get("/stack/shop/do/deploy").text
    assert "build it" in ahead
    assert 'name="token"' in ahead
    assert "serves release 7" in ahead


def test_what_would_be_refused_has_no_button() -> None:
    program = "import json; print(json.dumps({'error': {'message': 'no room', 'hint': 'make some'}}))"
    ahead = Page(program=program).browser().get("/stack/shop/do/deploy").text
    assert "no room" in ahead
    assert "<form" not in ahead


def test_several_stacks_are_on_one_overview() -> None:
    page = Page(others=("library", "forum")).browser().get("/").text
    for name in ("shop", "library", "forum"):
        assert f'href="/stack/{name}"' in page


def test_one_stack_needs_no_overview() -> None:
    assert Page().browser().get("/").headers["location"] == "/stack/shop"


def test_a_page_is_small() -> None:
    many = tuple(replace(DONE, id=number) for number in range(60, 0, -1))
    assert len(shown(Known(runs=many)).encode()) < 60_000

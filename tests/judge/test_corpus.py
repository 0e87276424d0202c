"""The judge says of every change of the corpus what its label says."""

import runpy

import pytest

from teal.core.judge import Lint, Phase, Script
from teal.core.judge.evaluate import judge
from tests.judge.catalog import WORLD
from tests.judge.corpus import Entry, load
from tests.judge.figures import measure

ENTRIES = load()


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: f"{entry.topic}: {entry.name}")
def test_a_change_is_judged_as_it_is_labelled(entry: Entry) -> None:
    findings = entry.findings
    assert {one.rule for one in findings if one.excused is None} == entry.refused
    assert {one.rule for one in findings if one.excused is not None} == entry.excused


def test_each_finding_says_where_why_and_the_safe_way() -> None:
    for entry in ENTRIES:
        names = {script.name: script.sql.count("\n") + 1 for script in entry.scripts}
        for one in entry.findings:
            assert 1 <= one.line <= names[one.script], entry.name
            assert one.why, entry.name
            assert one.remedy, entry.name
            assert "{" not in one.why + one.remedy, entry.name


def test_a_finding_names_the_line_of_its_command_or_of_what_a_block_runs() -> None:
    sql = """
ALTER TABLE reviews
    ADD COLUMN lang text DEFAULT 'a, (b', -- a comma, in a comment
    ADD COLUMN tone numeric(3, 1),

    DROP COLUMN nick;
DROP VIEW review_list,
    old_list;
DO $$
BEGIN
    PERFORM 1;
    EXECUTE 'ALTER TABLE ' || 'notes' || ' ADD COLUMN x int';
END $$;
"""
    found = judge([Script("one.expand.sql", Phase.EXPAND, sql)], WORLD, Lint())
    assert [(one.line, one.rule) for one in found] == [
        (6, "removes-in-expand"),
        (7, "removes-in-expand"),
        (8, "removes-in-expand"),
        (12, "unread-body"),
    ]


def test_the_corpus_is_large_and_names_are_unique() -> None:
    assert len(ENTRIES) >= 150
    assert len({entry.name for entry in ENTRIES}) == len(ENTRIES)


def test_precision_and_recall_are_whole() -> None:
    figures = measure(ENTRIES)
    assert (figures.precision, figures.recall) == (1.0, 1.0), figures


def test_the_page_of_the_rules_is_as_they_are() -> None:
    scripts = runpy.run_path("scripts/rules.py")
    assert scripts["PAGE"].read_text(encoding="utf-8") == scripts["page"](), "python scripts/rules.py"

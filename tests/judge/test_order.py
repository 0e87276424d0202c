"""The files of one change are judged in the order in which they are carried out, wherever they are read."""

import random

import pytest

from teal.core.judge import Catalog, Finding, Lint, Script
from teal.core.judge.evaluate import judge
from teal.core.migrations.draft import read_sentence, series
from teal.core.migrations.files import read_files
from tests.judge.catalog import WORLD

PLANS = [
    "add reviews.pages integer",
    "add reviews.pages integer not null default 0",
    "remove reviews.nick",
    "remove reviews.legacy not null",
    "rename reviews.body to writer text",
    "rename reviews.body to writer text not null",
    "change reviews.price to real as cost",
    "change reviews.price to real as cost not null",
    "change reviews.price to numeric(4,1) as cost using price::numeric back round(cost, 2)",
    "rename reviews.status to state text not null",  # whose default the trigger meets where the new release writes
    "change reviews.status to varchar(20) as state not null",
    "rename metrics.note to remark text",
    "change metrics.note to varchar as remark not null",
]


def judged(texts: dict[str, str], catalog: Catalog) -> tuple[Finding, ...]:
    """What is said of files, read as a deploy reads them."""
    scripts = [Script(f"{each.name}.sql", each.phase, each.sql, each.transaction) for each in read_files(texts)]
    return tuple(each for each in judge(scripts, catalog, Lint()) if each.excused is None)


@pytest.mark.parametrize("catalog", [WORLD, Catalog()], ids=["asked", "not asked"])
@pytest.mark.parametrize("plan", PLANS)
def test_what_teal_plans_passes_its_own_judge(plan: str, catalog: Catalog) -> None:
    drafts = series(read_sentence(plan), 3, hypertable="metrics" in plan)
    assert judged({draft.name: draft.sql for draft in drafts}, catalog) == ()


RENAME = {draft.name: draft.sql for draft in series(read_sentence("rename notes.text to words text"), 3)}
EXPAND, BACKFILL, CONTRACT = RENAME


@pytest.mark.parametrize("catalog", [WORLD, Catalog()], ids=["asked", "not asked"])
@pytest.mark.parametrize(
    ("rule", "texts"),
    [
        ("backfill-before-trigger", RENAME | {EXPAND: "ALTER TABLE notes ADD COLUMN words text;"}),
        ("sync-trigger-left", RENAME | {CONTRACT: "ALTER TABLE notes DROP COLUMN text;"}),
        (
            "sync-trigger-apart",
            RENAME
            | {CONTRACT: "ALTER TABLE notes DROP COLUMN text;"}
            | {"0004_tidy.contract.sql": "DROP TRIGGER teal_rename_notes_text_words ON notes;"},
        ),
    ],
)
def test_one_number_for_all_phases_hides_nothing(rule: str, texts: dict[str, str], catalog: Catalog) -> None:
    assert rule in {each.rule for each in judged(texts, catalog)}


def test_the_order_in_which_scripts_are_given_does_not_count_across_phases() -> None:
    scripts = [Script(f.name, f.phase, f.sql) for f in read_files(RENAME)]
    for _ in range(6):
        random.shuffle(scripts)
        assert judge(scripts, WORLD, Lint()) == ()

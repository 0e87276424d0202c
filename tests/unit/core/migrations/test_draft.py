"""The sentences of `teal migrate plan` and the files that they become."""

import pytest

from teal.core.migrations.draft import ColumnChange, assertion, read_sentence, series
from teal.core.model.migrations import Phase
from teal.errors import ConfigError

SAID = {
    "add reviews.stars integer": ColumnChange("add", "reviews", "stars", type="integer"),
    "ADD reviews.stars integer not null default 0": ColumnChange(
        "add", "reviews", "stars", type="integer", default="0", required=True
    ),
    "add reviews.seen timestamp with time zone default 'Never'": ColumnChange(
        "add", "reviews", "seen", type="timestamp with time zone", default="'Never'"
    ),
    "remove reviews.author": ColumnChange("remove", "reviews", "author"),
    "drop shop.reviews.author not null": ColumnChange("remove", "shop.reviews", "author", required=True),
    "rename reviews.author to reviews.writer": ColumnChange("rename", "reviews", "author", "writer"),
    "rename reviews.author to writer text not null.": ColumnChange(
        "rename", "reviews", "author", "writer", type="text", required=True
    ),
    "rename reviews.author to writer not null": ColumnChange("rename", "reviews", "author", "writer", required=True),
    "change reviews.stars to numeric(3,1) as score using stars::numeric back round(score)::integer": ColumnChange(
        "change", "reviews", "stars", "score", "numeric(3,1)", up="stars::numeric", down="round(score)::integer"
    ),
    "change type of reviews.stars to bigint as score": ColumnChange("change", "reviews", "stars", "score", "bigint"),
}


@pytest.mark.parametrize("sentence", SAID)
def test_a_sentence_is_read(sentence: str) -> None:
    assert read_sentence(sentence) == SAID[sentence]


@pytest.mark.parametrize(
    "sentence", ["", "reviews", "rename reviews to comments", "change reviews.stars to bigint", "add reviews.x"]
)
def test_what_says_no_change_gets_the_forms(sentence: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read_sentence(sentence)
    assert "rename reviews.author to reviews.writer" in caught.value.hint


@pytest.mark.parametrize(
    ("sentence", "message"),
    [
        ("rename reviews.author to reviews.author", "can't replace itself"),
        ("add reviews.stars integer not null", "could not insert"),
    ],
)
def test_what_can_not_be_safe_is_refused(sentence: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        read_sentence(sentence)


def test_a_rename_is_three_files_with_the_trigger_before_the_backfill() -> None:
    drafts = series(read_sentence("rename reviews.author to writer text not null"), 7)
    assert [draft.name for draft in drafts] == [
        "0007_rename_reviews_author_writer.expand.sql",
        "0007_rename_reviews_author_writer.backfill.sql",
        "0007_rename_reviews_author_writer.contract.sql",
    ]
    expand, backfill, contract = (draft.sql for draft in drafts)
    assert expand.index("ADD COLUMN writer text") < expand.index("CREATE TRIGGER") < expand.index("NOT VALID")
    assert "SET writer = author" in backfill
    assert "VALIDATE CONSTRAINT reviews_writer_filled" in backfill
    assert "requires=0007_rename_reviews_author_writer.backfill" in contract
    assert contract.index("DROP TRIGGER") < contract.index("SET NOT NULL") < contract.index("DROP COLUMN author")


def test_a_hypertable_names_its_rows_by_table_and_place() -> None:
    change = read_sentence("rename metrics.value to amount numeric")
    assert "(tableoid, ctid) IN" in series(change, 1, hypertable=True)[1].sql
    assert "tableoid" not in series(change, 1)[1].sql


def test_a_change_of_type_converts_both_ways() -> None:
    change = read_sentence("change reviews.stars to numeric(3,1) as score using stars::numeric back round(score)::int")
    expand = series(change, 1)[0].sql
    assert "NEW.score := NEW.stars::numeric;" in expand
    assert "NEW.stars := round(NEW.score)::int;" in expand
    assert assertion(change) == (
        "SELECT count(*) FROM reviews WHERE score IS DISTINCT FROM stars::numeric"
        " AND stars IS DISTINCT FROM round(score)::int"
    )


def test_a_required_column_that_goes_is_freed_first() -> None:
    drafts = series(read_sentence("remove reviews.author not null"), 3)
    assert [draft.phase for draft in drafts] == [Phase.EXPAND, Phase.CONTRACT]
    assert [draft.phase for draft in series(read_sentence("remove reviews.author"), 3)] == [Phase.CONTRACT]

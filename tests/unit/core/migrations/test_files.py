"""The files of Teal's own runner: their names and headers, what is due, what is refused."""

from __future__ import annotations

import pytest

from teal.core.migrations.files import Applied, excuses, pending, read_files, refuse_early, refuse_edited, removed
from teal.core.model.migrations import Phase
from teal.errors import ConfigError, Refused

HEADER = """-- Rename author to writer.
-- teal: requires=0007_writer.expand,0007_writer.backfill min_release=12 reason="the old \\"author\\" goes"
-- teal: assert="SELECT count(*) FROM reviews WHERE writer IS NULL"
-- teal: assert="SELECT 0"
DROP TRIGGER x ON reviews;
-- teal: phase=contract reason=belongs to the statement below
ALTER TABLE reviews DROP COLUMN author;
"""
FILES = {
    "0010_last.expand.sql": "SELECT 10",
    "0007_writer.contract.sql": HEADER,
    "0007_writer.expand.sql": "SELECT 7",
    "0007_writer.backfill.sql": "-- teal: rate=500\nUPDATE t SET x = 1 WHERE false",
}


def test_a_file_is_read_with_its_header() -> None:
    backfill, contract, expand, last = read_files(FILES)
    assert [each.name for each in (backfill, contract, expand, last)] == [
        "0007_writer.backfill",
        "0007_writer.contract",
        "0007_writer.expand",
        "0010_last.expand",
    ]
    assert (contract.stem, contract.number, contract.phase) == ("0007_writer", 7, Phase.CONTRACT)
    assert contract.requires == ("0007_writer.expand", "0007_writer.backfill")
    assert (contract.min_release, contract.reason, contract.transaction) == (12, 'the old "author" goes', True)
    assert contract.asserts == ("SELECT count(*) FROM reviews WHERE writer IS NULL", "SELECT 0")
    assert backfill.rate == 500.0
    assert [each.line for each in contract.statements] == [5, 7]


def test_what_a_contract_removes_and_what_a_file_excuses_is_told() -> None:
    contract = read_files(FILES)[1]
    assert removed(contract) == ("reviews.author",)
    assert excuses(f"{contract.name}.sql", contract.sql) == (
        "0007_writer.contract.sql:6: phase=contract: belongs to the statement below",
    )
    text = "DROP TABLE IF EXISTS old_reviews; ALTER TABLE ONLY a.b DROP COLUMN x, DROP COLUMN IF EXISTS y"
    (other,) = read_files({"0001_a.contract.sql": text})
    assert removed(other) == ("old_reviews", "a.b.x", "a.b.y")


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("0007_writer.sql", "", "0007_writer.sql names no phase"),
        ("writer.expand.sql", "", "writer.expand.sql names no phase"),
        ("0001_a.expand.sql", "-- teal: requies=x\nSELECT 1", "there is no `requies` in a header"),
        (
            "0001_a.expand.sql",
            "-- teal: requires=0000_z.expand\nSELECT 1",
            "requires 0000_z.expand, which is not there",
        ),
        ("0001_a.expand.sql", "-- teal: min_release=soon\nSELECT 1", "min_release=soon is not a number"),
        ("0001_a.expand.sql", "-- teal: transaction=never\nSELECT 1", "transaction=never is neither yes nor no"),
        (
            "0001_a.expand.sql",
            "DO $$ BEGIN COMMIT; END $$",
            "0001_a.expand.sql:1: DO $$ BEGIN COMMIT; END $$ … can't run",
        ),
        (
            "0001_a.expand.sql",
            "\nCREATE INDEX CONCURRENTLY i ON t (x)",
            "0001_a.expand.sql:2: CREATE INDEX CONCURRENTLY",
        ),
    ],
)
def test_a_file_that_can_not_be_one_is_named(name: str, text: str, message: str) -> None:
    with pytest.raises(ConfigError) as refused:
        read_files({name: text})
    assert message in refused.value.message
    assert refused.value.hint


def done(*names: str) -> list[Applied]:
    checksums = {each.name: each.checksum for each in read_files(FILES)}
    return [Applied(name, checksums[name], 1.0, 1) for name in names]


def test_what_is_not_applied_whole_is_due_by_number() -> None:
    files = read_files(FILES)
    assert [each.name for each in pending(files, [], Phase.EXPAND)] == ["0007_writer.expand", "0010_last.expand"]
    half = [Applied("0010_last.expand", files[3].checksum, None, 1)]
    applied = [*done("0007_writer.expand"), *half]
    assert [each.name for each in pending(files, applied, Phase.EXPAND)] == ["0010_last.expand"]
    assert len(pending(files, applied)) == 3


def test_a_file_that_was_edited_after_it_was_applied_is_refused() -> None:
    applied = done("0007_writer.expand", "0010_last.expand")
    refuse_edited(read_files(FILES), applied)
    with pytest.raises(Refused, match=r"0007_writer\.expand was changed after it had been applied"):
        refuse_edited(read_files({**FILES, "0007_writer.expand.sql": "SELECT 8"}), applied)


def test_a_file_whose_requirements_are_not_applied_is_refused() -> None:
    contract = read_files(FILES)[1]
    refuse_early(contract, done("0007_writer.expand", "0007_writer.backfill"))
    with pytest.raises(Refused, match=r"requires 0007_writer\.backfill, which has not been applied"):
        refuse_early(contract, done("0007_writer.expand"))

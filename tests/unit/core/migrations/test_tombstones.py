"""The soft form of a contract: which ones have one, and what it is made of."""

from __future__ import annotations

import pytest

from teal.core.migrations.files import ScriptFile
from teal.core.migrations.sql import quoted
from teal.core.migrations.tombstones import DroppedColumn, soft_of, soft_sql, undo_sql
from teal.core.model.migrations import Phase
from teal.errors import Refused


def contract(sql: str, *, transaction: bool = True) -> ScriptFile:
    return ScriptFile("0007_writer.contract", "0007_writer", 7, Phase.CONTRACT, sql, transaction=transaction)


RENAMED = """-- teal: reason="author is writer now"
DROP TRIGGER teal_writer ON review;
DROP FUNCTION teal_writer();
ALTER TABLE review DROP COLUMN author;
"""


def test_a_contract_that_drops_columns_with_their_triggers_has_a_soft_form() -> None:
    soft = soft_of(contract(RENAMED))
    assert soft.columns == (DroppedColumn('"review"', "author"),)
    assert soft.triggers == (("teal_writer", '"review"'),)
    assert soft.columns[0].tombstone == "teal_gone_author"


@pytest.mark.parametrize(
    ("sql", "columns"),
    [
        ("ALTER TABLE ONLY shop.review DROP a, DROP COLUMN IF EXISTS b CASCADE;", ["a", "b"]),
        ('alter table "Review" drop column "Author"', ["Author"]),
        ("ALTER TABLE review\n  DROP COLUMN a RESTRICT;\nALTER TABLE review DROP b;", ["a", "b"]),
    ],
)
def test_columns_are_found_however_they_are_written(sql: str, columns: list[str]) -> None:
    assert [each.name for each in soft_of(contract(sql)).columns] == columns


@pytest.mark.parametrize(
    "sql",
    [
        "DROP TABLE review;",
        "ALTER TABLE review DROP COLUMN a, ALTER b SET NOT NULL;",
        "ALTER TABLE review DROP CONSTRAINT positive;",
        "ALTER TABLE review DROP COLUMN a, ADD COLUMN b int;",
        "DROP TRIGGER t ON review;",
        "UPDATE review SET a = 1;",
        "",
    ],
)
def test_what_could_not_be_brought_back_has_no_soft_form(sql: str) -> None:
    with pytest.raises(Refused) as caught:
        soft_of(contract(sql))
    assert "--soft" in caught.value.hint


def test_what_else_a_contract_holds_waits_for_the_contract_itself() -> None:
    sql = "ALTER TABLE review ALTER writer SET NOT NULL; DROP FUNCTION f(); ALTER TABLE review DROP a; DROP VIEW v;"
    soft = soft_of(contract(sql))
    assert soft.later == ("ALTER TABLE review ALTER writer SET NOT NULL", "DROP FUNCTION f()", "DROP VIEW v")
    assert "SET NOT NULL" not in soft_sql(soft, "0007_writer", 1.0)


def test_outside_of_a_transaction_there_is_no_soft_form() -> None:
    with pytest.raises(Refused):
        soft_of(contract("ALTER TABLE review DROP COLUMN a;", transaction=False))


def test_a_tombstone_is_a_name_that_the_server_takes() -> None:
    column = DroppedColumn("review", 'Ä"' + "ä" * 30)
    assert len(column.tombstone.encode()) <= 63
    assert column.tombstone.startswith('teal_gone_Ä"ä')
    sql = soft_sql(soft_of(contract(f"ALTER TABLE review DROP COLUMN {quoted(column.name)};")), "0007_writer", 1.0)
    assert f'RENAME COLUMN {quoted(column.name)} TO "teal_gone_Ä""ä' in sql


def test_triggers_go_before_the_column_and_come_back_after_it() -> None:
    soft = soft_of(contract(RENAMED))
    there, back = soft_sql(soft, "0007_writer", 1000.0), undo_sql(soft)
    assert there.index("pg_get_triggerdef") < there.index('DROP TRIGGER "teal_writer"') < there.index("RENAME COLUMN")
    assert back.index("RENAME COLUMN") < back.index("EXECUTE made")

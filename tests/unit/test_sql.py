"""Where a statement ends: what may hold a semicolon, and what a statement is."""

from __future__ import annotations

import pytest

from teal.core.sql import statements


def split(text: str) -> list[tuple[int, str]]:
    return [(each.line, each.sql) for each in statements(text)]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", []),
        ("  -- nothing;\n/* nor; here */ ;;", []),
        ("SELECT 1", [(1, "SELECT 1")]),
        ("SELECT 1;\n\n-- two\nSELECT 2; SELECT 3\n", [(1, "SELECT 1"), (4, "SELECT 2"), (4, "SELECT 3")]),
        ("SELECT 'a;''b' ; SELECT 2", [(1, "SELECT 'a;''b'"), (1, "SELECT 2")]),
        (r"SELECT E'a\';b'; SELECT 2", [(1, r"SELECT E'a\';b'"), (1, "SELECT 2")]),
        ('SELECT "a;""b"; SELECT 2', [(1, 'SELECT "a;""b"'), (1, "SELECT 2")]),
        ("DO $$ BEGIN x; END $$; SELECT 2", [(1, "DO $$ BEGIN x; END $$"), (1, "SELECT 2")]),
        ("DO $a$ $$;$$ ; $a$; SELECT 2", [(1, "DO $a$ $$;$$ ; $a$"), (1, "SELECT 2")]),
        ("SELECT a$b$c; SELECT $1;", [(1, "SELECT a$b$c"), (1, "SELECT $1")]),
        ("SELECT 1 /* a /* b; */ c; */ ; SELECT 2", [(1, "SELECT 1"), (1, "SELECT 2")]),
        (
            "CREATE RULE r AS ON INSERT TO t DO (a; b); SELECT 2",
            [(1, "CREATE RULE r AS ON INSERT TO t DO (a; b)"), (1, "SELECT 2")],
        ),
        (
            "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; SELECT 2; END; SELECT 3",
            [
                (1, "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; SELECT 2; END"),
                (1, "SELECT 3"),
            ],
        ),
        ("BEGIN; SELECT 1; END; SELECT 2", [(1, "BEGIN"), (1, "SELECT 1"), (1, "END"), (1, "SELECT 2")]),
        ("SELECT 'open; never", [(1, "SELECT 'open; never")]),
        ("SELECT $$ open; never", [(1, "SELECT $$ open; never")]),
    ],
)
def test_a_statement_ends_where_psql_ends_it(text: str, found: list[tuple[int, str]]) -> None:
    assert split(text) == found


@pytest.mark.parametrize(
    ("sql", "alone", "blocks_nobody", "index"),
    [
        ("CREATE INDEX CONCURRENTLY by_x ON t (x)", True, True, "by_x"),
        ('create unique index concurrently if not exists "By x" ON t (x)', True, True, '"By x"'),
        ("CREATE INDEX by_x ON t (x)", False, False, ""),
        ("CREATE INDEX by_x ON t (x) WITH (timescaledb.transaction_per_chunk)", True, False, "by_x"),
        ("DROP INDEX CONCURRENTLY by_x", True, True, ""),
        ("REINDEX INDEX CONCURRENTLY by_x", True, True, ""),
        ("VACUUM t", True, False, ""),
        ("COMMENT ON TABLE t IS 'made CONCURRENTLY'", False, False, ""),
        ("DO $$ BEGIN EXECUTE 'CREATE INDEX CONCURRENTLY by_x ON t (x)'; END $$", False, False, ""),
    ],
)
def test_what_can_not_run_in_a_transaction_is_told(sql: str, alone: bool, blocks_nobody: bool, index: str) -> None:
    (found,) = statements(sql)
    assert (found.alone, found.blocks_nobody, found.index) == (alone, blocks_nobody, index)


def test_what_may_take_its_time_is_told() -> None:
    slow = statements(
        "ALTER TABLE t VALIDATE CONSTRAINT c; CREATE INDEX CONCURRENTLY i ON t (x); ALTER TABLE t ADD x int"
    )
    assert [each.unhurried for each in slow] == [True, True, False]


def test_what_changes_a_limited_number_of_rows_is_repeated() -> None:
    batched = "UPDATE t SET x = 1 WHERE id IN (SELECT id FROM t WHERE x IS NULL LIMIT 9)"
    whole = "UPDATE t SET x = 1; INSERT INTO t SELECT 1; ANALYZE t; SELECT 1 LIMIT 1"
    assert [each.batched for each in statements(f"{batched}; {whole}")] == [True, False, False, False, False]

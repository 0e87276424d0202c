"""Where a statement ends: what may hold a semicolon, and what a statement is."""

from __future__ import annotations

import pytest

from teal.core.migrations.sql import Unreadable, parse


def split(text: str) -> list[tuple[int, str]]:
    return [(each.line, each.sql) for each in parse(text)]


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
        ("SELECT 1 /* a; */ ; /* a /* b; */ c; */ SELECT 2", [(1, "SELECT 1 /* a; */"), (1, "SELECT 2")]),
        (
            "CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2); SELECT 3",
            [(1, "CREATE RULE r AS ON INSERT TO t DO (SELECT 1; SELECT 2)"), (1, "SELECT 3")],
        ),
        (
            "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; SELECT 2; END; SELECT 3",
            [
                (1, "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; SELECT 2; END"),
                (1, "SELECT 3"),
            ],
        ),
        ("BEGIN; SELECT 1; END; SELECT 2", [(1, "BEGIN"), (1, "SELECT 1"), (1, "END"), (1, "SELECT 2")]),
        (
            "CREATE FUNCTION f() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT t.end FROM t; SELECT 3; END; SELECT 4",
            [
                (1, "CREATE FUNCTION f() RETURNS int LANGUAGE sql BEGIN ATOMIC SELECT t.end FROM t; SELECT 3; END"),
                (1, "SELECT 4"),
            ],
        ),
    ],
)
def test_a_statement_ends_where_psql_ends_it(text: str, found: list[tuple[int, str]]) -> None:
    assert split(text) == found


@pytest.mark.parametrize("text", ["SELECT 'open; never", "SELECT $$ open; never", "SELEC 1"])
def test_what_the_grammar_does_not_know_is_no_statement(text: str) -> None:
    with pytest.raises(Unreadable):
        parse(text)


@pytest.mark.parametrize(
    ("sql", "outside", "blocks_nobody", "index"),
    [
        ("CREATE INDEX CONCURRENTLY by_x ON s.t (x)", "CONCURRENTLY", True, '"s"."by_x"'),
        ('create unique index concurrently if not exists "By x" ON t (x)', "CONCURRENTLY", True, '"By x"'),
        ("CREATE INDEX by_x ON t (x)", "", False, ""),
        (
            "CREATE INDEX by_x ON t (x) WITH (timescaledb.transaction_per_chunk)",
            "transaction_per_chunk",
            False,
            '"by_x"',
        ),
        ("DROP INDEX CONCURRENTLY by_x", "CONCURRENTLY", True, ""),
        ("REINDEX INDEX CONCURRENTLY by_x", "CONCURRENTLY", True, ""),
        ("REINDEX (CONCURRENTLY FALSE) TABLE t", "", False, ""),
        ("REINDEX (VERBOSE, CONCURRENTLY) TABLE t", "CONCURRENTLY", True, ""),
        ("ALTER TABLE t DETACH PARTITION p CONCURRENTLY", "CONCURRENTLY", True, ""),
        ("DO $$ BEGIN COMMIT; END $$", "a DO block with COMMIT", False, ""),
        ("CALL p()", "CALL of a procedure, which may commit", False, ""),
        ("ALTER SYSTEM SET work_mem = '1MB'", "ALTER SYSTEM", False, ""),
        ("VACUUM t", "VACUUM", False, ""),
        ("COMMENT ON TABLE t IS 'made CONCURRENTLY'", "", False, ""),
        ("DO $$ BEGIN EXECUTE 'CREATE INDEX CONCURRENTLY by_x ON t (x)'; END $$", "", False, ""),
    ],
)
def test_what_can_not_run_in_a_transaction_is_told(sql: str, outside: str, blocks_nobody: bool, index: str) -> None:
    (found,) = parse(sql)
    assert (found.outside_transaction, found.blocks_nobody, found.index) == (outside, blocks_nobody, index)


def test_what_may_take_its_time_is_told() -> None:
    slow = parse("ALTER TABLE t VALIDATE CONSTRAINT c; CREATE INDEX CONCURRENTLY i ON t (x); ALTER TABLE t ADD x int")
    assert [each.unhurried for each in slow] == [True, True, False]


def test_what_changes_a_limited_number_of_rows_is_repeated() -> None:
    batched = "UPDATE t SET x = 1 WHERE id IN (SELECT id FROM t WHERE x IS NULL LIMIT 9)"
    whole = "UPDATE t SET x = 1; INSERT INTO t SELECT 1; ANALYZE t; SELECT 1 LIMIT 1"
    assert [each.batched for each in parse(f"{batched}; {whole}")] == [True, False, False, False, False]


def test_a_batch_that_skips_locked_rows_waits_for_them_at_its_end() -> None:
    (one,) = parse("UPDATE t SET x = 'SKIP LOCKED' WHERE id IN (SELECT id FROM t LIMIT 9 FOR UPDATE skip\n LOCKED)")
    assert one.patient == "UPDATE t SET x = 'SKIP LOCKED' WHERE id IN (SELECT id FROM t LIMIT 9 FOR UPDATE  )"
    assert one.after(one.sql, 9) == one.sql
    assert one.after(one.sql, 0) == one.patient
    assert one.after(one.patient, 1) == one.patient
    assert one.after(one.patient, 0) == ""


def test_what_is_no_batch_is_run_once() -> None:
    (one,) = parse("UPDATE t SET x = 1 WHERE id = 4")
    assert one.after(one.sql, 1) == ""

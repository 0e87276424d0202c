"""What the release that serves asks (`queries` in teal.yml), planned by `teal migrate check` and by a deploy."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.engine.till import Till, opened_till

pytestmark = [pytest.mark.engine, pytest.mark.timeout(240)]

COUNTING = """
services:
  db: { command: [postgres, -c, "shared_preload_libraries=timescaledb,pg_stat_statements"] }
"""
ASKS = """-- what the till asks
SELECT author FROM reviews WHERE id = $1;
SELECT town, bump() FROM reviews r
JOIN shops ON shops.id = r.id WHERE shops.town = $1;
"""
TABLES = """
CREATE TABLE shops (id bigint PRIMARY KEY, town text);
CREATE SEQUENCE bumped;
CREATE FUNCTION bump() RETURNS bigint LANGUAGE sql VOLATILE AS $$ SELECT nextval('bumped') $$;
"""
FILE = "  files: migrations\n  queries: asks.sql\n"


@pytest.fixture(scope="module")
def till(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Till]:
    """The stack with its first release, whose server counts statements."""
    with opened_till(tmp_path_factory.mktemp("till")) as found:
        found.write("compose.override.yml", COUNTING)
        found.migration("0002_shops.expand", TABLES)
        found.write("asks.sql", ASKS)
        found.section(FILE)
        found.teal.run("deploy")
        yield found


@pytest.fixture(autouse=True)
def section(till: Till) -> Iterator[None]:
    """Begin and end with the section and the statements of the first release."""
    till.section(FILE)
    till.write("asks.sql", ASKS)
    yield
    till.section(FILE)
    for path in (till.stack.folder / "migrations").glob("0003_*"):
        path.unlink()


def columns(till: Till) -> str:
    return till.sql(
        "SELECT string_agg(attname, ',') FROM pg_attribute WHERE attrelid = 'reviews'::regclass AND attnum > 0"
    )


def test_check_and_deploy_refuse_what_an_old_statement_fails_for_and_run_none(till: Till) -> None:
    till.migration("0003_town.expand", "CREATE TABLE towns (town text);\n\nALTER TABLE reviews ADD COLUMN town text;\n")
    (finding,) = till.teal.run("migrate", "check", status=1).result["findings"]
    assert (finding["script"], finding["line"], finding["rule"]) == ("0003_town.expand.sql", 3, "old-statement")
    assert '(asks.sql:3): column reference "town" is ambiguous' in finding["why"]
    ended = till.teal.run("deploy", status=1)
    assert "0003_town.expand.sql:3: a statement of the release that serves fails" in ended.error["message"]
    assert (columns(till), till.sql("SELECT to_regclass('towns')")) == ("id,author", "")
    assert till.sql("SELECT is_called FROM bumped") == "f"


def test_what_can_not_be_tried_is_told_by_both_and_the_rest_goes_on(till: Till) -> None:
    till.migration("0003_city.expand", "ALTER TABLE reviews ADD COLUMN city text;\n")
    till.migration(
        "0003_index.expand", "-- teal: transaction=no\nCREATE INDEX CONCURRENTLY by_author ON reviews (author);\n"
    )
    told = (
        "left out when the statements of the release that serves were planned: 0003_index.expand.sql:2 (CONCURRENTLY)"
    )
    checked = till.teal.run("migrate", "check").result
    assert (checked["safe"], checked["notes"]) == (True, [told])
    assert told in till.teal.run("deploy").result["notes"]
    assert columns(till) == "id,author,city"
    assert till.sql("SELECT is_called FROM bumped") == "f"


def test_a_reason_in_the_file_lets_it_pass(till: Till) -> None:
    note = '-- teal: allow=old-statement reason="that page is switched off"\n'
    till.migration("0003_more.expand", f"{note}ALTER TABLE reviews ADD COLUMN town text;\n")
    checked = till.teal.run("migrate", "check").result
    assert checked["safe"]
    assert [each["excused"] for each in checked["findings"]] == ["that page is switched off"]


@pytest.mark.parametrize(
    ("section", "text", "said"),
    [
        (FILE, "SELECT 1;\nSELECT * FROM reviews WHERE id = ?;", "migrations.queries: asks.sql:2: "),
        (FILE, "SELECT 1;\nBEGIN;", "migrations.queries: asks.sql:2: only SELECT"),
        (FILE, "-- later\n", "migrations.queries: asks.sql holds no statement"),
        (FILE.replace("asks", "ask"), "", "migrations.queries: there is no file ask.sql"),
    ],
)
def test_a_file_that_says_nothing_is_an_error_of_check_and_of_a_deploy(
    section: str, text: str, said: str, till: Till
) -> None:
    till.section(section)
    till.write("asks.sql", text)
    till.migration("0003_more.expand", "ALTER TABLE reviews ADD COLUMN more text;\n")
    for command in (("migrate", "check"), ("deploy",)):
        ended = till.teal.run(*command, status=2)
        assert said in ended.error["message"]
        assert ended.error["hint"]
    assert "more" not in columns(till)


def test_what_the_server_has_counted_is_planned_and_kept_nowhere(till: Till) -> None:
    till.section("  files: migrations\n  queries: pg_stat_statements\n")
    till.migration("0003_town.expand", "ALTER TABLE reviews ADD COLUMN town text;\n")
    ended = till.teal.run("migrate", "check", status=1)
    assert "pg_stat_statements is not installed in the database till" in ended.error["message"]
    till.sql("CREATE EXTENSION pg_stat_statements")
    asked = "SELECT town FROM reviews r JOIN shops ON shops.id = r.id WHERE town = 'a secret place'"
    till.sql(asked)
    (finding,) = till.teal.run("migrate", "check", status=1).result["findings"]
    assert (finding["line"], finding["rule"]) == (1, "old-statement")
    assert "WHERE town = $1` (pg_stat_statements): " in " ".join(finding["why"].split())
    assert "old-statement" in till.teal.run("deploy", status=1).error["message"]
    kept = [path for path in till.teal.home.rglob("*") if path.is_file() and b"FROM shops" in path.read_bytes()]
    assert kept == []
    assert "a secret place" not in str(finding)

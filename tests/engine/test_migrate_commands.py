"""A stack that keeps its own migration tool: migrate, deploy, verify, clean up later; and its windows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.engine.till import Till, opened_till

pytestmark = [pytest.mark.engine, pytest.mark.timeout(240)]

# The owner's tool keeps its own record of what was done. HEAD and COLUMN are the release's: how new its revisions
# are, and which column its code reads.
TOOL = r"""
ask() { psql "$DATABASE_URL" -v ON_ERROR_STOP=1 -qtAX -c "$1"; }
is_done() { [ -n "$(ask "SELECT 1 FROM revision WHERE name = '$1'")" ]; }
note() { echo "INSERT INTO revision VALUES ('$1')"; }
ask 'CREATE TABLE IF NOT EXISTS revision (name text PRIMARY KEY)' 2>/dev/null
case $1 in
expand)
    is_done base || ask "CREATE TABLE reviews (id int, author text); $(note base)"
    [ "$HEAD" = base ] || is_done writer || ask 'ALTER TABLE reviews ADD COLUMN writer text;
        CREATE FUNCTION same() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
            NEW.writer := coalesce(NEW.writer, NEW.author); NEW.author := coalesce(NEW.author, NEW.writer);
            RETURN NEW; END $$;
        CREATE TRIGGER same BEFORE INSERT OR UPDATE ON reviews FOR EACH ROW EXECUTE FUNCTION same();'"$(note writer)" ;;
backfill) [ "$HEAD" = base ] || ask 'UPDATE reviews SET writer = author WHERE writer IS NULL' ;;
contract) ask "DROP TRIGGER same ON reviews; ALTER TABLE reviews DROP COLUMN author; $(note gone)" ;;
window) ask "ALTER TABLE reviews RENAME COLUMN writer TO name; ${FAILING:-SELECT 1}; $(note renamed)" ;;
pending)
    is_done base || exit 2
    [ "$HEAD" = base ] && exit 0
    is_done writer || exit 2
    is_done gone || { echo contract author_goes; exit 4; } ;;
esac
"""
SERVICE = """
services:
  jobs:
    environment: { HEAD: "${HEAD:-base}", COLUMN: "${COLUMN:-author}", FAILING: "${FAILING:-}" }
    volumes: ["./tool.sh:/tool.sh:ro"]
"""
SECTION = """
  service: jobs
  expand: sh /tool.sh expand
  backfill: sh /tool.sh backfill
  contract: sh /tool.sh contract
  window: sh /tool.sh window
  pending: sh /tool.sh pending
  assert: SELECT count(*) FROM reviews WHERE writer IS DISTINCT FROM author
"""


KNOWN = "  judge: { bookkeeping: [revision], functions: [surprise] }\n"


@pytest.fixture(scope="module")
def till(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Till]:
    """The stack with its first release, whose tool knows nothing of writers yet."""
    with opened_till(tmp_path_factory.mktemp("till")) as found:
        found.write("tool.sh", TOOL)
        found.write("compose.override.yml", SERVICE)
        checks = (found.stack.folder / "teal.yml").read_text(encoding="utf-8")
        found.write("teal.yml", checks.replace("SELECT author", "SELECT $COLUMN"))
        found.section(SECTION)
        found.teal.run("deploy")
        found.sql("INSERT INTO reviews VALUES (1, 'Ada')")
        yield found


def columns(till: Till) -> str:
    wanted = "table_name = 'reviews' AND column_name <> 'id'"
    return till.sql(f"SELECT string_agg(column_name, ',') FROM information_schema.columns WHERE {wanted}")


def serves(till: Till) -> tuple[int, list[str]]:
    found = till.teal.status()
    return found["release"], found["problems"]


def unmet(found: dict[str, Any]) -> dict[str, str]:
    return {each["name"]: each["evidence"] for each in found["conditions"] if not each["met"]}


def test_migrate_deploy_and_verify_are_a_command_each(till: Till) -> None:
    till.teal.variables |= {"HEAD": "writer", "COLUMN": "writer"}
    assert till.teal.run("migrate", "expand").result["outcome"] == "done"
    assert (columns(till), serves(till)) == ("author,writer", (1, []))
    assert not {"expand", "recheck"} & set(till.steps(till.teal.run("deploy")))
    assert till.contracts() == [("author_goes", 2)]
    (row,) = till.teal.status()["open"]
    assert any("release 1, exited" in each for each in row["waits"])
    till.sql("INSERT INTO reviews (id, writer) VALUES (2, 'Bob')")
    assert till.teal.run("rollback").result["release"] == 1
    till.sql("INSERT INTO reviews (id, author) VALUES (3, 'Eve')")
    assert till.teal.run("deploy").result["release"] == 3
    assert (
        till.sql("SELECT string_agg(author || '=' || writer, ' ' ORDER BY id) FROM reviews")
        == "Ada=Ada Bob=Bob Eve=Eve"
    )


def test_rows_that_the_owners_assertion_finds_keep_the_gate_shut_until_they_are_filled(till: Till) -> None:
    till.sql("SET session_replication_role = replica; INSERT INTO reviews VALUES (4, 'nobody saw it')")
    found = unmet(till.teal.run("migrate", "contract", "--dry-run").result)
    assert found["backfill"] == "1 row left: SELECT count(*) FROM reviews WHERE writer IS DISTINCT FROM author"
    shut = till.teal.run("migrate", "contract", "--give-up", "--yes", status=1).error
    assert "backfill: 1 row left" in shut["message"]
    assert (columns(till), len(till.teal.status()["open"])) == ("author,writer", 1)
    till.section(SECTION.replace("FROM reviews", "FROM review"))
    ended = till.teal.run("migrate", "contract", "--dry-run")
    assert unmet(ended.result)["backfill"].startswith("could not be counted: ")
    assert 'relation "review" does not exist' in ended.result["notes"][0]
    till.section(SECTION)
    assert till.teal.run("migrate", "backfill").result["outcome"] == "done"
    assert "backfill" not in unmet(till.teal.run("migrate", "contract", "--dry-run").result)


def test_the_clean_up_comes_later_through_the_gate_and_raises_the_floor(till: Till) -> None:
    seen = till.teal.run("migrate", "contract", "--dry-run").result
    assert set(unmet(seen)) == {"containers", "kept", "confirmed"}
    assert {each["name"]: each["evidence"] for each in seen["conditions"]}["backfill"] == "no row left, by 1 assertion"
    shut = till.teal.run("migrate", "contract", "--yes", status=1).error
    assert "kept for a rollback: release 1" in shut["message"]
    assert columns(till) == "author,writer"
    found = till.teal.run("migrate", "contract", "--give-up", "--yes").result
    assert (found["contract"], found["outcome"], found["gives_up"]) == ("author_goes", "done", [1])
    assert columns(till) == "writer"
    assert till.teal.status()["floor"]["release"] == 2
    refused = till.teal.run("rollback", "1", status=1).error
    assert "contract author_goes has removed what releases before 2 need" in refused["message"]
    assert "the nearest release that can come back is 2" in refused["hint"]
    assert till.teal.run("migrate", "status", "--exit-code").result["state"] == "done"
    assert till.teal.run("rollback").result["release"] == 2


def test_a_window_is_judged_before_anybody_waits(till: Till) -> None:
    till.section(f"{SECTION}  sql:\n    window: echo 'CALL surprise();'\n")
    ended = till.teal.run("migrate", "window", "--yes", status=1)
    assert "sql.window:1" in ended.error["message"]
    assert "hold" not in [line.get("step") for line in ended.lines]
    till.section(f"{SECTION}  sql:\n    window: echo \"INSERT INTO revision VALUES ('x'); CALL surprise();\"\n{KNOWN}")
    assert till.teal.run("migrate", "check").result["scripts"] == ["sql.window"]
    excused = """printf '%s\\n' '-- teal: phase=window reason="it is ours"' 'CALL surprise();'"""
    till.section(f"{SECTION}  sql:\n    window: |\n      {excused}\n")
    assert till.teal.run("migrate", "check").result["findings"][0]["excused"] == "it is ours"
    assert till.teal.run("migrate", "status").result["excused"] == ["sql.window:1: phase=window: it is ours"]
    till.section(SECTION)


def test_a_window_that_fails_brings_the_old_release_back_and_does_not_know_more_than_it_can(till: Till) -> None:
    till.teal.variables |= {"COLUMN": "name", "FAILING": "SELECT 1/0"}
    error = till.teal.run("migrate", "window", "--yes", status=1).error
    assert "the window phase ended with status" in error["message"]
    assert (
        "release 2 serves again; these changes stay in the database: perhaps those of `sh /tool.sh window`"
        in error["hint"]
    )
    assert (columns(till), serves(till)) == ("writer", (2, []))
    assert till.teal.status()["floor"]["contract"] == "author_goes"


def test_a_window_holds_users_changes_the_name_and_raises_the_floor_to_its_release(till: Till) -> None:
    del till.teal.variables["FAILING"]
    found = till.teal.run("migrate", "window", "--yes").result
    assert columns(till) == "name"
    assert serves(till) == (found["release"], [])
    floor = till.teal.status()["floor"]
    assert (floor["release"], floor["contract"]) == (found["release"], f"window of release {found['release']}")
    assert "can't come back" in till.teal.run("rollback", status=1).error["message"]
    for path in (till.teal.home / till.stack.project).glob("journal.db*"):
        path.unlink()
    assert till.teal.status()["floor"] == floor
    assert "can't come back" in till.teal.run("rollback", "2", status=1).error["message"]


def test_without_a_pending_command_status_and_check_say_unknown_and_never_broken(till: Till) -> None:
    text = (till.stack.folder / "teal.yml").read_text(encoding="utf-8")
    try:
        till.write("teal.yml", "".join(line for line in text.splitlines(keepends=True) if "pending:" not in line))
        status, check = (till.teal.run("migrate", word).result for word in ("status", "check"))
        assert (status["state"], status["problems"], check["safe"]) == ("unknown", [], True)
        assert status["unknown"] == check["unknown"] == "no `pending` command: each deploy runs `expand`"
        till.teal.run("migrate", "status", "--exit-code", status=6)
    finally:
        till.write("teal.yml", text)
    till.teal.run("migrate", "status", "--exit-code")
    elsewhere = {"COMPOSE_PROJECT_NAME": f"{till.stack.project}-ci"}
    absent = till.teal.run("migrate", "status", "--exit-code", status=6, **elsewhere).result
    assert "can't be started" in absent["unknown"]  # nothing of that stack is there yet

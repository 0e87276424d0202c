"""Schema changes through real deploys: a small stack whose releases share one database."""

from __future__ import annotations

import json
import secrets
import shutil
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.engine.teal import Teal
from tests.engine.till import Till, opened_till

pytestmark = [pytest.mark.engine, pytest.mark.timeout(240)]
SECRET = "not-to-be-seen"


@pytest.fixture(scope="module")
def till(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Till]:
    """The stack with its first release on blue, whose first file has made the table."""
    with opened_till(tmp_path_factory.mktemp("till")) as found:
        found.teal.run("deploy")
        yield found


@pytest.fixture
def clean(till: Till) -> Iterator[Till]:
    """The same, with its files put back afterwards."""
    kept = {path: path.read_bytes() for path in till.stack.folder.rglob("*") if path.is_file()}
    yield till
    for path in till.stack.folder.rglob("*"):
        if path.is_file() and path not in kept:
            path.unlink()
    for path, content in kept.items():
        path.write_bytes(content)


def test_the_first_deploy_makes_the_schema(till: Till) -> None:
    assert till.sql("SELECT count(*) FROM reviews") == "12000"
    assert till.sql("SELECT name, done FROM teal.teal_migrations") == "0001_reviews.expand|2"
    found = till.teal.run("migrate", "status", "--exit-code").result
    assert (found["state"], found["pending"], found["open"]) == ("done", [], [])


def test_a_rename_goes_through_expand_and_backfill_and_leaves_its_contract_open(till: Till) -> None:
    till.teal.run("migrate", "plan", "rename reviews.author to reviews.writer text", "--write", "migrations")
    assert till.teal.run("migrate", "status", "--exit-code", status=2).result["state"] == "expand"
    planned = till.teal.run("deploy", "--dry-run").result["steps"]
    assert any("expand the schema: the files of migrations" in step for step in planned)
    assert till.sql("SELECT count(*) FROM teal.teal_migrations") == "1"
    done = till.teal.run("deploy")
    steps = till.steps(done)
    expected = ["expand", "recheck", "backfill", "create", "record-contracts", "switch"]
    assert [each for each in steps if each in expected] == expected
    assert till.sql("SELECT count(*) FROM reviews WHERE writer IS DISTINCT FROM author") == "0"
    stem = "0002_rename_reviews_author_writer"
    assert till.contracts() == [(stem, 2)]
    found = till.teal.run("migrate", "status", "--exit-code", status=4).result
    assert (found["state"], found["pending"]) == ("contract", [{"phase": "contract", "name": f"{stem}.contract"}])
    (row,) = found["open"]
    assert (row["name"], row["release"]) == (stem, 2)
    assert any(each.startswith("kept: kept for a rollback: release 1") for each in row["waits"])
    (row,) = till.teal.status()["open"]
    assert (row["name"], row["removes"]) == (stem, ["reviews.author"])
    assert any(each.startswith("containers: older than release 2") for each in row["waits"])
    assert SECRET not in json.dumps(done.lines) + done.said


def test_a_deploy_with_nothing_pending_expands_and_checks_nothing(till: Till) -> None:
    began = time.monotonic()
    done = till.teal.run("deploy", "--force")
    took = {line["step"]: line["seconds"] for line in done.lines if line.get("event") == "step-ended"}
    assert not {"expand", "recheck", "backfill", "record-contracts"} & set(till.steps(done))
    assert sum(took[each] for each in ("expand", "recheck", "backfill", "record-contracts")) < 1.0, began
    assert till.contracts() == [("0002_rename_reviews_author_writer", 2)]


def test_all_files_are_judged_where_there_is_no_database_as_in_ci(till: Till, tmp_path: Path) -> None:
    shutil.copytree(till.stack.folder, tmp_path / "ci")
    ci = Teal(tmp_path / "ci", tmp_path / "home")
    checked = ci.run("migrate", "check", COMPOSE_PROJECT_NAME=f"{till.stack.project}-ci").result
    assert checked["safe"]
    assert "0001_reviews.expand.sql" in checked["scripts"]
    assert "judged without the database: the database's service db does not run" in checked["notes"][0]


def test_an_edited_file_is_refused_and_nothing_was_touched(clean: Till) -> None:
    before = clean.teal.status()
    clean.migration("0001_reviews.expand", "CREATE TABLE reviews (id int);")
    ended = clean.teal.run("deploy", status=1)
    assert "0001_reviews.expand was changed after it had been applied" in ended.error["message"]
    after = clean.teal.status()
    assert (after["release"], after["active"]) == (before["release"], before["active"])
    assert "broken" in clean.teal.run("migrate", "status", "--exit-code", status=1).result["state"]


def test_what_the_judge_refuses_is_not_run(clean: Till) -> None:
    clean.migration("0003_bad.expand", "ALTER TABLE reviews RENAME COLUMN author TO name;\n")
    checked = clean.teal.run("migrate", "check", status=1).result
    assert [(each["script"], each["line"], each["rule"]) for each in checked["findings"]] == [
        ("0003_bad.expand.sql", 1, "rename")
    ]
    for command in (("deploy",), ("migrate", "expand")):
        ended = clean.teal.run(*command, status=1)
        assert "0003_bad.expand.sql:1: one of the two releases does not know the new name" in ended.error["message"]
        assert "expand" not in till_steps(ended)
    assert clean.sql("SELECT count(author) FROM reviews") == "12000"


def test_a_schema_that_breaks_the_release_that_serves_stops_the_deploy_before_anything_starts(clean: Till) -> None:
    before = clean.teal.status()
    excuse = '-- teal: allow=rename reason="nobody reads it, or so we believed"\n'
    clean.migration("0003_bad.expand", f"{excuse}ALTER TABLE reviews RENAME COLUMN author TO name;\n")
    (finding,) = clean.teal.run("migrate", "check").result["findings"]
    assert finding["excused"] == "nobody reads it, or so we believed"
    ended = clean.teal.run("deploy", status=1)
    try:
        blamed = f"release {before['release']}, which serves, does not work with the expanded schema"
        assert blamed in ended.error["message"]
        assert "create" not in till_steps(ended)
        after = clean.teal.status()
        assert (after["release"], after["active"], after["problems"]) == (before["release"], before["active"], [])
        said = (clean.stack.folder / "teal.yml").read_text(encoding="utf-8")
        clean.write("teal.yml", said.replace("SELECT author", "SELECT name"))  # the new code is made for it
        again = clean.teal.run("deploy").result
        assert any(blamed in note for note in again["notes"])
        clean.write("teal.yml", said)
    finally:
        clean.sql("ALTER TABLE reviews RENAME COLUMN name TO author")
        clean.sql("DELETE FROM teal.teal_migrations WHERE name = '0003_bad.expand'")
    (clean.stack.folder / "migrations" / "0003_bad.expand.sql").unlink()
    clean.teal.run("deploy", "--force")


def till_steps(of: Any) -> list[str]:
    return [line["step"] for line in of.lines if line.get("event") == "step-began"]


COMMANDS = r"""
  service: jobs
  expand: |
    psql "$DATABASE_URL" -v ON_ERROR_STOP=1 <<SQL
    ALTER TABLE reviews ADD COLUMN IF NOT EXISTS stars int;
    DO \$\$ BEGIN
        WHILE NOT EXISTS (SELECT FROM pg_class WHERE relname = 'go') LOOP PERFORM pg_sleep(0.1); END LOOP;
    END \$\$;
    SQL
  backfill: psql "$DATABASE_URL" -c "UPDATE reviews SET stars = 3 WHERE stars IS NULL"
  pending: |
    found=$(psql "$DATABASE_URL" -tAc "SELECT 1 FROM information_schema.columns WHERE column_name = 'stars'")
    echo noise >&2
    [ -n "$found" ] || exit 2
    echo contract drop_author
    exit 4
  sql:
    expand: echo noise >&2; echo 'ALTER TABLE reviews {change};'
  backfill_when: after
"""


def test_commands_run_from_the_new_image_once_and_a_killed_one_is_waited_for(clean: Till) -> None:
    clean.section(COMMANDS.replace("{change}", "RENAME COLUMN author TO name"))
    refused = clean.teal.run("deploy", status=1)
    assert "sql.expand:1: one of the two releases does not know the new name" in refused.error["message"]
    assert "expand" not in till_steps(refused)
    clean.section(COMMANDS.replace("{change}", "ADD COLUMN IF NOT EXISTS stars int"))
    assert clean.teal.run("migrate", "check").result["scripts"] == ["sql.expand"]
    with clean.teal.running("deploy") as run:
        run.until_step("expand")
        end = time.monotonic() + 60
        while clean.sql("SELECT count(*) FROM pg_stat_activity WHERE query LIKE 'DO %go%pg_sleep%'") != "1":
            assert time.monotonic() < end, run.lines
            time.sleep(0.1)
        run.send(signal.SIGKILL)
        run.end()
    with clean.teal.running("deploy") as run:
        run.until(lambda line: "still runs from an earlier attempt" in line.get("text", ""), "it waits")
        clean.sql("CREATE TABLE go ()")
        done = run.end()
    assert done.status == 0, done.told
    assert clean.sql("SELECT count(*) FROM reviews WHERE stars = 3") == "12000"
    assert tuple(name for name, _ in clean.contracts() if name.startswith("drop")) == ("drop_author",)
    names = till_steps(done)
    assert names.index("switch") < names.index("backfill")
    assert clean.teal.run("migrate", "status", "--exit-code", status=4).result["pending"] == [
        {"phase": "contract", "name": "drop_author"}
    ]


def test_expand_alone_then_a_deploy_that_finds_it_done(clean: Till) -> None:
    clean.migration("0004_notes.expand", "CREATE TABLE notes (id int);\n")
    planned = clean.teal.run("migrate", "expand", "--dry-run").result
    assert planned["pending"] == [{"phase": "expand", "name": "0004_notes.expand"}]
    assert clean.teal.run("migrate", "expand").result["outcome"] == "done"
    assert clean.teal.run("migrate", "expand").result["outcome"] == "unchanged"
    assert clean.sql("SELECT count(*) FROM notes") == "0"
    assert "expand" not in clean.steps(clean.teal.run("deploy"))


BATCHED = """-- teal: rate=3000
UPDATE reviews SET kind = 'x' WHERE id IN (SELECT id FROM reviews WHERE kind IS NULL LIMIT 1000);
"""


def test_a_backfill_that_is_killed_goes_on_where_it_was(clean: Till) -> None:
    clean.migration("0005_kind.expand", "ALTER TABLE reviews ADD COLUMN kind text;\n")
    clean.migration("0005_kind.backfill", BATCHED)
    with clean.teal.running("deploy") as run:
        run.until(lambda line: "0005_kind.backfill: " in line.get("text", ""), "a line of progress")
        run.send(signal.SIGKILL)
        run.end()
    done = int(clean.sql("SELECT count(*) FROM reviews WHERE kind = 'x'"))
    assert 1000 <= done < 12000
    assert clean.teal.run("migrate", "status", "--exit-code", status=2).result["state"] == "backfill"
    ended = clean.teal.run("migrate", "backfill")
    assert any("0005_kind.backfill: " in line.get("text", "") for line in ended.lines)
    assert ended.result["healed"]
    assert clean.sql("SELECT count(*) FROM reviews WHERE kind = 'x'") == "12000"
    assert clean.teal.run("migrate", "backfill").result["outcome"] == "unchanged"


ONE_SHOT = """
services:
  migrate:
    image: timescale/timescaledb-ha:pg17
    entrypoint: [psql, "postgresql://till:not-to-be-seen@db:5432/till", -c]
    command: ["CREATE TABLE IF NOT EXISTS shots (id int)"]
    depends_on: { db: { condition: service_healthy } }
"""


def test_the_stacks_own_one_shot_is_the_expand_phase_as_it_stands(clean: Till) -> None:
    clean.write("compose.override.yml", ONE_SHOT)
    text = (clean.stack.folder / "teal.yml").read_text(encoding="utf-8")
    clean.write("teal.yml", text.replace("{ jobs: worker }", "{ jobs: worker, migrate: one-shot }"))
    clean.section("  one_shot: migrate\n")
    steps = clean.steps(clean.teal.run("deploy"))
    expected = ["expand", "recheck", "create"]
    assert [each for each in steps if each in {"run-once", *expected}] == expected
    assert clean.sql("SELECT count(*) FROM shots") == "0"


def killed_after_its_switch(till: Till, *words: str) -> int:
    """Kill a command right after its switch; return the number of its release."""
    with till.teal.running(*words, RELEASE_NAME=secrets.token_hex(4)) as run:
        run.until_step("confirm")
        run.send(signal.SIGKILL)
        run.end()
    found: int = till.teal.status()["release"]
    return found


def test_a_command_that_only_looks_at_kept_releases_heals_a_deploy_that_was_killed_after_its_switch(till: Till) -> None:
    release = killed_after_its_switch(till, "deploy")
    assert "interrupted after its switch: finished" in till.teal.run("cleanup", "--yes").result["healed"]
    assert till.teal.status()["release"] == release
    assert till.teal.run("rollback").result["healed"] == ""


def test_it_heals_a_window_too_and_raises_the_floor_as_the_database_tells_it(till: Till) -> None:
    till.migration("0009_kind.window", "ALTER TABLE reviews RENAME COLUMN kind TO sort;\n")
    release = killed_after_its_switch(till, "migrate", "window", "--yes")
    assert "interrupted after its switch: finished" in till.teal.run("cleanup", "--yes").result["healed"]
    floor = till.teal.status()["floor"]
    assert (floor["release"], floor["contract"]) == (release, "0009_kind.window")

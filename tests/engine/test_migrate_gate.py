"""Contracts through their gate, and windows, on a real stack with a table and a hypertable, users never stopping."""

from __future__ import annotations

import asyncio
import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

import aiohttp
import pytest

from proof.managed import ROOT, Managed
from proof.migrations.reading import columns, read_back, sql
from proof.migrations.stack import ledger
from proof.migrations.writers import Writers

pytestmark = [pytest.mark.engine, pytest.mark.load, pytest.mark.timeout(400)]

TABLES = ("reviews", "visits")
RATE = 30.0  # writes a second


@pytest.fixture(scope="module")
def stack() -> Iterator[Managed]:
    with ledger(1000) as found:
        yield found


@pytest.fixture
def writers(stack: Managed) -> Iterator[Writers]:
    for table in TABLES:
        sql(stack, f"DELETE FROM {table} WHERE key LIKE 'w-%'")  # of earlier writers, who called theirs the same
    with Writers(stack.http, TABLES, RATE) as found:
        yield found


class Visitors:
    """Users who read one row ten times a second, and note every answer but the row."""

    def __init__(self, stack: Managed) -> None:
        self._url = f"{stack.http}/reviews/r-1"
        self.others: list[tuple[int, str]] = []  # status, Retry-After
        self.served = 0
        self._end = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)

    def __enter__(self) -> Visitors:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    async def _run(self) -> None:
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=40)) as session:
            tasks = []
            while not self._end.is_set():
                tasks.append(asyncio.create_task(self._visit(session)))
                await asyncio.sleep(0.1)
            await asyncio.gather(*tasks)

    async def _visit(self, session: aiohttp.ClientSession) -> None:
        async with session.get(self._url) as response:
            if response.status == 200:
                self.served += 1
            else:
                self.others.append((response.status, response.headers.get("Retry-After", "")))


def said(stack: Managed, *words: str, status: int = 0) -> dict[str, Any]:
    """Return what Teal says as JSON; it must end with *status*."""
    done = stack.teal("--json", *words, check=False)
    assert done.returncode == status, f"{words}: {done.returncode}\n{done.stdout[-2000:]}\n{done.stderr[-2000:]}"
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def ended_at(stack: Managed, point: str, *words: str) -> None:
    """Run Teal, which is killed at *point*."""
    argv = [sys.executable, "-m", "tests.faults.ending", point, "SIGKILL", "--", *words]
    mark = stack.folder.parent / f"mark-{time.monotonic_ns()}"
    environment = {**stack.environment, "PYTHONPATH": str(ROOT), "TEAL_TEST_MARK": str(mark)}
    done = subprocess.run(argv, cwd=stack.folder, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == -signal.SIGKILL, done.stdout + done.stderr


def write(stack: Managed, name: str, text: str) -> None:
    (stack.folder / "migrations" / name).write_text(text, encoding="utf-8")


def unmet(found: dict[str, Any]) -> dict[str, str]:
    return {each["name"]: each["evidence"] for each in found["conditions"] if not each["met"]}


def deploy(stack: Managed, **variables: str) -> dict[str, Any]:
    stack.write_env(**variables)
    return said(stack, "deploy", "--no-build", "--force")


# --- contracts: the author of reviews and visits becomes the writer


def test_the_gate_is_shut_while_an_older_release_is_kept_and_nothing_is_given_up_unasked(stack: Managed) -> None:
    for table, *more in (("reviews",), ("visits", "--hypertable")):
        sentence = f"rename {table}.author to {table}.writer text not null"
        stack.teal("migrate", "plan", sentence, "--write", "migrations", *more)
    deploy(stack, AUTHOR="writer")
    seen = said(stack, "migrate", "contract", "--dry-run")
    assert set(unmet(seen)) == {"containers", "kept", "confirmed"}
    assert "app-" in unmet(seen)["containers"]
    assert (seen["release"], seen["gives_up"]) == (2, [1])
    error = said(stack, "migrate", "contract", "--yes", status=1)["error"]
    assert "--give-up" in error["hint"]
    assert said(stack, "status")["rollback"]["how"] == "stopped"


def test_a_session_of_unknown_origin_keeps_it_shut_until_someone_vouches_for_it(stack: Managed) -> None:
    asks = ["psql", "-h", "127.0.0.1", "-U", "ledger", "-c", "SELECT pg_sleep(60)"]
    argv = ["docker", "compose", "exec", "-T", "db", *asks]
    with subprocess.Popen(argv, cwd=stack.folder, env=stack.environment, stdout=subprocess.DEVNULL) as session:
        end = time.monotonic() + 20
        while "sessions" not in unmet(seen := said(stack, "migrate", "contract", "--dry-run")):
            assert time.monotonic() < end
        assert "127.0.0.1" in unmet(seen)["sessions"]
        trusted = said(stack, "migrate", "contract", "--dry-run", "--trust", "127.0.0.1")
        assert "sessions" not in unmet(trusted)
        sql(stack, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query LIKE 'SELECT pg_sleep%'")
        session.wait()


def test_a_soft_contract_takes_the_column_away_and_undo_brings_it_back(stack: Managed, writers: Writers) -> None:
    name = said(stack, "migrate", "contract", "--dry-run")["contract"]
    found = said(stack, "migrate", "contract", name, "--soft", "--give-up", "--yes")
    assert (found["outcome"], found["gives_up"]) == ("soft", [1])
    assert "author" not in columns(stack, "reviews")
    assert said(stack, "status")["floor"]["release"] == 2
    error = said(stack, "rollback", "1", status=1)["error"]
    assert name in error["message"]
    time.sleep(1)
    back = said(stack, "migrate", "undo", name)
    assert back["outcome"] == "undone"
    assert "written while it was away" in " ".join(back["notes"])
    assert "author" in columns(stack, "reviews")
    assert said(stack, "status")["floor"] is None
    time.sleep(0.5)
    sql(stack, "UPDATE reviews SET author = writer WHERE author IS DISTINCT FROM writer")
    assert writers.tally.failed == writers.tally.differing == []


def test_a_contract_killed_before_its_sql_leaves_the_floor_and_goes_on(stack: Managed, writers: Writers) -> None:
    name = said(stack, "migrate", "contract", "--dry-run")["contract"]
    ended_at(stack, "before:run-contract", "migrate", "contract", name, "--yes")
    assert said(stack, "status")["floor"]["release"] == 2
    assert "author" in columns(stack, "reviews")
    found = said(stack, "migrate", "contract", name, "--yes")
    assert "what it had applied stays" in found["healed"]
    assert "author" not in columns(stack, "reviews")
    said(stack, "migrate", "contract", name, "--yes", status=1)
    compared, wrong = read_back(stack, writers)
    assert compared
    assert writers.tally.failed == writers.tally.differing == wrong == []


KEEPER = """
CREATE FUNCTION keep() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'the authors stay'; END $$;
CREATE EVENT TRIGGER keeper ON ddl_command_start WHEN TAG IN ('ALTER TABLE') EXECUTE FUNCTION keep();
"""


def test_a_contract_that_fails_takes_its_floor_back(stack: Managed) -> None:
    name = said(stack, "migrate", "contract", "--dry-run")["contract"]
    sql(stack, "CREATE VIEW authors AS SELECT author FROM visits")
    assert "authors" in str(said(stack, "migrate", "contract", name, "--yes", status=1)["error"])  # by the judge
    sql(stack, "DROP VIEW authors")
    sql(stack, KEEPER)  # what only the database knows
    assert "the authors stay" in said(stack, "migrate", "contract", name, "--yes", status=1)["error"]["message"]
    contracts = said(stack, "status")["floor"]
    assert contracts["contract"] != name
    sql(stack, "DROP EVENT TRIGGER keeper")
    assert said(stack, "migrate", "contract", name, "--yes")["outcome"] == "done"
    assert "author" not in columns(stack, "visits")


# --- windows: names that no two releases share

NAMES = "ALTER TABLE reviews RENAME {0} TO {1};\nALTER TABLE visits RENAME {0} TO {1};\n"


def test_a_window_holds_every_request_and_loses_none(stack: Managed, writers: Writers) -> None:
    write(stack, "0010_back.window.sql", '-- teal: reason="one name for it"\n' + NAMES.format("writer", "author"))
    stack.write_env(AUTHOR="author")
    error = said(stack, "deploy", "--no-build", "--force", status=1)["error"]
    assert "teal migrate window" in error["hint"]
    time.sleep(1)
    found = said(stack, "migrate", "window", "--no-build", "--yes")
    assert any("held requests for" in note for note in found["notes"]), found["notes"]
    time.sleep(1)
    assert writers.tally.failed == writers.tally.differing == []
    assert "author" in columns(stack, "reviews")
    floor = said(stack, "status")["floor"]
    assert (floor["release"], floor["contract"]) == (found["release"], "0010_back.window")
    assert "one name for it" in said(stack, "rollback", status=1)["error"]["message"]
    assert said(stack, "migrate", "window", "--yes", status=1)["error"]["message"].startswith("no change")


def test_a_window_whose_sql_fails_brings_the_old_release_back_and_shows_nothing_but_the_page(stack: Managed) -> None:
    write(stack, "0011_writer.window.sql", NAMES.format("author", "writer") + "SELECT 1 / 0;\n")
    stack.write_env(AUTHOR="writer")
    before = said(stack, "status")
    with Visitors(stack) as visitors:
        time.sleep(1)
        error = said(stack, "migrate", "window", "--maintenance", "--no-build", "--yes", status=1)["error"]
        time.sleep(1)
    assert "0011_writer.window" in error["message"]
    assert "serves again, on the database as it was" in error["hint"]
    assert set(visitors.others) == {(503, "30")}
    assert visitors.served > 10
    after = said(stack, "status")
    assert (after["active"], after["release"], after["problems"]) == (before["active"], before["release"], [])


def test_a_window_that_is_killed_with_its_page_up_is_healed_by_the_next_command(stack: Managed) -> None:
    write(stack, "0011_writer.window.sql", NAMES.format("author", "writer"))
    with Visitors(stack) as visitors:
        ended_at(stack, "before:run-window", "migrate", "window", "--maintenance", "--no-build", "--yes")
        assert stack.state.read_text().startswith("maintenance ")
        assert "interrupted" in said(stack, "status")["interrupted"]
        found = said(stack, "cleanup")
        time.sleep(0.5)
        served = visitors.served
        time.sleep(1)
        assert visitors.served > served
    assert "migrate-window" in found["healed"]
    assert set(visitors.others) <= {(503, "30")}
    assert stack.state.read_text() in {"blue", "green"}


def test_where_neither_release_can_live_with_the_change_the_page_stays_and_it_is_said(stack: Managed) -> None:
    stack.write_env(AUTHOR="nobody")
    error = said(stack, "migrate", "window", "--maintenance", "--no-build", "--yes", status=4)["error"]
    assert "does not serve again" in error["hint"]
    assert "these changes stay in the database: 0011_writer.window" in error["hint"]
    assert said(stack, "status")["users"] == "maintenance"
    stack.write_env(AUTHOR="writer")
    with Visitors(stack) as visitors:
        found = said(stack, "deploy", "--strategy", "recreate", "--no-build", "--force")
        time.sleep(1)
    assert found["outcome"] == "done"
    assert set(visitors.others) <= {(503, "30")}
    assert visitors.served
    status = said(stack, "status")
    assert (status["release"], status["problems"]) == (found["release"], [])
    assert status["floor"]["release"] == found["release"]

"""The journal tells what was written to it, and no file at its place can stop a command."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path
from typing import get_args

import pytest

from teal.adapters.state import journal_db
from teal.adapters.state.journal import SqliteJournal
from teal.core.model.side import Side
from teal.core.planning.past import past_of
from teal.core.planning.steps import (
    Build,
    CheckActive,
    Confirm,
    Drain,
    EmptySide,
    Expand,
    Hold,
    JudgeMigrations,
    Preflight,
    RecordActive,
    RecordWindow,
    RunHook,
    RunOnce,
    SaveRelease,
    Start,
    StartShared,
    Step,
    Switch,
)
from teal.errors import Unavailable


class Ticks:
    """A clock that goes on by one second at each look."""

    def __init__(self) -> None:
        self.time = 1000.0

    def __call__(self) -> float:
        self.time += 1
        return self.time


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "journal.db"


def journal(path: Path) -> SqliteJournal:
    return SqliteJournal(path, now=Ticks())


def deploy(to: SqliteJournal, release: int, target: Side = Side.BLUE) -> int:
    run = to.begin("deploy", None, target, release)
    for step in (Start(target, release, ("web",)), Switch(target, release), Drain(target.other)):
        to.finished(to.started(run, step))
    to.end(run, "done")
    return run


def test_an_absent_journal_knows_nothing_and_is_not_created_by_reading(path):
    absent = journal(path)
    assert (absent.unfinished(), absent.turns(), absent.next_release()) == (None, (), 1)
    assert absent.history(10) == ()
    assert not path.exists()


def test_what_was_written_is_read_by_another_process(path):
    deploy(journal(path), 1)
    deploy(journal(path), 2, Side.GREEN)
    other = journal(path)
    assert past_of(other.turns()).last_switch == (Side.GREEN, 2)
    assert other.next_release() == 3
    latest, first = other.history(10)
    assert (latest.command, latest.release, latest.target, latest.outcome) == ("deploy", 2, Side.GREEN, "done")
    assert (first.started, first.ended) == (1001.0, 1008.0)
    assert latest.phases == {"start": 1.0, "switch": 1.0, "drain": 1.0}
    assert len(other.history(1)) == 1


def test_served_names_each_release_once_the_latest_last(path):
    written = journal(path)
    for release in (1, 2, 3, 2):
        deploy(written, release)
    assert past_of(written.turns()).served_releases == (1, 3, 2)


def test_a_switch_that_was_begun_only_did_not_serve(path):
    written = journal(path)
    written.started(written.begin("deploy", None, Side.BLUE, 1), Switch(Side.BLUE, 1))
    assert past_of(written.turns()).served_releases == ()
    assert past_of(written.turns()).last_switch is None


def test_a_switch_to_plain_has_no_release(path):
    written = journal(path)
    run = written.begin("leave", Side.BLUE, Side.PLAIN, None)
    written.finished(written.started(run, Switch(Side.PLAIN, None)))
    assert past_of(written.turns()).last_switch == (Side.PLAIN, None)
    assert past_of(written.turns()).served_releases == ()


def test_a_passed_step_takes_no_time_in_the_phases(path):
    written = journal(path)
    run = written.begin("deploy", None, Side.BLUE, 1)
    written.finished(written.started(run, StartShared(("db",))), passed=True)
    assert written.history(1)[0].phases == {}


def test_a_one_shot_ran_once_its_end_is_known(path):
    written = journal(path)
    entry = written.started(written.begin("deploy", None, Side.BLUE, 4), RunOnce("migrate", 4))
    assert not written.ran_once("migrate", 4)
    written.finished(entry)
    assert written.ran_once("migrate", 4)
    assert not written.ran_once("migrate", 5)
    assert not written.ran_once("seed", 4)


def test_a_contract_is_open_since_the_first_release_that_brought_it_until_it_was_run(path):
    written = journal(path)
    written.open_contract("0007_writer", 3)
    written.open_contract("0007_writer", 3)
    written.open_contract("0009_kind", 5)
    written.close_contract("0007_writer", "run by hand")
    written.close_contract("0007_writer", "twice")
    other = journal(path).contracts()
    assert [(each.name, each.release, each.opened, each.reason, each.floor) for each in other] == [
        ("0007_writer", 3, 1001.0, "run by hand", 3),
        ("0009_kind", 5, 1003.0, "", 0),
    ]


def test_an_open_contract_moves_to_a_later_release_only(path):
    written = journal(path)
    for release in (3, 5, 4):
        written.open_contract("0007_writer", release)
    (moved,) = written.contracts()
    assert (moved.release, moved.opened) == (5, 1002.0)


def test_a_contract_that_is_pending_again_is_open_again(path):
    written = journal(path)
    written.open_contract("0007_writer", 3)
    written.close_contract("0007_writer", "")
    written.open_contract("0007_writer", 2)
    (again,) = written.contracts()
    assert (again.release, again.closed, again.floor) == (2, None, 0)


def test_contracts_outlive_a_journal_that_is_lost_or_damaged(path):
    written = journal(path)
    deploy(written, 3)
    written.open_contract("0007_writer", 3)
    written.close_contract("0007_writer", "one name for it")
    written.open_contract("0009_kind", 4)
    before = written.contracts()
    written.close()
    for damage in (Path.unlink, lambda file: file.write_bytes(b"spoiled"), lambda file: file.write_bytes(b"")):
        damage(path)
        assert journal(path).contracts() == before
        again = journal(path)
        deploy(again, 4)  # a journal without contracts begins
        assert journal(path).contracts() == again.contracts() == before
        again.open_contract("0011_size", 5)
        before = again.contracts()
        assert [each.name for each in before] == ["0007_writer", "0009_kind", "0011_size"]
        again.close()
        assert journal(path).contracts() == before
    assert path.with_name("contracts.json").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("text", ["", "{}", '[["0007_writer", -1, 0, 0, ""]]', '[["0007_writer", 1]]', "\x00"])
def test_a_copy_of_the_contracts_that_is_none_of_teals_is_passed_over(path, text):
    path.with_name("contracts.json").write_text(text)
    found = journal(path)
    assert found.contracts() == ()
    assert "not Teal's" in found.notes[0]
    found.open_contract("0007_writer", 2)
    assert [each.release for each in journal(path).contracts()] == [2]


def test_a_journal_of_an_older_teal_knows_no_contracts_until_one_is_written(path):
    written = journal(path)
    deploy(written, 1)
    written.close()
    assert journal(path).contracts() == ()
    assert journal(path).notes == ()
    journal(path).open_contract("0007_writer", 2)
    assert [each.name for each in journal(path).contracts()] == ["0007_writer"]
    assert past_of(journal(path).turns()).last_switch == (Side.BLUE, 1)


def test_of_old_runs_only_the_switches_by_which_releases_served_last_are_remembered(path, monkeypatch):
    monkeypatch.setattr(journal_db, "WHOLE", 4)
    monkeypatch.setattr(journal_db, "SWITCHES", 3)
    written = journal(path)
    for release in (1, 2, 1, 3, 4, 5, 6, 7, 8, 9):
        deploy(written, release)
    assert [run.id for run in written.history(100)] == [10, 9, 8, 7]
    assert past_of(written.turns()).served_releases == (6, 7, 8, 9)
    for _ in range(5):
        written.end(written.begin("deploy", Side.BLUE, Side.GREEN, None), "unchanged")
    assert [run.id for run in written.history(100)] == [15, 14, 13, 12, 10, 9, 8]
    assert past_of(written.turns()).last_switch == (Side.BLUE, 9)
    assert past_of(written.turns()).served_releases == (7, 8, 9)
    assert dict(written.history(100)[4].phases) == {"switch": 1.0}


def test_of_an_old_run_it_stays_known_whether_it_left_users_on_its_release(path, monkeypatch):
    monkeypatch.setattr(journal_db, "WHOLE", 2)
    written = journal(path)
    deploy(written, 1)
    back = written.begin("deploy", Side.BLUE, Side.GREEN, 2)
    for step in (Switch(Side.GREEN, 2), Confirm(Side.GREEN), Hold()):
        written.finished(written.started(back, step))
    written.end(back, "needs-person")  # nothing serves
    again = written.begin("rollback", Side.GREEN, Side.BLUE, 1)
    for step in (Switch(Side.BLUE, 1), RecordActive(Side.GREEN)):
        written.finished(written.started(again, step))
    written.end(again, "aborted", "it did not answer")
    before = past_of(written.turns())
    assert (before.served_releases, before.failed) == ((1,), {1: "it did not answer"})
    for _ in range(5):
        written.end(written.begin("cleanup", Side.BLUE, None, None), "done")
    assert past_of(written.turns()).served_releases == (1,)


def test_a_forgotten_run_gives_its_number_to_no_other(path, monkeypatch):
    monkeypatch.setattr(journal_db, "WHOLE", 2)
    written = journal(path)
    written.end(written.begin("deploy", Side.BLUE, Side.GREEN, 7), "aborted")
    for _ in range(5):
        written.end(written.begin("cleanup", Side.BLUE, None, None), "done")
    assert written.next_release() == 8
    assert [run.id for run in written.history(100)] == [6, 5, 1]


def test_what_a_run_that_did_not_end_has_done_is_not_forgotten(path, monkeypatch):
    monkeypatch.setattr(journal_db, "WHOLE", 1)
    written = journal(path)
    written.finished(written.started(written.begin("deploy", None, Side.BLUE, 1), RunOnce("migrate", 1)))
    for _ in range(3):
        written.end(written.begin("up", None, None, None), "done")
    assert written.ran_once("migrate", 1)
    assert written.unfinished().run == 1


def test_the_journal_knows_every_kind_of_step_that_it_forgets():
    assert set(journal_db.ORDINARY) <= {kind.name for kind in get_args(Step)}


def test_a_number_is_taken_by_the_release_that_is_kept_and_by_nothing_before(path):
    written = journal(path)
    run = written.begin("deploy", None, Side.BLUE, None)
    written.started(run, Build(("web",)))
    assert written.next_release() == 1
    written.started(run, SaveRelease(1, Side.BLUE))
    written.end(run, "aborted")
    assert written.next_release() == 2
    assert written.history(1)[0].release == 1


def test_a_killed_run_is_unfinished_and_tells_whether_it_kept_users_away(path):
    script = f"""
import os, signal
from pathlib import Path
from teal.adapters.state.journal import SqliteJournal
from teal.core.planning.past import past_of
from teal.core.model.side import Side
from teal.core.planning.steps import Hold, Switch
journal = SqliteJournal(Path({str(path)!r}))
run = journal.begin("deploy", Side.BLUE, Side.GREEN, 7)
assert not journal.unfinished().held
journal.started(run, Hold())
journal.started(run, Switch(Side.GREEN, 7))
os.kill(os.getpid(), signal.SIGKILL)
"""
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == -signal.SIGKILL
    after = journal(path)
    found = after.unfinished()
    assert found is not None
    assert (found.command, found.source, found.target, found.release) == ("deploy", Side.BLUE, Side.GREEN, 7)
    assert found.held
    assert after.next_release() == 8
    after.end(found.run, "healed")
    assert after.unfinished() is None


def _foreign(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE bookmark (url TEXT)")


def _scrambled(path: Path) -> None:
    written = journal(path)
    for release in range(1, 60):
        deploy(written, release)
    written.close()
    content = bytearray(path.read_bytes())
    content[4096:] = os.urandom(len(content) - 4096)
    path.write_bytes(content)


def _tableless(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(f"PRAGMA application_id = {0x7EA1}")
        connection.execute("PRAGMA user_version = 1")


@pytest.mark.parametrize(
    "spoil",
    [
        lambda path: path.write_bytes(b"not a database, " * 1000),
        lambda path: path.write_bytes(b"SQLite format 3\0" + os.urandom(100)),
        _foreign,
        _scrambled,
        _tableless,
    ],
    ids=["text", "torn", "foreign", "scrambled", "tableless"],
)
def test_a_file_that_is_no_journal_is_set_aside_and_a_fresh_one_begins(path, spoil):
    spoil(path)
    before = path.read_bytes()
    reader = journal(path)
    assert reader.unfinished() is None
    assert past_of(reader.turns()).served_releases == ()
    assert len(reader.notes) == 1
    assert path.read_bytes() == before
    writer = journal(path)
    deploy(writer, 1)
    assert past_of(writer.turns()).last_switch == (Side.BLUE, 1)
    assert "set aside" in writer.notes[0]
    assert path.with_name("journal.db.bad-1").read_bytes() == before


def test_each_bad_file_gets_a_place_of_its_own(path):
    for number in (1, 2):
        path.write_bytes(b"spoiled %d" % number)
        written = journal(path)
        deploy(written, 1)
        written.close()
        assert path.with_name(f"journal.db.bad-{number}").read_bytes() == b"spoiled %d" % number


def test_an_empty_file_is_simply_begun(path):
    path.touch()
    deploy(journal(path), 1)
    assert not list(path.parent.glob("*.bad-*"))


def test_a_lost_write_ahead_log_loses_no_ended_run(path):
    written = journal(path)
    deploy(written, 1)
    written.close()
    assert past_of(journal(path).turns()).last_switch == (Side.BLUE, 1)


def test_a_folder_that_is_gone_is_unavailable_not_a_crash(tmp_path):
    with pytest.raises(Unavailable, match="can't be written"):
        journal(tmp_path / "absent" / "journal.db").begin("deploy", None, Side.BLUE, 1)


READ = """
import os, sys
from pathlib import Path
from teal.adapters.state.journal import SqliteJournal
if os.getuid() == 0:
    os.setgid(65534); os.setuid(65534)
journal = SqliteJournal(Path(sys.argv[1]))
from teal.core.planning.past import past_of
print(past_of(journal.turns()).last_switch, journal.notes)
"""


@pytest.mark.parametrize("at_rest", [True, False], ids=["at-rest", "while-written"])
def test_a_user_without_write_permission_reads_it(at_rest):
    with tempfile.TemporaryDirectory(prefix="teal-journal-") as name:  # tmp_path is closed to other users
        folder = Path(name)
        written = journal(folder / "journal.db")
        deploy(written, 3)
        if at_rest:
            written.close()
        for each in folder.iterdir():
            each.chmod(0o444)
        folder.chmod(0o555)
        try:
            argv = [sys.executable, "-c", READ, folder / "journal.db"]
            seen = subprocess.run(argv, capture_output=True, text=True, check=True)
        finally:
            folder.chmod(0o755)
        assert seen.stdout.strip() == "(<Side.BLUE: 'blue'>, 3) ()"


@pytest.mark.parametrize(
    ("step", "payload"),
    [
        (Preflight(source=Side.BLUE), '{"force_memory":false}'),
        (Build(("api",), side=Side.GREEN), '{"services":["api"],"pull":[],"absent":[],"mounted":[]}'),
        (EmptySide(Side.GREEN, logs=True, sparing=frozenset({"clock"})), '{"side":"green","logs":true}'),
        (JudgeMigrations(8, no_window=True), '{"release":8,"phases":[],"only":""}'),
        (Expand(8, "files", CheckActive(Side.BLUE, 7)), '{"release":8,"how":"files"}'),
        (RunHook("post-switch", Side.GREEN, 8, each=True), '{"when":"post-switch","side":"green","release":8}'),
        (RecordWindow(8, unseen=True), '{"release":8}'),
        (Switch(Side.GREEN, 8, again=True), '{"to":"green","release":8}'),
        (Confirm(Side.GREEN, 8, Side.BLUE), '{"side":"green"}'),
    ],
)
def test_what_a_step_says_for_its_performing_only_is_not_recorded(path: Path, step: Step, payload: str) -> None:
    written = journal(path)
    written.started(written.begin("deploy", None, Side.BLUE, 1), step)
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT payload FROM step").fetchone() == (payload,)

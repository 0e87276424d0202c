"""What earlier versions of Teal have written is read, returned to and forgotten by this one."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path

import pytest

from teal.adapters.caddy.state_file import StateFile
from teal.adapters.state import journal_db
from teal.adapters.state.journal import SqliteJournal
from teal.adapters.state.releases import ReleaseFolders
from teal.adapters.state.reports import ReportFiles
from teal.adapters.state.run_logs import RunLogFiles
from teal.core.model.observed import Observed
from teal.core.model.side import Side
from teal.core.model.stack import CommandCheck, HttpCheck, HttpProbe, TcpProbe
from teal.core.model.traffic import Mode, Pages, Traffic, canary, format_traffic
from teal.core.model.units import ReleaseId
from teal.core.planning.past import past_of
from teal.core.planning.plan import plan_rollback
from teal.core.planning.rollback import rollback_release
from teal.core.planning.rollback_floor import floor_of
from teal.core.planning.step_names import Command, StepName
from teal.core.planning.steps import Create, RunOnce, Switch
from teal.core.planning.transition import plan_transition
from teal.core.rendering.diff import difference, of_release
from teal.core.report import drawn
from teal.core.report.words import noticed
from teal.errors import NewerFormat

GOLDEN = Path(__file__).parents[1] / "golden"
SHOP = GOLDEN / "1-first" / "shop"
KEY = "4127c4593f923d797252c8dc9c62ff9c"


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """A state directory as the first version has left it, to write to."""
    return shutil.copytree(SHOP, tmp_path / "shop")


def test_the_first_journal_is_read_whole(shop: Path) -> None:
    journal = SqliteJournal(shop / "journal.db")
    runs = [(run.command, run.source, run.target, run.release, run.outcome) for run in journal.history(100)]
    blue, green = Side.BLUE, Side.GREEN
    assert runs[::-1] == [
        ("deploy", Side.PLAIN, blue, 1, "done"),
        ("deploy", blue, green, 2, "done"),
        ("rollback", green, blue, 1, "done"),
        ("rollback", blue, green, 2, "done"),
        ("deploy", green, blue, 3, "aborted"),
        ("deploy", green, blue, 4, "healed"),
        ("heal", green, blue, 4, "needs-person"),
        ("heal", green, blue, 4, "done"),
        ("deploy", blue, green, 5, "done"),
        ("migrate-contract", green, None, None, "done"),
        ("deploy", green, blue, 6, "done"),
        ("migrate-window", blue, green, 7, "done"),
        ("deploy", green, blue, 8, "done"),
        ("deploy", blue, green, 9, "aborted"),
        ("heal", blue, None, None, "done"),
        ("cleanup", blue, None, None, "done"),
    ]
    window = journal.history(100)[4]
    assert {StepName.HOLD, StepName.RUN_WINDOW, StepName.HAND_OVER} <= window.phases.keys()
    past = past_of(journal.turns())
    assert (past.last_switch, past.served_releases, journal.next_release()) == ((blue, 8), (1, 2, 4, 5, 6, 7, 8), 10)
    assert past.failed.keys() == {3, 9}
    assert journal.ran_once("setup", 8)
    assert not journal.ran_once("setup", 3 + 97)
    assert journal.unfinished() is None
    assert journal.notes == ()


def test_what_a_kill_left_in_the_first_journal_is_known(shop: Path) -> None:
    left = SqliteJournal(shop / "journal-interrupted.db").unfinished()
    assert left is not None
    assert (left.command, left.source, left.target, left.release, left.held) == (
        "deploy",
        Side.BLUE,
        Side.GREEN,
        9,
        False,
    )


def test_contracts_of_the_first_version_are_read_from_the_journal_and_from_the_file_beside_it(shop: Path) -> None:
    journal = SqliteJournal(shop / "journal.db")
    known = journal.contracts()
    assert [(each.name, each.release, each.closed is None) for each in known] == [
        ("0002_rename_reviews_author_writer", 2, False),
        ("0003_rename_reviews_stars_score", 6, True),
        ("0004_author.window", 7, False),
    ]
    floor = floor_of(known)
    assert floor is not None
    assert (floor.release, floor.contract) == (7, "0004_author.window")
    (shop / "journal.db").unlink()
    assert journal.contracts() == known
    journal.close_contract("0003_rename_reviews_stars_score", "run")  # begins a journal anew, with the others in it
    assert [each.closed is None for each in journal.contracts()] == [False, False, False]


def test_the_first_journal_is_gone_on_with_and_forgotten_in_time(shop: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_db, "WHOLE", 1)
    journal = SqliteJournal(shop / "journal.db")
    run = journal.begin("deploy", Side.BLUE, Side.GREEN, 10)
    for step in (RunOnce("setup", 10), Switch(Side.GREEN, 10)):
        journal.finished(journal.started(run, step))
    journal.end(run, "done")
    assert journal.ran_once("setup", 10)
    past = past_of(journal.turns())
    assert (past.last_switch, past.served_releases, journal.next_release()) == (
        (Side.GREEN, 10),
        (1, 2, 4, 5, 6, 7, 8, 10),
        11,
    )
    journal.close()
    with sqlite3.connect(shop / "journal.db") as connection:
        kept = connection.execute("SELECT DISTINCT name FROM step WHERE run <= 16").fetchall()
    assert ("create",) not in kept
    assert ("run-contract",) in kept


def test_releases_of_the_first_version_are_read_returned_to_and_dropped(shop: Path) -> None:
    folders = ReleaseFolders(shop / "releases")
    seven, eight = folders.all()
    assert folders.notes == ()
    assert [service.name for service in seven.rotating] == ["clock", "jobs", "web"]
    assert seven.before_switch == ("jobs", "web")
    assert seven.stack is not None
    assert seven.stack.migrations is not None
    assert seven.stack.migrations.files == "/srv/golden/migrations"
    observed = Observed(
        Traffic(Mode.BLUE),
        (),
        releases=(seven, eight),
        images=frozenset(seven.images.values()),
        next_release=10,
        past=past_of(SqliteJournal(shop / "journal.db").turns()),
    )
    stack = seven.stack.as_stack
    back = rollback_release(observed, 7).release
    transition = plan_transition(observed, stack, command="rollback", release=back)
    assert Create(transition.target, 7) in plan_rollback(observed, stack, transition, back).before
    assert all(Path(folders.rendering(7, side)).is_file() for side in (Side.BLUE, Side.GREEN))
    folders.drop(7)
    assert [release.number for release in folders.all()] == [8]


@pytest.mark.parametrize("stack", ["shop", "probes"])
def test_two_releases_of_the_first_version_are_compared(stack: str) -> None:
    folders = ReleaseFolders(GOLDEN / "1-first" / stack / "releases")
    one, other = (
        of_release(each, folders.renderings(each.number), folders.folder(each.number), {}) for each in folders.all()
    )
    assert difference(one, one).changes == ()
    found = difference(one, other)
    assert (found.before, found.after) == (one.name, other.name)
    assert set(found.unknown) == set(one.services) & set(other.services)
    assert all(each.what not in {"mount", "option"} for each in found.changes), found.changes


def test_each_kind_of_probe_and_check_of_the_first_version_is_read(tmp_path: Path) -> None:
    (_, release) = ReleaseFolders(shutil.copytree(GOLDEN / "1-first" / "probes", tmp_path / "p") / "releases").all()
    probes = {service.name: service.health.probe for service in release.services}
    assert probes == {"web": HttpProbe(3000, "/"), "api": TcpProbe(8000)}
    assert release.stack is not None
    assert release.stack.checks == (
        HttpCheck("web", "/", 200, "Directory"),
        CommandCheck("api", ("python", "-c", "import sys")),
    )
    assert list(release.mounted_images) == ["redis:8"]


def test_each_word_of_the_first_state_file_is_read_and_written_back_as_it_was(tmp_path: Path) -> None:
    folder = SHOP / "state"
    for file in folder.iterdir():
        users, _, asked = file.name.partition("-asks-")
        wanted = Traffic(Mode(users)).with_key(Side(asked), KEY) if asked else Traffic(Mode(users))
        shutil.copy(file, tmp_path / "state")
        assert StateFile(tmp_path).read() == wanted
        assert format_traffic(wanted) == file.read_text()
    assert len(list(folder.iterdir())) == 5 * 4


def test_each_word_for_two_sides_is_read_and_written_back_as_it_was(tmp_path: Path) -> None:
    older = (Side.BLUE, ReleaseId(41))
    meant = {
        "canary": canary(Side.BLUE, Side.GREEN, 26),
        "canary-none": canary(Side.GREEN, Side.BLUE, 0),
        "canary-all": canary(Side.PLAIN, Side.BLUE, 256),
        "pages": Traffic(Mode.GREEN, pages=Pages(ReleaseId(42))),
        "pages-older": Traffic(Mode.GREEN, pages=Pages(ReleaseId(42), older)),
    }
    for file in (GOLDEN / "3-two-sides" / "state").iterdir():
        name, _, asked = file.name.partition("-asks-")
        wanted = meant[name].with_key(Side(asked), KEY) if asked else meant[name]
        shutil.copy(file, tmp_path / "state")
        assert StateFile(tmp_path).read() == wanted
        assert format_traffic(wanted) == file.read_text()


def test_the_first_logs_of_runs_are_read_whole() -> None:
    logs = RunLogFiles(GOLDEN / "2-runs" / "pair" / "runs")
    assert logs.runs() == (2, 3, 4, 5)
    for run, command, last in ((2, "deploy", "done"), (3, "rollback", "done"), (4, "deploy", ""), (5, "heal", "done")):
        lines = logs.read(run)
        raw = (GOLDEN / "2-runs" / "pair" / "runs" / f"{run}.jsonl").read_text().splitlines()
        assert len(lines) == len(raw)
        assert (lines[0].event, lines[0].run, lines[0].command, lines[-1].outcome) == ("run-began", run, command, last)
        assert [line.elapsed for line in lines] == sorted(line.elapsed for line in lines)
        steps = [line.step for line in lines if line.event == "step-began"]
        ended = [line.step for line in lines if line.event == "step-ended"]
        assert ended == (steps if last else steps[:-1])
        assert set(steps) <= set(StepName)
    (released,) = (line.seconds for line in logs.read(3) if line.event == "step-ended" and line.step == "start")
    assert released is not None
    assert 0.1 < released < 10
    assert logs.notes == ()


def test_watches_that_passed_took_back_and_were_killed_are_known(tmp_path: Path) -> None:
    journal = SqliteJournal(shutil.copytree(GOLDEN / "4-watched" / "oven", tmp_path / "oven") / "journal.db")
    assert [(run.release, run.outcome) for run in journal.history(9)] == [
        (4, ""),
        (3, "rolled-back"),
        (2, "done"),
        (1, "done"),
    ]
    unfinished = journal.unfinished()
    assert unfinished is not None
    assert unfinished.baking == pytest.approx(54.85, abs=0.01)
    past = past_of(journal.turns())
    assert past.taken_back == {3: "release 3 was taken back after 8 s: 106 of 106 requests failed (before 0.0%)"}
    assert past.served_releases == (1, 2)


def test_the_first_reports_are_read_whole_and_shown() -> None:
    reports = ReportFiles(GOLDEN / "3-report" / "shop" / "reports")
    first, second = (reports.read(run) for run in reports.runs())
    assert first is not None
    assert second is not None
    assert (first.source, first.users and first.users.requests, first.bake) == (None, 0, None)
    assert second.users is not None
    assert (second.users.requests, second.users.errors, second.prober["web"].pause) == (1436, 0, 0.086)
    assert second.bake is not None
    assert (second.bake.outcome, second.bake.requests) == ("passed", 718)
    assert noticed(second) == "Users noticed nothing: 1,436 requests, 0 failed; longest pause 86 ms (before: 60 ms)."
    assert drawn.page(second).count("<svg ") == 5
    assert reports.notes == ()


def test_a_newer_journal_is_refused_by_its_number_and_left_as_it_is(shop: Path) -> None:
    path = shop / "journal.db"
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA user_version = 7")
    before = path.read_bytes()
    journal = SqliteJournal(path)
    for use in (journal.unfinished, lambda: journal.begin("deploy", None, Side.BLUE, 10)):
        with pytest.raises(NewerFormat, match="has format 7, written by a newer Teal"):
            use()
    assert path.read_bytes() == before
    assert not list(shop.glob("*.bad-*"))


def test_a_journal_with_more_than_this_version_knows_is_read_past_it(shop: Path) -> None:
    with sqlite3.connect(shop / "journal.db") as connection:
        connection.execute("ALTER TABLE run ADD COLUMN mood TEXT")
        connection.execute("INSERT INTO step (run, name, payload, started, ended) VALUES (16, 'warm-up', '{}', 1, 2)")
        connection.execute("UPDATE step SET payload = json_set(payload, '$.mood', 'fine')")
    journal = SqliteJournal(shop / "journal.db")
    assert (past_of(journal.turns()).last_switch, journal.ran_once("setup", 8)) == ((Side.BLUE, 8), True)
    assert "warm-up" in journal.history(1)[0].phases
    assert journal.notes == ()


def test_the_words_for_commands_stay_as_journals_have_them() -> None:
    migrate = {f"migrate-{each}" for each in ("window", "expand", "backfill", "contract", "undo")}
    assert {str(each) for each in Command} == {"deploy", "rollback", "leave", "heal", "cleanup", "down"} | migrate

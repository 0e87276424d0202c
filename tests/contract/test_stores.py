"""Journal, lock and releases answer alike, on disk and in the simulated world."""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import structs

from teal.adapters.state.journal import SqliteJournal
from teal.adapters.state.lock import FileLock
from teal.adapters.state.releases import ReleaseFolders
from teal.adapters.state.reports import ReportFiles
from teal.adapters.state.run_logs import RunLogFiles
from teal.core.model.release import Release, Rendered
from teal.core.model.side import COLORS, Side
from teal.core.model.stack import Assigned, Role, Service
from teal.core.model.units import Moment, ReleaseId, Seconds
from teal.core.planning.event_lines import as_json, event_name
from teal.core.planning.events import (
    Baking,
    Event,
    InFlight,
    Message,
    RunBegan,
    RunEnded,
    ServiceChanged,
    StepFinished,
    StepStarted,
)
from teal.core.planning.steps import (
    Backfill,
    CheckActive,
    Confirm,
    Drain,
    Expand,
    Hold,
    RecordActive,
    RestoreAfterWindow,
    RunOnce,
    SaveRelease,
    Start,
    Step,
    Switch,
)
from teal.core.report.make import make_report
from teal.errors import Locked, Refused
from teal.ports import Journal, Lock, Releases, Reports, RunLogs
from tests.simulated import (
    MemoryJournal,
    MemoryLock,
    MemoryReleases,
    MemoryReports,
    MemoryRunLogs,
    Process,
    World,
    virtual_loop,
)
from tests.unit.core.report.runs import FACTS, seen


@pytest.fixture
def world() -> Iterator[World]:
    loop = virtual_loop()
    yield World(loop, "tale")
    loop.close()


def process(world: World, name: str = "deploy") -> Process:
    return Process(world, name, (), pid=1)


# --- the journal: any sequence of writes, and all questions after each

_SIDES = st.sampled_from([*Side, None])
_RELEASES = st.one_of(st.none(), st.integers(1, 4))
_STEPS: st.SearchStrategy[Step] = st.one_of(
    st.builds(Switch, st.sampled_from(Side), _RELEASES),
    st.builds(RunOnce, st.sampled_from(["migrate", 'se"ed']), st.integers(1, 3)),
    st.builds(Start, st.sampled_from(Side), _RELEASES, st.just(("web", "rag"))),
    st.builds(Drain, st.sampled_from(Side)),
    st.builds(Hold, st.booleans()),
    st.builds(Confirm, st.sampled_from(Side)),
    st.builds(RecordActive, _SIDES),
    st.builds(RestoreAfterWindow, st.sampled_from(Side), _RELEASES, st.just(("web",))),
    st.builds(SaveRelease, st.integers(1, 4), st.sampled_from(Side)),
    st.builds(Expand, st.integers(1, 4), st.just("2 files")),
    st.just(CheckActive(Side.BLUE, ReleaseId(1))),
    st.builds(Backfill, st.integers(1, 4), st.just("2 files")),
)
_WRITES = st.one_of(
    st.tuples(st.just("begin"), st.sampled_from(["deploy", "rollback", "heal"]), _SIDES, _SIDES, _RELEASES),
    st.tuples(st.just("started"), st.integers(0, 3), _STEPS),
    st.tuples(st.just("finished"), st.integers(0, 8), st.booleans()),
    st.tuples(st.just("open"), st.sampled_from(["0007_writer", "contract"]), st.integers(1, 4)),
    st.tuples(st.just("close"), st.sampled_from(["0007_writer", "contract"]), st.sampled_from(["", "by hand"])),
    st.tuples(st.just("end"), st.integers(0, 3), st.sampled_from(["done", "aborted"]), st.sampled_from(["", "why"])),
)


def _write(journal: Journal, write: tuple[Any, ...], runs: list[int], entries: list[int]) -> None:
    """Perform *write* on the run or entry that its number means, where there is one."""
    match write:
        case ("begin", *facts):
            runs.append(journal.begin(*facts))
        case ("open", name, release):
            journal.open_contract(name, release)
        case ("close", name, reason):
            journal.close_contract(name, reason)
        case ("started", at, step) if runs:
            entries.append(journal.started(runs[at % len(runs)], step))
        case ("finished", at, passed) if entries:
            journal.finished(entries[at % len(entries)], passed=passed)
        case ("end", at, outcome, message) if runs:
            journal.end(runs[at % len(runs)], outcome, message)


def _answers(journal: Journal, later: float) -> tuple[object, ...]:
    once = {
        (name, n): journal.ran_once(name, ReleaseId(n)) for name in ("migrate", 'se"ed', "other") for n in range(1, 4)
    }
    return (
        journal.unfinished(),
        journal.turns(),
        journal.next_release(),
        journal.history(100),
        journal.history(1),
        journal.contracts(),
        journal.expanded_unchecked(),
        journal.blamed_schema(),
        journal.last_transition(),
        [journal.backfilled_since(Moment(when)) for when in (0.0, later)],
        once,
    )


@settings(max_examples=80, deadline=None)
@given(st.lists(_WRITES, max_size=12))
def test_both_journals_give_the_same_answers_to_every_question(writes: list[tuple[Any, ...]]) -> None:
    loop = virtual_loop()
    with tempfile.TemporaryDirectory() as folder:
        world = World(loop, "tale")
        memory = MemoryJournal(world, process(world))
        path = Path(folder) / "journal.db"
        disk = SqliteJournal(path, now=lambda: Moment(world.now))
        kept: tuple[list[int], list[int]] = ([], [])
        also: tuple[list[int], list[int]] = ([], [])
        for write in writes:
            loop.run_until_complete(asyncio.sleep(1))
            _write(memory, write, *kept)
            _write(disk, write, *also)
            assert _answers(disk, world.now - 2) == _answers(memory, world.now - 2)
        disk.close()
        assert _answers(SqliteJournal(path), world.now) == _answers(memory, world.now)
    loop.close()


# --- the lock


@pytest.fixture(params=["disk", "memory"])
def locks(request: pytest.FixtureRequest, world: World, tmp_path: Path) -> tuple[Lock, Lock]:
    """The same lock, as two processes see it."""
    if request.param == "disk":
        return FileLock(tmp_path / "lock"), FileLock(tmp_path / "lock")
    return MemoryLock(world, process(world)), MemoryLock(world, process(world, "rollback"))


def test_a_lock_has_one_holder_whom_everybody_sees(locks: tuple[Lock, Lock]) -> None:
    mine, other = locks
    assert mine.holder() is None
    with mine.hold("deploy"):
        found = other.holder()
        assert found is not None
        assert found.command == "deploy"
        with pytest.raises(Locked), other.hold("rollback"):
            pass
        assert mine.holder() == found
    assert other.holder() is None
    with other.hold("rollback"):
        pass


# --- the logs of runs

_TOLD: tuple[Event, ...] = (
    RunBegan(3, "deploy", Side.BLUE, Side.GREEN, None),
    StepStarted(Switch(Side.GREEN, ReleaseId(7))),
    ServiceChanged(Side.GREEN, "web", "healthy"),
    ServiceChanged(None, "db", "starting"),
    InFlight(Side.BLUE, 3, 1),
    Baking(Seconds(12.5), 120, 3),
    Message("tool", "a line\nof two, with \x1b[31mcolor\x1b[0m and \u00fc"),
    StepFinished(Switch(Side.GREEN, ReleaseId(7)), Seconds(0.1239), passed=True),
    RunEnded(3, "aborted", "web exited"),
)


@pytest.fixture(params=["disk", "memory"])
def logs(request: pytest.FixtureRequest, world: World, tmp_path: Path) -> RunLogs:
    now = lambda: world.now  # noqa: E731
    on_disk = RunLogFiles(tmp_path / "runs", now=now, monotonic=now)
    return on_disk if request.param == "disk" else MemoryRunLogs(world, process(world))


def test_a_run_s_log_has_what_the_run_told_with_its_moment(logs: RunLogs, world: World) -> None:
    assert (logs.runs(), logs.read(3)) == ((), ())
    logs.append(3, _TOLD[0])  # before it begins there is nowhere to write
    logs.begin(3)
    for event in _TOLD:
        world.loop.run_until_complete(asyncio.sleep(1.5))
        logs.append(3, event)
    lines = logs.read(3)
    assert [line.event for line in lines] == [event_name(event) for event in _TOLD]
    for at, (line, event) in enumerate(zip(lines, _TOLD, strict=True), start=1):
        assert line.elapsed == pytest.approx(1.5 * at)
        assert line.time == pytest.approx(world.now - 1.5 * (len(_TOLD) - at), abs=0.002)
        assert {key: getattr(line, key) for key in as_json(event)} == as_json(event)
    assert (logs.runs(), logs.read(4)) == ((3,), ())


def test_a_run_that_begins_again_under_a_number_has_a_new_log_and_old_ones_are_forgotten(logs: RunLogs) -> None:
    for run in (1, 2, 150, 201, 202):
        logs.begin(run)
        logs.append(run, Message("note", f"run {run}"))
    assert logs.runs() == (150, 201, 202)
    logs.begin(202)
    assert logs.read(202) == ()
    assert [line.text for line in logs.read(150)] == ["run 150"]


# --- the reports


@pytest.fixture(params=["disk", "memory"])
def reports(request: pytest.FixtureRequest, world: World, tmp_path: Path) -> Reports:
    return ReportFiles(tmp_path / "reports") if request.param == "disk" else MemoryReports(world, process(world))


def test_a_report_comes_back_as_it_was_and_old_ones_are_forgotten(reports: Reports) -> None:
    assert (reports.runs(), reports.read(1)) == ((), None)
    made = make_report(FACTS, seen())
    for run in (1, 2, 150, 202):
        reports.keep(structs.replace(made, run=run))
    assert reports.runs() == (150, 202)
    assert reports.read(150) == structs.replace(made, run=150)
    reports.keep(structs.replace(made, run=202, outcome="aborted"))
    again = reports.read(202)
    assert again is not None
    assert again.outcome == "aborted"


# --- the releases


@pytest.fixture(params=["disk", "memory"])
def releases(request: pytest.FixtureRequest, world: World, tmp_path: Path) -> Releases:
    return ReleaseFolders(tmp_path / "releases") if request.param == "disk" else MemoryReleases(world, process(world))


def _release(number: int, fingerprint: str = "") -> Release:
    web = Service("web", Assigned(Role.ROUTE, "its port"), port=3000)
    return Release(ReleaseId(number), Side.BLUE, Moment(5.0), {"web": "sha256:1"}, (web,), fingerprint)


def _keep(releases: Releases, release: Release) -> None:
    colors = {side: Rendered(f"tale-{side}", side, {"services": {}}, (), (), {}) for side in COLORS}
    releases.keep(release, colors, Rendered("tale-once", Side.BLUE, {}, (), (), {}))


def test_releases_come_back_the_oldest_first_and_dropped_ones_do_not(releases: Releases) -> None:
    assert releases.all() == ()
    for number in (10, 2, 3):
        _keep(releases, _release(number))
    assert releases.all() == (_release(2), _release(3), _release(10))
    releases.drop(ReleaseId(3))
    releases.drop(ReleaseId(3))
    assert releases.all() == (_release(2), _release(10))


def test_a_release_kept_again_is_the_later_one(releases: Releases) -> None:
    _keep(releases, _release(2, "first"))
    _keep(releases, _release(2, "second"))
    assert releases.all() == (_release(2, "second"),)


def test_what_belongs_to_a_release_lies_in_its_folder(releases: Releases) -> None:
    _keep(releases, _release(2))
    folder = releases.folder(ReleaseId(2))
    assert folder.endswith("/2")
    assert releases.rendering(ReleaseId(2), Side.GREEN) == f"{folder}/green.json"
    assert releases.once(ReleaseId(2)) == f"{folder}/once.json"
    assert releases.keep_log(ReleaseId(2), "web", "last words") == f"{folder}/logs/web.log"
    assert releases.kept_logs(ReleaseId(2)) == {"web": "last words"}
    assert releases.kept_logs(ReleaseId(3)) == {}


def test_the_renderings_of_a_release_come_back_as_values(releases: Releases) -> None:
    _keep(releases, _release(2))
    found = releases.renderings(ReleaseId(2))
    assert sorted(found) == ["blue", "green", "once"]
    assert all(isinstance(tree, dict) for tree in found.values())
    with pytest.raises(Refused, match="release 3 can't be read"):
        releases.renderings(ReleaseId(3))


def test_a_log_alone_is_no_release(releases: Releases) -> None:
    releases.keep_log(ReleaseId(4), "web", "last words")
    assert releases.all() == ()


def test_the_journal_answers_what_the_schema_and_the_next_change_of_hands_want_to_know(world: World) -> None:
    journal, expand, recheck = (
        MemoryJournal(world, process(world)),
        Expand(ReleaseId(1), "2 files"),
        CheckActive(Side.BLUE, ReleaseId(1)),
    )
    first = journal.begin("deploy", Side.BLUE, Side.GREEN, 1)
    journal.finished(journal.started(first, expand))
    journal.started(first, recheck)
    assert (journal.expanded_unchecked(), journal.blamed_schema()) == (True, False)  # it may still pass
    journal.end(first, "aborted", "web, which serves, does not work")
    assert journal.blamed_schema()
    second = journal.begin("deploy", Side.BLUE, Side.GREEN, 2)
    journal.finished(journal.started(second, expand))
    assert not journal.blamed_schema()  # the schema is another one
    journal.finished(journal.started(second, recheck))
    journal.finished(journal.started(second, Start(Side.GREEN, ReleaseId(2), ("web",))))
    assert (journal.expanded_unchecked(), journal.last_transition()) == (False, None)
    journal.end(second, "done")
    transition = journal.last_transition()
    assert transition is not None
    assert (transition.id, "start" in transition.phases) == (second, True)

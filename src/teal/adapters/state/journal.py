"""The durable record of runs and steps, in SQLite, each line on disk before the next thing happens."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from teal.adapters.durable import sync_folder
from teal.adapters.state import contracts_backup
from teal.adapters.state.contracts_backup import Contract, Number, Stamp
from teal.adapters.state.journal_db import (
    APPLICATION,
    MOVES,
    VERSION,
    WAIT,
    connect,
    damage,
    forget,
    ours,
    refuse_newer,
    sound,
)
from teal.adapters.state.journal_db import text as read_text
from teal.adapters.state.journal_db import version as version_of
from teal.adapters.state.journal_steps import move_of, payload_of, seconds_left
from teal.core.model.migrations import OpenChange
from teal.core.model.observed import Unfinished
from teal.core.model.side import Side
from teal.core.model.units import Moment, ReleaseId, Seconds
from teal.core.planning.past import Turn, turn_of
from teal.core.planning.step_names import StepName
from teal.core.planning.steps import (
    SaveRelease,
    Step,
)
from teal.errors import Unavailable
from teal.ports import RunRecord

_SCHEMA = f"""
BEGIN IMMEDIATE;
CREATE TABLE run (
    id INTEGER PRIMARY KEY AUTOINCREMENT, command TEXT NOT NULL, source TEXT, target TEXT, release INTEGER,
    started REAL NOT NULL, ended REAL, outcome TEXT NOT NULL DEFAULT '', message TEXT NOT NULL DEFAULT '');
CREATE TABLE step (
    id INTEGER PRIMARY KEY AUTOINCREMENT, run INTEGER NOT NULL REFERENCES run (id), name TEXT NOT NULL,
    payload TEXT NOT NULL, started REAL NOT NULL, ended REAL, passed INTEGER NOT NULL DEFAULT 0);
CREATE INDEX step_by_run ON step (run);
CREATE INDEX step_by_name ON step (name);
PRAGMA application_id = {APPLICATION};
PRAGMA user_version = {VERSION};
COMMIT;
"""
# Made when it is first written to, beside the others: an older Teal goes on reading the file.
_CONTRACTS = """
CREATE TABLE IF NOT EXISTS contract (
    name TEXT PRIMARY KEY, release INTEGER NOT NULL, opened REAL NOT NULL, closed REAL, reason TEXT NOT NULL)"""
_ALL = "SELECT name, release, opened, closed, reason FROM contract ORDER BY release, name"
_THERE = "SELECT 1 FROM sqlite_master WHERE name = 'contract'"
_OPEN = """
INSERT INTO contract VALUES (:name, :release, :now, NULL, '') ON CONFLICT (name) DO UPDATE SET
    release = excluded.release, opened = excluded.opened, closed = NULL, reason = ''
    WHERE closed IS NOT NULL OR release < excluded.release"""
_MOVED = """
SELECT run, name, payload FROM step WHERE ended IS NOT NULL AND name IN (?, ?, ?, ?, ?) ORDER BY id"""
_RAN_ONCE = """
SELECT 1 FROM step WHERE name = ? AND ended IS NOT NULL AND CASE WHEN json_valid(payload) THEN
    json_extract(payload, '$.service') = ? AND json_extract(payload, '$.release') = ? END LIMIT 1"""
_LEADS_SOME = "SELECT 1 FROM step WHERE run = ? AND name = ? AND ended IS NULL LIMIT 1"
_RUN = "id, command, source, target, release, started, ended, outcome, message"
_PERFORMED = "AND ended IS NOT NULL AND NOT passed"
_SECONDS = "SELECT name, sum(ended - started) FROM step"
_LAST_DONE = f"SELECT name FROM step WHERE name IN (?, ?) {_PERFORMED} ORDER BY id DESC LIMIT 1"  # noqa: S608
_BLAMED = f"""
SELECT 1 FROM step WHERE name = ? AND ended IS NULL AND run IN (SELECT id FROM run WHERE outcome = 'aborted')
    AND id > (SELECT coalesce(max(id), 0) FROM step WHERE name = ? {_PERFORMED}) LIMIT 1"""  # noqa: S608
_IN_RUN_SINCE = f"""
SELECT 1 FROM step WHERE name = ? {_PERFORMED} AND run IN (SELECT id FROM run WHERE coalesce(ended, 0) >= ?)"""  # noqa: S608
_TRANSITION = f"""
SELECT {_RUN} FROM run WHERE outcome = 'done' AND id IN (SELECT run FROM step WHERE name = ? {_PERFORMED})
    ORDER BY id DESC LIMIT 1"""  # noqa: S608
Row = tuple[Any, ...]
T = TypeVar("T")


class _Run(msgspec.Struct, array_like=True):
    """A row of the table ``run``, where nobody has put anything else into it."""

    id: int
    command: str
    source: Side | None
    target: Side | None
    release: Number | None
    started: Stamp
    ended: Stamp | None
    outcome: str
    message: str


class SqliteJournal:
    """The journal in one file; reading never changes or creates it, a file that is not a journal is set aside."""

    def __init__(self, path: Path, *, now: Callable[[], float] = time.time, redact: Callable[[str], str] = str) -> None:
        """*redact* masks, in the messages that are recorded, what must not be read later."""
        self._path = path
        self._now = now
        self._redact = redact
        self._writer: sqlite3.Connection | None = None
        self._notes: list[str] = []

    @property
    def notes(self) -> tuple[str, ...]:
        """Return what a person should know of the file itself, e.g. that a damaged one was set aside."""
        return tuple(dict.fromkeys(self._notes))

    def close(self) -> None:
        """Close the file."""
        if self._writer:
            self._writer.close()
            self._writer = None

    def begin(self, command: str, source: Side | None, target: Side | None, release: ReleaseId | None) -> int:
        """Record that a run begins; return its id."""
        return self._write(
            "INSERT INTO run (command, source, target, release, started) VALUES (?, ?, ?, ?, ?)",
            (command, source, target, release, self._now()),
        )

    def started(self, run: int, step: Step) -> int:
        """Record that *step* is about to be performed; return the entry's id. Keeping a release takes its number."""
        if isinstance(step, SaveRelease):
            self._write("UPDATE run SET release = ? WHERE id = ?", (step.release, run))
        return self._write(
            "INSERT INTO step (run, name, payload, started) VALUES (?, ?, ?, ?)",
            (run, step.name, payload_of(step), self._now()),
        )

    def finished(self, entry: int, *, passed: bool = False) -> None:
        """Record that a step is done, or was true already."""
        self._write("UPDATE step SET ended = ?, passed = ? WHERE id = ?", (self._now(), passed, entry))

    def progress(self, run: int, step: Step) -> None:
        """Record anew what is left of the step of this name that *run* performs now."""
        self._write(
            "UPDATE step SET payload = ? WHERE run = ? AND name = ? AND ended IS NULL",
            (payload_of(step), run, step.name),
        )

    def end(self, run: int, outcome: str, message: str = "") -> None:
        """Record how a run ended."""
        self._write(
            "UPDATE run SET ended = ?, outcome = ?, message = ? WHERE id = ?",
            (self._now(), outcome, self._redact(message), run),
        )
        with suppress(sqlite3.Error):  # the next run's end tries again
            if self._writer:
                forget(self._writer, run)

    def unfinished(self) -> Unfinished | None:
        """Return the latest run that did not end, None where every one did; what only healed another counts last."""
        rows = self._read(f"SELECT {_RUN} FROM run WHERE ended IS NULL ORDER BY command = 'heal', id DESC LIMIT 1")  # noqa: S608
        for run in self._runs(rows):
            asked = "SELECT 1 FROM step WHERE run = ? AND name IN (?, ?) LIMIT 1"
            held = self._read(asked, (run.id, StepName.HOLD, StepName.TAKE_OVER))
            window = self._read(asked, (run.id, StepName.RUN_WINDOW, StepName.RUN_WINDOW))
            return Unfinished(
                run.id,
                run.command,
                run.source,
                run.target,
                run.release,
                held=bool(held),
                started=run.started,
                window=bool(window),
                canary=bool(self._read(_LEADS_SOME, (run.id, StepName.CANARY))),
                baking=self._baking(run.id),
            )
        return None

    def _baking(self, run: int) -> Seconds | None:
        """Return for how long the release of *run* was still to be watched, None where it was not watched.

        A repair of that run, which was killed as well, may have watched it further.
        """
        rows = self._read(
            "SELECT payload, ended FROM step WHERE name = ? AND run >= ? AND "
            "run IN (SELECT id FROM run WHERE id = ? OR command = 'heal') ORDER BY id DESC LIMIT 1",
            (StepName.BAKE, run, run),
        )
        for payload, ended in rows:
            return Seconds(0.0) if ended is not None else self._understood(partial(seconds_left, payload))
        return None

    def turns(self) -> tuple[Turn, ...]:
        """Return every run as its users noticed it, the oldest first; of forgotten steps nothing is known."""
        moves: dict[object, list[Step]] = {}
        for run, name, payload in self._read(_MOVED, (*MOVES, StepName.RESTORE_AFTER_WINDOW)):
            move = self._understood(partial(move_of, name, payload))
            if move is not None:
                moves.setdefault(run, []).append(move)
        runs = self._runs(self._read(f"SELECT {_RUN} FROM run ORDER BY id"))  # noqa: S608
        made = ((r, turn_of(r.command, r.release, r.outcome, r.message, moves.get(r.id, ()))) for r in runs)
        return tuple(replace(turn, ended=run.ended) for run, turn in made)

    def ran_once(self, service: str, release: ReleaseId) -> bool:
        """Tell whether that one-shot of that release is known to have ended well."""
        return bool(self._read(_RAN_ONCE, (StepName.RUN_ONCE, service, release)))

    def next_release(self) -> ReleaseId:
        """Return the number that no run of this journal has used yet."""
        rows = self._read("SELECT max(release) FROM run WHERE typeof(release) = 'integer'")
        return ReleaseId(1 + max(0, rows[0][0] or 0 if rows else 0))

    def history(self, limit: int) -> tuple[RunRecord, ...]:
        """Return the last *limit* runs, the latest first."""
        rows = self._read(f"SELECT {_RUN} FROM run ORDER BY id DESC LIMIT ?", (limit,))  # noqa: S608
        phases = self._phases(limit)
        return tuple(
            RunRecord(**msgspec.structs.asdict(run), phases=self._seconds(phases.get(run.id, [])))
            for run in self._runs(rows)
        )

    def expanded_unchecked(self) -> bool:
        """Tell whether the schema was expanded, and the release that serves has not passed its checks since."""
        rows = self._read(_LAST_DONE, (StepName.EXPAND, StepName.CHECK_ACTIVE))
        return bool(rows) and rows[0][0] == StepName.EXPAND

    def blamed_schema(self) -> bool:
        """Tell whether a run was aborted in that check, with the schema as it is now."""
        return bool(self._read(_BLAMED, (StepName.CHECK_ACTIVE, StepName.EXPAND)))

    def backfilled_since(self, when: Moment) -> bool:
        """Tell whether a backfill ended in a run that ended after *when* (seconds since the epoch)."""
        return bool(self._read(_IN_RUN_SINCE, (StepName.BACKFILL, when)))

    def last_transition(self) -> RunRecord | None:
        """Return the latest run that was done and had started containers."""
        for run in self._runs(self._read(_TRANSITION, (StepName.START,))):
            rows = self._read(f"{_SECONDS} WHERE run = ? {_PERFORMED} GROUP BY name", (run.id,))
            return RunRecord(**msgspec.structs.asdict(run), phases=self._seconds(rows))
        return None

    def open_contract(self, name: str, release: ReleaseId) -> None:
        """Record that contract *name* is open since *release*; an open one only moves to a later release."""
        self._write_contract(_OPEN, {"name": name, "release": release, "now": self._now()})

    def close_contract(self, name: str, reason: str) -> None:
        """Record that an open contract has been run: the floor rises to its release."""
        sql = "UPDATE contract SET closed = ?, reason = ? WHERE name = ? AND closed IS NULL"
        self._write_contract(sql, (self._now(), self._redact(reason), name))

    def reopen_contract(self, name: str) -> None:
        """Record that a contract has not been run after all."""
        self._write_contract("UPDATE contract SET closed = NULL, reason = '' WHERE name = ?", (name,))

    def contracts(self) -> tuple[OpenChange, ...]:
        """Return every contract that a release ever brought, by release and name; those of a lost journal, too."""
        if not self._read(_THERE):
            return tuple(OpenChange(**msgspec.structs.asdict(each)) for each in self._copied())
        found = (self._understood(partial(msgspec.convert, row, Contract)) for row in self._read(_ALL))
        return tuple(OpenChange(**msgspec.structs.asdict(each)) for each in found if each)

    def _write_contract(self, sql: str, values: Row | dict[str, Any]) -> None:
        """Write to the contracts, and all of them once more beside the journal."""
        if not self._read(_THERE):
            self._write("BEGIN IMMEDIATE", ())
            self._write(_CONTRACTS, ())
            for each in self._copied():
                self._write("INSERT OR REPLACE INTO contract VALUES (?, ?, ?, ?, ?)", msgspec.structs.astuple(each))
            self._write("COMMIT", ())
        self._write(sql, values)
        try:
            contracts_backup.write(contracts_backup.beside(self._path), self._read(_ALL))
        except OSError as error:
            raise self._unwritable(error) from error

    def _copied(self) -> list[Contract]:
        """Return the contracts of a journal that was lost."""
        return self._understood(partial(contracts_backup.read, contracts_backup.beside(self._path))) or []

    def _runs(self, rows: list[Row]) -> list[_Run]:
        """Return those rows that are runs; one that somebody has edited into something else is skipped."""
        return [run for row in rows if (run := self._understood(partial(msgspec.convert, row, _Run)))]

    def _phases(self, limit: int) -> dict[object, list[Row]]:
        """Return the kinds of steps of each of the last *limit* runs with their seconds, in one question for all."""
        rows = self._read(
            "SELECT run, name, sum(ended - started) FROM step "
            "WHERE run IN (SELECT id FROM run ORDER BY id DESC LIMIT ?) AND ended IS NOT NULL AND NOT passed "
            "GROUP BY run, name ORDER BY min(id)",
            (limit,),
        )
        found: dict[object, list[Row]] = {}
        for run, *phase in rows:
            found.setdefault(run, []).append(tuple(phase))
        return found

    def _seconds(self, phases: list[Row]) -> dict[str, Seconds]:
        return self._understood(lambda: msgspec.convert(dict(phases), dict[str, float])) or {}

    def _understood(self, read: Callable[[], T]) -> T | None:
        """Return what *read* makes of rows, None and a note where they are not what Teal has written."""
        try:
            return read()
        except (msgspec.DecodeError, TypeError, ValueError):
            self._notes.append(f"the journal {self._path} holds lines that are not Teal's: they are skipped")
            return None

    def _write(self, sql: str, values: Row | dict[str, Any]) -> int:
        try:
            if self._writer is None:
                self._writer = self._open_for_writing()
            return self._writer.execute(sql, values).lastrowid or 0
        except (sqlite3.Error, OSError) as error:
            raise self._unwritable(error) from error

    def _unwritable(self, error: Exception) -> Unavailable:
        return Unavailable(
            f"the journal {self._path} can't be written: {error}",
            hint="make room on the disk or repair its permissions, then run the command again",
        )

    def _read(self, sql: str, values: Row = ()) -> list[Row]:
        """Return the rows; a journal that is absent or can't be read knows nothing, and a note says so."""
        if self._writer is not None:
            with suppress(sqlite3.DatabaseError):
                return self._writer.execute(sql, values).fetchall()
        if not self._path.exists():
            return []
        for uri in (f"{self._path.as_uri()}?mode=ro", f"{self._path.as_uri()}?mode=ro&immutable=1"):
            with suppress(sqlite3.OperationalError):
                return self._read_at(uri, sql, values)
        self._notes.append(f"the journal {self._path} can't be read")
        return []

    def _read_at(self, uri: str, sql: str, values: Row) -> list[Row]:
        connection = sqlite3.connect(uri, uri=True, timeout=WAIT)
        connection.text_factory = read_text
        try:
            refuse_newer(connection, self._path)
            if not ours(connection):
                raise sqlite3.DatabaseError("not this version's journal")
            return connection.execute(sql, values).fetchall()
        except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
            if not damage(error):
                raise
            self._notes.append(
                f"the journal {self._path} is damaged; the next deploy sets it aside and begins a new one"
            )
            return []
        finally:
            connection.close()

    def _open_for_writing(self) -> sqlite3.Connection:
        if self._path.exists() and self._path.stat().st_size and not sound(self._path):
            self._set_aside()
        connection = connect(self._path)
        if not version_of(connection):
            connection.executescript(_SCHEMA)
            sync_folder(self._path.parent)
        return connection

    def _set_aside(self) -> None:
        number = 1
        while (bad := self._path.with_name(f"{self._path.name}.bad-{number}")).exists():
            number += 1
        self._path.rename(bad)
        for suffix in ("-wal", "-shm"):
            with suppress(FileNotFoundError):
                Path(f"{self._path}{suffix}").rename(f"{bad}{suffix}")
        self._notes.append(f"the journal could not be used and was set aside as {bad}; a new one begins")

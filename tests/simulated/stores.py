"""The Journal, Lock and Releases ports in memory, with the answers of those on disk.

A lock is freed when the process of the world that holds it dies; a release is kept whole or not at all.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import msgspec

from teal import ports
from teal.adapters.state.journal_db import WHOLE
from teal.core.model.migrations import OpenChange
from teal.core.model.observed import Unfinished
from teal.core.model.release import Release, Rendered
from teal.core.model.side import COLORS, Side
from teal.core.model.stack import Tree
from teal.core.model.units import Moment, ReleaseId, Seconds
from teal.core.planning.event_lines import LogLine, as_json, event_name, read_line
from teal.core.planning.events import Event
from teal.core.planning.past import Turn, turn_of
from teal.core.planning.steps import (
    Backfill,
    Bake,
    CheckActive,
    Expand,
    Hold,
    RunCanary,
    RunOnce,
    SaveRelease,
    Start,
    Step,
    TakeOver,
)
from teal.core.report.values import Report
from teal.errors import Locked, Refused, Unavailable
from teal.ports import Holder, RunRecord
from tests.simulated.process import Process, reads, writes
from tests.simulated.world import World


class MemoryLock(ports.Lock):
    """One mutating command at a time."""

    def __init__(self, world: World, process: Process) -> None:
        self.world = world
        self.process = process

    @reads
    def holder(self) -> Holder | None:
        held, since = self.world.holder, self.world.held_since
        return None if held is None else Holder(self.world.held_for, "somebody", "here", held.pid, Moment(since))

    @writes
    def ask(self, word: str) -> None:
        self.world.disk.asked = word

    @reads
    def waits(self) -> bool:
        return bool(self.world.disk.asked)

    @reads
    def asked(self) -> str:
        word, self.world.disk.asked = self.world.disk.asked, ""
        return word

    @contextmanager
    def hold(self, command: str) -> Iterator[None]:
        self.process.check()
        if self.world.holder is not None:
            raise Locked(f"{self.world.held_for} works on this stack", hint="wait until it has ended")
        self.world.disk.asked = ""
        self.world.holder, self.world.held_for, self.world.held_since = self.process, command, self.world.now
        try:
            yield
        finally:
            if self.world.holder is self.process:
                self.world.holder = None


ROOT = "/var/lib/teal/releases"


class MemoryReleases(ports.Releases):
    """Kept releases on the world's disk."""

    def __init__(self, world: World, process: Process) -> None:
        self.world = world
        self.process = process

    @reads
    def all(self) -> tuple[Release, ...]:
        return tuple(release for _, release in sorted(self.world.disk.releases.items()))

    @writes
    def keep(self, release: Release, colors: Mapping[Side, Rendered], once: Rendered) -> None:
        self._room()
        self.world.disk.releases[release.number] = release
        trees = {**{str(side): rendered.tree for side, rendered in colors.items()}, "once": once.tree}
        for name, tree in trees.items():
            self.world.disk.texts[f"{ROOT}/{release.number}/{name}.json"] = json.dumps(tree)

    @writes
    def keep_once(self, number: int, once: Rendered) -> None:
        self._room()
        self.world.disk.texts[f"{ROOT}/{number}/once.json"] = once.text

    @reads
    def rendering(self, number: int, side: Side) -> str:
        return f"{ROOT}/{number}/{side}.json"

    @reads
    def once(self, number: int) -> str:
        return f"{ROOT}/{number}/once.json"

    @reads
    def renderings(self, number: int) -> Mapping[str, Tree]:
        texts = self.world.disk.texts
        names = [*map(str, COLORS), "once"]
        try:
            return {name: json.loads(texts[f"{ROOT}/{number}/{name}.json"]) for name in names}
        except KeyError as error:
            raise Refused(f"release {number} can't be read") from error

    @reads
    def folder(self, number: int) -> str:
        return f"{ROOT}/{number}"

    @writes
    def drop(self, number: int) -> None:
        disk = self.world.disk
        disk.releases.pop(number, None)
        disk.texts = {path: text for path, text in disk.texts.items() if not path.startswith(f"{ROOT}/{number}/")}

    @writes
    def keep_log(self, number: int, service: str, text: str) -> str:
        self._room()
        path = f"{ROOT}/{number}/logs/{service}.log"
        self.world.disk.texts[path] = text
        return path

    def kept_logs(self, number: int) -> Mapping[str, str]:
        begins = f"{ROOT}/{number}/logs/"
        texts = self.world.disk.texts.items()
        return {path.removeprefix(begins)[: -len(".log")]: text for path, text in texts if path.startswith(begins)}

    def _room(self) -> None:
        if self.world.disk.full:
            raise Unavailable("the release can't be kept: No space left on device", hint="make room on the disk")


class MemoryRunLogs(ports.RunLogs):
    """Logs as lines on the world's disk; no crash points of their own: nothing depends on them."""

    def __init__(self, world: World, process: Process) -> None:
        self.world = world
        self.process = process
        self._began: dict[int, float] = {}

    @reads
    def begin(self, run: int) -> None:
        logs = self.world.disk.logs
        for old in [each for each in logs if each <= run - WHOLE]:
            del logs[old]
        if not self.world.disk.full:
            logs[run], self._began[run] = [], self.world.now

    @reads
    def append(self, run: int, event: Event) -> None:
        if run in self._began and not self.world.disk.full:
            now = self.world.now
            head = {"event": event_name(event), "elapsed": round(now - self._began[run], 3), "time": round(now, 3)}
            self.world.disk.logs[run].append(msgspec.json.encode({**head, **as_json(event)}))

    @reads
    def read(self, run: int) -> tuple[LogLine, ...]:
        lines = map(read_line, self.world.disk.logs.get(run, ()))
        return tuple(line for line in lines if line is not None)

    @reads
    def runs(self) -> tuple[int, ...]:
        return tuple(sorted(self.world.disk.logs))


class MemoryReports(ports.Reports):
    """Reports as JSON on the world's disk; no crash points: a report is kept when all is done."""

    def __init__(self, world: World, process: Process) -> None:
        self.world = world
        self.process = process

    @reads
    def keep(self, report: Report) -> None:
        if self.world.disk.full:
            raise Unavailable("the report can't be kept: No space left on device", hint="make room on the disk")
        kept = self.world.disk.reports
        kept[report.run] = msgspec.json.encode(report)
        for old in [each for each in kept if each <= report.run - WHOLE]:
            del kept[old]

    @reads
    def read(self, run: int) -> Report | None:
        kept = self.world.disk.reports.get(run)
        return None if kept is None else msgspec.json.decode(kept, type=Report)

    @reads
    def runs(self) -> tuple[int, ...]:
        return tuple(sorted(self.world.disk.reports))


class MemoryJournal(ports.Journal):
    """Runs and steps as rows on the world's disk."""

    def __init__(self, world: World, process: Process) -> None:
        self.world = world
        self.process = process

    @writes
    def begin(self, command: str, source: Side | None, target: Side | None, release: int | None) -> int:
        self._room()
        runs = self.world.disk.runs
        runs.append({"command": command, "source": source, "target": target, "release": release})
        runs[-1] |= {"id": len(runs), "started": self.world.now, "ended": None, "outcome": "", "message": ""}
        return len(runs)

    @writes
    def started(self, run: int, step: Step) -> int:
        self._room()
        steps = self.world.disk.steps
        if isinstance(step, SaveRelease):
            self._row(self.world.disk.runs, run).update(release=step.release)
        steps.append({"run": run, "step": step, "started": self.world.now, "ended": None, "passed": False})
        return len(steps)

    @writes
    def finished(self, entry: int, *, passed: bool = False) -> None:
        self._room()
        self._row(self.world.disk.steps, entry).update(ended=self.world.now, passed=passed)

    @writes
    def progress(self, run: int, step: Step) -> None:
        self._room()
        for row in self.world.disk.steps:
            if row["run"] == run and row["ended"] is None and type(row["step"]) is type(step):
                row["step"] = step

    @writes
    def end(self, run: int, outcome: str, message: str = "") -> None:
        self._room()
        self._row(self.world.disk.runs, run).update(ended=self.world.now, outcome=outcome, message=message)

    @reads
    def unfinished(self) -> Unfinished | None:
        open_ = [run for run in self.world.disk.runs if run["ended"] is None]
        if not open_:
            return None
        run = next((run for run in reversed(open_) if run["command"] != "heal"), open_[-1])
        held = any(
            row["run"] == run["id"] and isinstance(row["step"], Hold | TakeOver) for row in self.world.disk.steps
        )
        healing = {each["id"] for each in self.world.disk.runs if each["command"] == "heal" and each["id"] > run["id"]}
        bakes = [
            row
            for row in self.world.disk.steps
            if isinstance(row["step"], Bake) and row["run"] in {run["id"], *healing}
        ]
        left = bakes[-1] if bakes else None
        baking = None if left is None else Seconds(0.0) if left["ended"] is not None else left["step"].seconds
        return Unfinished(
            run["id"],
            run["command"],
            run["source"],
            run["target"],
            run["release"],
            held,
            run["started"],
            baking=baking,
            canary=any(
                isinstance(row["step"], RunCanary) and row["ended"] is None
                for row in self.world.disk.steps
                if row["run"] == run["id"]
            ),
        )

    @reads
    def turns(self) -> tuple[Turn, ...]:
        done: dict[int, list[Step]] = {}
        for row in self.world.disk.steps:
            if row["ended"] is not None:
                done.setdefault(row["run"], []).append(row["step"])
        return tuple(
            replace(
                turn_of(run["command"], run["release"], run["outcome"], run["message"], done.get(run["id"], ())),
                ended=run["ended"],
            )
            for run in self.world.disk.runs
        )

    @reads
    def ran_once(self, service: str, release: ReleaseId) -> bool:
        return any(
            row["step"] == RunOnce(service, release) and row["ended"] is not None for row in self.world.disk.steps
        )

    @reads
    def next_release(self) -> ReleaseId:
        return ReleaseId(1 + max((run["release"] or 0 for run in self.world.disk.runs), default=0))

    @reads
    def history(self, limit: int) -> tuple[RunRecord, ...]:
        return tuple(self._record(run) for run in reversed(self.world.disk.runs))[:limit]

    @reads
    def expanded_unchecked(self) -> bool:
        done = [row["step"].name for row in self._performed() if isinstance(row["step"], Expand | CheckActive)]
        return done[-1:] == ["expand"]

    @reads
    def blamed_schema(self) -> bool:
        expanded = max((row["at"] for row in self._performed() if isinstance(row["step"], Expand)), default=-1)
        aborted = {run["id"] for run in self.world.disk.runs if run["outcome"] == "aborted"}
        rows = self.world.disk.steps[expanded + 1 :]
        return any(isinstance(r["step"], CheckActive) and r["ended"] is None and r["run"] in aborted for r in rows)

    @reads
    def backfilled_since(self, when: Moment) -> bool:
        runs = {run["id"] for run in self.world.disk.runs if (run["ended"] or 0.0) >= when}
        return any(isinstance(row["step"], Backfill) and row["run"] in runs for row in self._performed())

    @reads
    def last_transition(self) -> RunRecord | None:
        started = {row["run"] for row in self._performed() if isinstance(row["step"], Start)}
        runs = (run for run in reversed(self.world.disk.runs) if run["outcome"] == "done" and run["id"] in started)
        return next((self._record(run) for run in runs), None)

    def _performed(self) -> list[dict[str, Any]]:
        rows = ({**row, "at": at} for at, row in enumerate(self.world.disk.steps))
        return [row for row in rows if row["ended"] is not None and not row["passed"]]

    @writes
    def open_contract(self, name: str, release: ReleaseId) -> None:
        self._room()
        known = self.world.disk.contracts.get(name)
        if known is None or known.closed is not None or known.release < release:
            self.world.disk.contracts[name] = OpenChange(name, release, Moment(self.world.now))

    @writes
    def close_contract(self, name: str, reason: str) -> None:
        self._room()
        known = self.world.disk.contracts.get(name)
        if known is not None and known.closed is None:
            self.world.disk.contracts[name] = replace(known, closed=Moment(self.world.now), reason=reason)

    @writes
    def reopen_contract(self, name: str) -> None:
        self._room()
        known = self.world.disk.contracts.get(name)
        if known is not None:
            self.world.disk.contracts[name] = replace(known, closed=None, reason="")

    @reads
    def contracts(self) -> tuple[OpenChange, ...]:
        return tuple(sorted(self.world.disk.contracts.values(), key=lambda each: (each.release, each.name)))

    def _record(self, run: dict[str, Any]) -> RunRecord:
        phases: dict[str, Seconds] = {}
        for row in self.world.disk.steps:
            if row["run"] == run["id"] and row["ended"] is not None and not row["passed"]:
                name = row["step"].name
                phases[name] = Seconds(phases.get(name, 0.0) + row["ended"] - row["started"])
        return RunRecord(**run, phases=phases)

    def _room(self) -> None:
        if self.world.disk.full:
            raise Unavailable("the journal can't be written: database or disk is full", hint="make room on the disk")

    @staticmethod
    def _row(rows: list[dict[str, Any]], number: int) -> dict[str, Any]:
        """Return the row; what is not there is not changed, as in SQL."""
        return rows[number - 1] if 0 < number <= len(rows) else {}

"""A run as one trace: a span for the run, and one for each of its steps, made from its log when it is over.

The names are OpenTelemetry's for pipelines, which are still "Development" there: they stand here and nowhere else.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from teal.core.model.units import Moment, ReleaseId
from teal.core.planning.event_lines import LogLine

PIPELINE = "cicd.pipeline.name"
RUN_ID = "cicd.pipeline.run.id"
ACTION = "cicd.pipeline.action.name"
RESULT = "cicd.pipeline.result"
TASK = "cicd.pipeline.task.name"
TASK_ID = "cicd.pipeline.task.run.id"
TASK_RESULT = "cicd.pipeline.task.run.result"
VERSION = "service.version"
REVISION = "vcs.ref.head.revision"
_RESULTS: Mapping[str, str] = {
    "done": "success",
    "unchanged": "success",
    "healed": "success",
    "interrupted": "cancellation",
    "needs-person": "error",
}
_PARENT = re.compile(r"00-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}")


@dataclass(frozen=True, slots=True)
class Traced:
    """A run to be traced, as the journal has it."""

    project: str
    run: int
    command: str
    outcome: str
    message: str
    release: ReleaseId | None
    started: Moment
    ended: Moment


@dataclass(frozen=True, slots=True)
class Span:
    """A span; ids as whole numbers, *parent* 0 for none."""

    name: str
    id: int
    parent: int
    start: Moment
    end: Moment
    attributes: Mapping[str, str] = field(default_factory=dict)
    error: str = ""


@dataclass(frozen=True, slots=True)
class Trace:
    """A trace whose first span is the run's."""

    id: int
    spans: tuple[Span, ...]


def trace_of(run: Traced, lines: Sequence[LogLine], *, parent: str = "", revision: str = "") -> Trace:
    """Return *run*, whose log has *lines*, as a trace; told twice it is the same. *parent*: what TRACEPARENT says."""
    seed = f"{run.project} {run.run} {run.started}"
    above = _PARENT.fullmatch(parent)
    root = _id(seed, 8)
    result = _RESULTS.get(run.outcome, "failure")
    known = {VERSION: str(run.release) if run.release is not None else "", REVISION: revision}
    attributes = {
        PIPELINE: run.project,
        RUN_ID: str(run.run),
        ACTION: "RUN",
        RESULT: result,
        "teal.command": run.command,
    }
    attributes |= {"teal.outcome": run.outcome} | {name: value for name, value in known.items() if value}
    whole = Span(
        f"RUN {run.project}",
        root,
        int(above[2], 16) if above else 0,
        run.started,
        run.ended,
        attributes,
        "" if result == "success" else run.message or run.outcome,
    )
    return Trace(int(above[1], 16) if above else _id(seed, 16), (whole, *_steps(run, lines, root, seed)))


def _steps(run: Traced, lines: Iterable[LogLine], root: int, seed: str) -> Iterable[Span]:
    """Yield a span for each step that began; one that never ended was cut off, or failed, with the run."""
    open_: LogLine | None = None
    at = 0
    for line in lines:
        if line.event == "step-began":
            if open_ is not None:
                yield _step(run, open_, line.time, root, f"{seed} {at}", error=run.message or "it failed")
            open_, at = line, at + 1
        elif line.event == "step-ended" and open_ is not None and line.step == open_.step:
            yield _step(run, open_, line.time, root, f"{seed} {at}")
            open_ = None
    if open_ is not None:
        yield _step(run, open_, run.ended, root, f"{seed} {at}", error=run.message or "it was cut off")


def _step(run: Traced, began: LogLine, ended: Moment, root: int, seed: str, *, error: str = "") -> Span:
    attributes = {TASK: began.step, TASK_ID: f"{run.run}-{seed.rpartition(' ')[2]}", "teal.text": began.text}
    attributes[TASK_RESULT] = "failure" if error else "success"
    return Span(began.step, _id(seed, 8), root, began.time, max(ended, began.time), attributes, error)


def _id(seed: str, size: int) -> int:
    """Return an id of *size* bytes that is never zero."""
    return int.from_bytes(sha256(seed.encode()).digest()[:size], "big") or 1

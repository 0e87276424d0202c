"""Events as lines of JSON: what ``--json`` prints, what a run's log keeps, and how a kept line is read again."""

from __future__ import annotations

from typing import Literal

import msgspec
from msgspec import Struct

from teal.core.model.side import Side
from teal.core.model.units import Moment, ReleaseId, Seconds
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
from teal.core.planning.wording import say

NAMES: dict[type[Event], str] = {
    RunBegan: "run-began",
    RunEnded: "run-ended",
    StepStarted: "step-began",
    StepFinished: "step-ended",
    ServiceChanged: "service",
    InFlight: "in-flight",
    Baking: "baking",
    Message: "said",
}
_KNOWN = frozenset(NAMES.values())


class LogLine(Struct, frozen=True, omit_defaults=True):
    """A line of a run's log as it is read again; which fields it has depends on the event."""

    event: str
    elapsed: Seconds  # since the log of the run began
    time: Moment
    run: int | None = None
    command: str = ""
    source: Side | None = None
    target: Side | None = None
    release: ReleaseId | None = None
    outcome: str = ""
    message: str = ""
    step: str = ""
    text: str = ""
    seconds: Seconds | None = None
    passed: bool = False
    side: Side | None = None
    service: str = ""
    state: str = ""
    requests: int | None = None
    websockets: int | None = None
    failed: int | None = None
    left: Seconds | None = None
    kind: Literal["tool", "note", "warning", ""] = ""


def event_name(event: Event) -> str:
    """Return the event's name in JSON."""
    return NAMES[type(event)]


def as_json(event: Event) -> dict[str, object]:
    """Return the event's own fields as JSON has them."""
    match event:
        case StepStarted(step):
            return {"step": step.name, "text": say(step)}
        case StepFinished(step, took, passed):
            return {"step": step.name, "seconds": round(took, 3), "passed": passed}
        case _:
            fields = msgspec.to_builtins(event)
            assert isinstance(fields, dict)
            return fields


def read_line(line: bytes) -> LogLine | None:
    """Return what a kept *line* says; None for a torn one, and for what this version of Teal doesn't know."""
    try:
        read = msgspec.json.decode(line, type=LogLine)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return read if read.event in _KNOWN else None

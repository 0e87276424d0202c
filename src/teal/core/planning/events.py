"""What a running command tells whoever watches; ``cli/show`` makes lines or a live picture of it."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct

from teal.core.model.side import Side
from teal.core.model.units import ReleaseId, Seconds
from teal.core.planning.steps import Step


class RunBegan(Struct, frozen=True):
    """The journal has begun run *run*; what follows belongs to it."""

    run: int
    command: str
    source: Side | None
    target: Side | None
    release: ReleaseId | None  # None where it has none yet


class RunEnded(Struct, frozen=True):
    """The journal has closed the run."""

    run: int
    outcome: str
    message: str = ""


class StepStarted(Struct, frozen=True):
    """*step* is being performed."""

    step: Step


class StepFinished(Struct, frozen=True):
    """*step* is done after *seconds*; *passed* where it was true already."""

    step: Step
    seconds: Seconds
    passed: bool = False


class ServiceChanged(Struct, frozen=True):
    """*service* on *side* changed: building, created, starting, healthy, failed, stopping, stopped …"""

    side: Side | None  # None: it is shared
    service: str
    state: str


class InFlight(Struct, frozen=True):
    """What the proxy still counts on the side that drains."""

    side: Side
    requests: int
    websockets: int


class Baking(Struct, frozen=True):
    """How a release does that is watched: what its users met so far, and for how long it is watched still."""

    left: Seconds
    requests: int
    failed: int


class Message(Struct, frozen=True):
    """A line worth showing: of a tool (build output), a note, or a warning."""

    kind: Literal["tool", "note", "warning"]
    text: str


Event = RunBegan | RunEnded | StepStarted | StepFinished | ServiceChanged | InFlight | Baking | Message

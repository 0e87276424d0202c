"""What a running command tells whoever watches; ``cli/show`` makes lines or a live picture of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from teal.core.model.side import Side
from teal.core.model.units import Seconds
from teal.core.planning.steps import Step


@dataclass(frozen=True, slots=True)
class StepStarted:
    """*step* is being performed."""

    step: Step


@dataclass(frozen=True, slots=True)
class StepFinished:
    """*step* is done after *seconds*; *passed* where it was true already."""

    step: Step
    seconds: Seconds
    passed: bool = False


@dataclass(frozen=True, slots=True)
class ServiceChanged:
    """*service* on *side* changed: building, created, starting, healthy, failed, stopping, stopped …"""

    side: Side | None  # None: it is shared
    service: str
    state: str


@dataclass(frozen=True, slots=True)
class InFlight:
    """What the proxy still counts on the side that drains."""

    side: Side
    requests: int
    websockets: int


@dataclass(frozen=True, slots=True)
class Message:
    """A line worth showing: of a tool (build output), a note, or a warning."""

    kind: Literal["tool", "note", "warning"]
    text: str


Event = StepStarted | StepFinished | ServiceChanged | InFlight | Message

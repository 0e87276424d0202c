"""Shows events as lines with the seconds since the start: plain ones for pipes and CI, JSON for programs."""

from __future__ import annotations

from collections.abc import Callable
from typing import assert_never

import msgspec

from teal.cli.output import Outlet
from teal.cli.show.text import seconds
from teal.core.model.units import Seconds
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
from teal.core.planning.wording import say

_WORTH_SAYING = 1.0  # seconds: the end of a shorter step is seen by the next one's beginning
_COUNT_EVERY = 1.0  # seconds between two counts of what is in flight
_BAKED_EVERY = 10.0  # seconds
Now = Callable[[], float]


class PlainLines:
    """One line for each event that tells something new; what tools say goes apart, to *aside*."""

    def __init__(self, outlet: Outlet, aside: Outlet, *, clock: Now) -> None:
        self._outlet = outlet
        self._aside = aside
        self._clock = clock
        self._start = clock()
        self._last = ""
        self._counted = self._baked = float("-inf")

    def tell(self, event: Event) -> None:
        """Write the line of *event*, unless it says what the last one said, or counts again within a second."""
        if isinstance(event, InFlight):
            if self._clock() - self._counted < _COUNT_EVERY and event.requests + event.websockets:
                return
            self._counted = self._clock()
        if isinstance(event, Baking):
            if self._clock() - self._baked < _BAKED_EVERY:
                return
            self._baked = self._clock()
        text = plain(event)
        if isinstance(event, Message) and event.kind == "tool":
            self._aside.line(f"{self._clock() - self._start:6.1f}s  {text}")
        elif text and text != self._last:
            self._last = text
            self._outlet.line(f"{self._clock() - self._start:6.1f}s  {text}")

    def close(self) -> None:
        """Wait for the last line."""
        self._outlet.close()
        self._aside.close()


class JsonLines:
    """Each event an object of its own."""

    def __init__(self, outlet: Outlet, *, clock: Now) -> None:
        self._outlet = outlet
        self._clock = clock
        self._start = clock()

    def tell(self, event: Event) -> None:
        """Write the object of *event*."""
        content = {"event": event_name(event), "elapsed": round(self._clock() - self._start, 3), **as_json(event)}
        self._outlet.line(msgspec.json.encode(content).decode())

    def close(self) -> None:
        """Wait for the last line."""
        self._outlet.close()


def plain(event: Event) -> str:  # noqa: C901 - one case an event
    """Return the line of *event*, "" where it needs none."""
    match event:
        case RunBegan() | RunEnded():
            return ""
        case StepStarted(step):
            return say(step)
        case StepFinished(step, took, passed):
            return _ended(step.name, took, passed=passed)
        case ServiceChanged(side, service, state):
            return f"  {side or 'shared'}/{service} {state}"
        case InFlight(side, requests, websockets):
            return f"  {in_flight(requests, websockets)} on {side}"
        case Baking():
            return f"  {baking(event)}"
        case Message("tool", text):
            return f"  | {text}"
        case Message(kind, text):
            return f"{kind}: {text}"
        case _:
            assert_never(event)


def baking(event: Baking) -> str:
    """Return how a release does that is watched, in words."""
    met = f"{event.requests:,} requests, {event.failed:,} failed"
    return f"{met}; {event.left:.0f} s left"


def _ended(name: str, took: Seconds, *, passed: bool) -> str:
    if passed:
        return f"  {name}: already done"
    return f"  {name} took {seconds(took)}" if took >= _WORTH_SAYING else ""


def in_flight(requests: int, websockets: int) -> str:
    """Return what is still in flight, in words."""
    if not requests and not websockets:
        return "nothing in flight"
    sockets = f" and {websockets} WebSocket{'s' * (websockets != 1)}" if websockets else ""
    return f"{requests} request{'s' * (requests != 1)}{sockets} in flight"

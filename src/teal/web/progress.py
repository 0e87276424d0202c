"""What a run's log comes to: its steps, its services, what was said last. Pure: lines in, a value out."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

from teal.core.model.side import Side
from teal.core.model.units import Moment, Seconds
from teal.core.planning.event_lines import LogLine
from teal.core.planning.step_names import StepName

_TAIL = 12  # lines of a tool's output that stay in sight
_ALARM = frozenset({"failed", "unhealthy", "exited", "restarting", "dead"})
_CALM = frozenset({"built", "pulled", "healthy", "running"})
_OVER = frozenset({"stopped", "removed", "ended"})


@dataclass(frozen=True, slots=True)
class StepSeen:
    """A step that was begun."""

    name: str
    text: str
    began: Moment
    state: Literal["now", "done", "passed", "failed"] = "now"
    seconds: Seconds | None = None


@dataclass(frozen=True, slots=True)
class ServiceSeen:
    """A service as the run spoke of it last."""

    side: Side | None
    name: str
    state: str
    since: Moment

    @property
    def word(self) -> str:
        """Return the first word of its state, which says what kind it is."""
        return self.state.split(maxsplit=1)[0].rstrip(",:") if self.state.strip() else ""

    @property
    def failed(self) -> bool:
        """Tell whether it fares badly."""
        return self.word in _ALARM

    @property
    def tone(self) -> str:
        """Return whether that is good, bad, or one to wait in."""
        if self.failed:
            return "bad"
        if self.word in _OVER:
            return "calm"
        return "good" if self.word in _CALM else "wait"


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run has come."""

    steps: tuple[StepSeen, ...] = ()
    services: tuple[ServiceSeen, ...] = ()
    flying: tuple[Side | None, int, int] | None = None  # what the proxy still counts on the side that drains
    baking: tuple[int, int, Moment] | None = None  # users' requests that a watched release met, failed ones, its end
    notes: tuple[tuple[str, str], ...] = ()  # kind and text
    tail: tuple[str, ...] = ()  # what a tool said last
    outcome: str = ""
    message: str = ""

    @property
    def failed(self) -> tuple[str, ...]:
        """Return the services that fare badly."""
        return tuple(each.name for each in self.services if each.failed)

    @property
    def switched(self) -> Moment | None:
        """Return when it switched users last."""
        return next((each.began for each in reversed(self.steps) if each.name == StepName.SWITCH), None)

    @property
    def watches(self) -> bool:
        """Tell whether a new release is being watched, so that a person may decide about it."""
        return self.now is not None and self.now.name in {StepName.BAKE, StepName.CANARY}

    @property
    def now(self) -> StepSeen | None:
        """Return the step at hand."""
        return next((each for each in reversed(self.steps) if each.state == "now"), None)


def progress(lines: Iterable[LogLine]) -> Progress:
    """Return what *lines*, a run's log, come to."""
    found = Progress()
    for line in lines:
        found = _after(found, line)
    return found


def left_off(found: Progress) -> Progress:
    """Return *found*, of a run on which nobody works any more: what was at hand was not finished.

    A watch over a new release is the exception: it can still be decided, or be taken up.
    """
    return found if found.watches else replace(found, steps=_given_up(found.steps), flying=None)


def _after(found: Progress, line: LogLine) -> Progress:  # noqa: C901 (one case an event)
    match line.event:
        case "step-began":
            begun = StepSeen(line.step, line.text, line.time)
            return replace(found, steps=(*_given_up(found.steps), begun), flying=None, tail=())
        case "step-ended":
            services = found.services if line.step != StepName.RUN_ONCE else _ran(found.services)
            return replace(found, steps=_ended(found.steps, line), services=services, flying=None)
        case "service":
            changed = ServiceSeen(line.side, line.service, line.state, line.time)
            return replace(found, services=_changed(found.services, changed))
        case "in-flight":
            return replace(found, flying=(line.side, line.requests or 0, line.websockets or 0))
        case "baking":
            ends = Moment(line.time + (line.left or 0.0))
            return replace(found, baking=(line.requests or 0, line.failed or 0, ends))
        case "said" if line.kind == "tool":
            return replace(found, tail=(*found.tail, line.text)[-_TAIL:])
        case "said":
            return replace(found, notes=(*found.notes, (line.kind, line.text)))
        case "run-ended":
            steps = _given_up(found.steps)
            return replace(found, steps=steps, flying=None, outcome=line.outcome, message=line.message)
        case _:
            return found


def _given_up(steps: tuple[StepSeen, ...]) -> tuple[StepSeen, ...]:
    """Return *steps* with the one at hand as failed: it was begun, and nobody said that it ended."""
    return tuple(replace(each, state="failed") if each.state == "now" else each for each in steps)


def _ended(steps: tuple[StepSeen, ...], line: LogLine) -> tuple[StepSeen, ...]:
    for at in reversed(range(len(steps))):
        if steps[at].name == line.step and steps[at].state == "now":
            done = replace(steps[at], state="passed" if line.passed else "done", seconds=line.seconds)
            return (*steps[:at], done, *steps[at + 1 :])
    return steps


def _ran(services: tuple[ServiceSeen, ...]) -> tuple[ServiceSeen, ...]:
    """Return *services* after one-shots have run to their end: nobody says of each that it has."""
    return tuple(replace(each, state="ended well") if each.word == "running" else each for each in services)


def _changed(services: tuple[ServiceSeen, ...], now: ServiceSeen) -> tuple[ServiceSeen, ...]:
    for at, each in enumerate(services):
        if (each.side, each.name) == (now.side, now.name):
            return (*services[:at], now, *services[at + 1 :])
    return (*services, now)

"""What users do, from the proxy's counters one after the other: pure, readings in, rates and a chart out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from markupsafe import Markup

from teal.core.model.counts import ColorCounts, Counts
from teal.core.model.side import COLORS, Side
from teal.core.model.units import Moment, Seconds
from teal.core.plots import Ink, Line, Mark, over_time

EVERY = Seconds(2.0)  # between two readings
KEPT = 121  # readings: four minutes
_NOW = 5  # differences that make up what is so now
_STALE = 60.0  # seconds after which nobody wants to see what was before
_LATE = 2.5  # times *EVERY*: a longer way between two readings is a hole in what was seen


@dataclass(frozen=True, slots=True)
class Rates:
    """What goes to one color now."""

    side: Side
    per_second: float
    errors: int  # of all that is kept
    in_flight: int
    half: float | None  # seconds within which half of the answers began
    most: float | None  # and 95 of 100


@dataclass(frozen=True, slots=True)
class Flow:
    """Readings of the proxy's counters, the latest last."""

    readings: tuple[tuple[Moment, Counts], ...] = ()
    counted: bool = True  # False: the proxy was asked, and does not count

    def and_then(self, at: Moment, counts: Counts | None) -> Flow:
        """Return the flow after one more reading."""
        if counts is None:
            return Flow(counted=False)
        kept = self.readings if self.readings and at - self.readings[-1][0] < _STALE else ()
        return Flow((*kept, (at, counts))[-KEPT:])

    @property
    def colors(self) -> tuple[Rates, ...]:
        """Return what goes to each color; nothing before there are two readings."""
        if len(self.readings) < 2:
            return ()
        return tuple(_rates(side, self.readings) for side in COLORS)

    @property
    def seconds(self) -> float:
        """Return how far back it reaches."""
        return self.readings[-1][0] - self.readings[0][0] if self.readings else 0.0

    def chart(self, width: int, switched: Moment | None = None) -> Markup:
        """Return requests a second to each color over time, a line where users were switched."""
        began, ended = self.readings[0][0], self.readings[-1][0]
        marks = [Mark(switched - ended, "switch")] if switched and began < switched < ended else []
        inks: dict[Side, Ink] = {Side.BLUE: "blue", Side.GREEN: "green"}
        lines = [Line(side, list(_per_second(self.readings, side)), inks[side]) for side in COLORS]
        lines.append(Line("errors", list(_errors(self.readings)), "error"))
        lines = [each for each in lines if any(each.values)] or lines[:-1]
        drawn = over_time(
            "Users' requests a second",
            lines,
            step=EVERY,
            since=-EVERY * max(0, len(self.readings) - 2),
            marks=marks,
            width=width,
        )
        return Markup(drawn)  # noqa: S704 (numbers and words of Teal's own)


def _rates(side: Side, readings: tuple[tuple[Moment, Counts], ...]) -> Rates:
    """Return the rates of *side* by the last few readings; errors and times by all of them."""
    late = _unbroken(readings[-_NOW - 1 :])
    whole, now = _between(side, readings), _between(side, late)
    seconds = max(0.001, late[-1][0] - late[0][0]) if len(late) > 1 else 1.0
    return Rates(
        side,
        now.total / seconds,
        whole.errors,
        readings[-1][1].of(side).in_flight,
        whole.quantile(0.5),
        whole.quantile(0.95),
    )


def _unbroken(readings: tuple[tuple[Moment, Counts], ...]) -> tuple[tuple[Moment, Counts], ...]:
    """Return what of *readings* comes after the last hole: what lies before it is not now."""
    for at in reversed(range(1, len(readings))):
        if readings[at][0] - readings[at - 1][0] > _LATE * EVERY:
            return readings[at:]
    return readings


def _between(side: Side, readings: tuple[tuple[Moment, Counts], ...]) -> ColorCounts:
    """Return what was counted from the first reading to the last; the proxy may have begun anew meanwhile."""
    found = Counts()
    for (_, before), (_, after) in pairwise(readings):
        found = found.and_then(after.since(before))
    return found.of(side)


def _per_second(readings: tuple[tuple[Moment, Counts], ...], side: Side) -> Iterator[float | None]:
    for (at, before), (later, after) in pairwise(readings):
        late = later - at > _LATE * EVERY
        yield None if late else after.since(before).of(side).total / max(0.001, later - at)


def _errors(readings: tuple[tuple[Moment, Counts], ...]) -> Iterator[float | None]:
    for (at, before), (later, after) in pairwise(readings):
        since = after.since(before)
        late = later - at > _LATE * EVERY
        yield None if late else (since.blue.errors + since.green.errors) / max(0.001, later - at)

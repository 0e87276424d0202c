"""What the prober's answers mean: pauses, faults, and when it was away. Pure: moments in, values out.

A pause is what somebody would have waited who asked then and went on asking: from when a request was sent until the
first good answer to it or to a later one. Where all goes well that is the slowest answer; where nothing answers, it is
how long that lasted. Good is any answer below 500: a login page or a redirect is what users get, too.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from teal.core.model.units import Moment, Seconds

SLOW = 1.0  # seconds from which a good answer is told of as one that waited


@dataclass(frozen=True, slots=True)
class Probe:
    """One request of the prober to a route and what came."""

    route: str
    sent: Moment
    took: Seconds
    what: str = ""  # why it is no good answer: refused, cut, status 502, no answer in 5 s; "" for a good one
    status: int = 0
    led: str = ""  # where the state file sent users, both when it was sent and when it was answered; "" in between
    fresh: bool = False  # on a connection of its own

    @property
    def good(self) -> bool:
        """Tell whether a user would have got what they asked for."""
        return not self.what

    @property
    def answered(self) -> float:
        """Return the moment of the answer, or of giving up."""
        return self.sent + self.took


@dataclass(frozen=True, slots=True)
class Pause:
    """For how long nobody got a good answer, and from when."""

    at: float
    seconds: float

    @property
    def over(self) -> float:
        """Return the moment of its end."""
        return self.at + self.seconds


@dataclass(frozen=True, slots=True)
class Met:
    """A fault that was met: what, from when until when, how often."""

    what: str
    since: float
    until: float
    times: int


def pauses(probes: Iterable[Probe], *, end: float) -> list[Pause]:
    """Return what each of *probes*, of one route, would have waited; *end*: when nobody asked any more."""
    found: list[Pause] = []
    best: float | None = None
    for probe in sorted(probes, key=lambda each: each.sent, reverse=True):
        if probe.good and (best is None or probe.answered < best):
            best = probe.answered
        found.append(Pause(probe.sent, max(0.0, (end if best is None else best) - probe.sent)))
    return found[::-1]


def longest(found: Iterable[Pause]) -> Pause | None:
    """Return the longest of the pauses, the earliest of equals."""
    return max(found, key=lambda each: (each.seconds, -each.at), default=None)


def faults(probes: Sequence[Probe]) -> list[Met]:
    """Return what went wrong on one route, each thing from when it was first met until a good answer came again.

    Good answers that came only after a second or more are told as having waited: the proxy, or the application, held
    them.
    """
    ordered = sorted(probes, key=lambda each: each.sent)
    met: list[Met] = []
    at = 0
    for what, group in groupby(ordered, key=_trouble):
        found = list(group)
        at += len(found)
        if what:
            met.append(Met(what, found[0].sent, _over(what, found, ordered[at:]), len(found)))
    return _joined(met)


def _trouble(probe: Probe) -> str:
    """Return what is wrong with an answer: one that came late and one that was given up on have both waited."""
    late = probe.took >= SLOW if probe.good else probe.what.startswith("no answer in")
    return "waited" if late else probe.what


def _over(what: str, found: Sequence[Probe], later: Sequence[Probe]) -> float:
    """Return when it was over: a wait with its last answer, all else when the next request that went well was sent."""
    if what == "waited" or what.startswith("no answer"):
        return max(each.answered for each in found)
    return later[0].sent if later else max(each.answered for each in found)


def _joined(met: Sequence[Met]) -> list[Met]:
    """Return *met* with neighbours of one kind as one, where a different answer came between two of them only once."""
    joined: list[Met] = []
    for each in met:
        same = next((n for n, one in enumerate(joined) if one.what == each.what and each.since - one.until < 0.5), None)
        if same is None:
            joined.append(each)
        else:
            one = joined[same]
            joined[same] = Met(one.what, one.since, max(one.until, each.until), one.times + each.times)
    return joined


def absences(probes: Sequence[Probe], *, since: float, until: float, every: float) -> Iterator[tuple[float, float]]:
    """Yield when a prober that asks *every* so many seconds sent nothing for much longer than that."""
    last = since
    for sent in (*sorted(probe.sent for probe in probes), until):
        if sent - last > max(1.0, 4 * every):
            yield last, sent
        last = sent


def quantile(values: Sequence[float], share: float) -> float | None:
    """Return the value that a *share* of *values* does not exceed; None for none."""
    if not values:
        return None
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered) - 1e-9) - 1)]

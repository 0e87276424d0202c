"""A deploy as it was seen, for tests to change."""

from __future__ import annotations

from teal.core.model.counts import ColorCounts, Counts
from teal.core.model.side import Side
from teal.core.model.units import Moment, ReleaseId, Seconds
from teal.core.report.make import Facts, Flying, Reading, Seen, Took
from teal.core.report.seen import Probe
from teal.core.report.values import Author, Revision

BEGAN = 1000.0  # monotonic
MOMENT = Moment(1_796_000_000.0)
SWITCH = 14.0
END = 21.0
FACTS = Facts(
    "shop",
    57,
    "deploy",
    "done",
    ReleaseId(42),
    ReleaseId(41),
    Side.BLUE,
    Side.GREEN,
    Author("alice"),
    Revision("a1b2c3d4e5f6", "fix checkout", Moment(MOMENT - 3600)),
    drained=(0.7, 0, 0, True),
)


def color(requests: int, errors: int = 0, slow: int = 0) -> ColorCounts:
    """Return *requests* that ended, most within 10 ms, *slow* of them within 50."""
    answers = {(200, "GET"): requests - errors, (500, "POST"): errors}
    buckets = ((0.005, 0), (0.01, requests - slow), (0.05, requests), (float("inf"), requests))
    return ColorCounts({key: count for key, count in answers.items() if count}, buckets)


def seen(*, failing: str = "", since: float = 0.0, until: float = 0.0, errors: int = 0) -> Seen:
    """Return a deploy of 21 s, 100 users' requests a second, the prober failing from *since* until *until*."""
    found = Seen(BEGAN, MOMENT, every=0.2, ended=BEGAN + END, asking=BEGAN + 0.3, paths={"web": "/health"})
    steps = (("build", None, 0.5, 9.0), ("start", Side.GREEN, 9.5, 4.3), ("switch", Side.GREEN, 14.0, 0.003))
    for name, side, at, took in (*steps, ("drain", Side.BLUE, 14.1, 0.7), ("retire", Side.BLUE, 14.8, 6.0)):
        found.steps.append(Took(name, side, BEGAN + at, took))
    found.moves.append((BEGAN + SWITCH, "green"))
    found.flying += [Flying(BEGAN + 14.1 + n / 10, Side.BLUE, 7 - n, 0) for n in range(8)]
    for at in (0.4, 13.8, 15.0, 16.0, 17.0, 18.0, 19.0, 20.0, 20.9):
        blue = color(round(100 * min(at, SWITCH)))
        green = color(round(100 * max(0.0, at - SWITCH)), errors if at >= 15 else 0, slow=3 if at >= 15 else 0)
        found.readings.append(Reading(BEGAN + at, Counts(blue, green)))
    probes = []
    at = 0.3
    while at < END:
        bad = failing if since <= at < until else ""
        led = "blue" if at < SWITCH else "green"
        took = 0.041 if 13.9 <= at < 14.1 else 0.012
        probes.append(Probe("web", Moment(MOMENT + at), Seconds(took), bad, 0 if bad else 200, led))
        at += 0.2
    found.probes = probes
    return found

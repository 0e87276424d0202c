"""What the proxy has counted of users' requests, by color.

- The proxy counts since it was started or last reloaded; two readings tell what happened between them. Where one is
  lower than an earlier one, the proxy has begun anew in between: what was counted before is lost, and that is said.
- Counted is each request of a user that was led to a color: not those that came with Teal's key, not those that were
  held or turned away when they came.
- A request counts by its status when it has ended. Its answer counts by its latency when it begins (a stream or a
  download of an hour isn't slow); an error that the proxy itself gives may have none.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from teal.core.model.side import COLORS, Side

# Caddy names a series by the first handler of a named route; the snippet's two routes begin with these.
MARKERS = {"log_append": Side.BLUE, "request_body": Side.GREEN}
_ENDED = "caddy_http_request_duration_seconds_count"
_BEGAN = "caddy_http_response_duration_seconds_bucket"
_NOW = "caddy_http_requests_in_flight"  # the question itself is in flight, so that it is there wherever Caddy counts
_LINE = re.compile(r"(?P<name>caddy_http_\w+)\{(?P<labels>.*)\} (?P<value>\S+)")
_LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


@dataclass(frozen=True, slots=True)
class ColorCounts:
    """What was counted for one color."""

    requests: Mapping[tuple[int, str], int] = field(default_factory=dict)  # status and method -> requests that ended
    buckets: tuple[tuple[float, int], ...] = ()  # seconds -> answers that began within them; the last is infinity
    in_flight: int = 0

    @property
    def total(self) -> int:
        """Return how many requests have ended."""
        return sum(self.requests.values())

    @property
    def errors(self) -> int:
        """Return how many of them the application or the proxy answered with 500 or more."""
        return self.with_status(500, 599)

    def with_status(self, first: int, last: int) -> int:
        """Return how many requests ended with a status from *first* to *last*."""
        return sum(count for (status, _), count in self.requests.items() if first <= status <= last)

    @property
    def answers(self) -> int:
        """Return how many answers have begun: what the buckets count in all."""
        return self.buckets[-1][1] if self.buckets else 0

    def slower(self, bound: float) -> int:
        """Return how many answers began later than after *bound* seconds, which is the bound of a bucket."""
        return self.answers - dict(self.buckets).get(bound, self.answers)

    def quantile(self, share: float) -> float | None:
        """Return the bound of the bucket by which a *share* of the answers (0.95 for p95) had begun; None for none."""
        wanted = share * self.answers
        return next((bound for bound, count in self.buckets if count and count >= wanted), None)


@dataclass(frozen=True, slots=True)
class Counts:
    """One reading of the proxy's counters, or what lies between two: both colors are always there."""

    blue: ColorCounts = ColorCounts()
    green: ColorCounts = ColorCounts()
    anew: bool = False  # of a difference: the proxy began anew meanwhile, and what was before is lost

    def of(self, side: Side) -> ColorCounts:
        """Return what was counted for a color; of the plain side nothing is."""
        return {Side.BLUE: self.blue, Side.GREEN: self.green}.get(side, ColorCounts())

    @property
    def total(self) -> int:
        """Return how many requests to either color have ended."""
        return self.blue.total + self.green.total

    def since(self, earlier: Counts) -> Counts:
        """Return what was counted after *earlier*; in flight is what is so now."""
        if any(_fell(self.of(side), earlier.of(side)) for side in COLORS):
            return Counts(self.blue, self.green, anew=True)
        return Counts(_less(self.blue, earlier.blue), _less(self.green, earlier.green))

    def and_then(self, later: Counts) -> Counts:
        """Return two differences that follow one another as one."""
        return Counts(_sum(self.blue, later.blue), _sum(self.green, later.green), anew=self.anew or later.anew)


def _fell(now: ColorCounts, before: ColorCounts) -> bool:
    """Tell whether any counter has gone down, or is gone."""
    bounds = dict(now.buckets)
    return any(now.requests.get(key, 0) < count for key, count in before.requests.items()) or any(
        bounds.get(bound, 0) < count for bound, count in before.buckets
    )


def _less(now: ColorCounts, before: ColorCounts) -> ColorCounts:
    requests = {key: count - before.requests.get(key, 0) for key, count in now.requests.items()}
    bounds = dict(before.buckets)
    buckets = tuple((bound, count - bounds.get(bound, 0)) for bound, count in now.buckets)
    return ColorCounts({key: count for key, count in requests.items() if count}, buckets, now.in_flight)


def _sum(first: ColorCounts, second: ColorCounts) -> ColorCounts:
    buckets = Counter(dict(first.buckets)) + Counter(dict(second.buckets))
    bounds = sorted({bound for bound, _ in (*first.buckets, *second.buckets)})
    requests = Counter(first.requests) + Counter(second.requests)
    return ColorCounts(dict(requests), tuple((each, buckets[each]) for each in bounds), second.in_flight)


def parse_counts(metrics: str) -> Counts | None:
    """Return what Caddy's *metrics*, in Prometheus' text form, say of both colors; None where Caddy counts nothing."""
    samples = list(_samples(metrics.splitlines()))
    if not any(name == _NOW for name, _, _ in samples):
        return None
    blue, green = (_color([each for each in samples if _side(each[1]) is side]) for side in COLORS)
    return Counts(blue, green)


_Sample = tuple[str, Mapping[str, str], float]


def _color(samples: Iterable[_Sample]) -> ColorCounts:
    """Add up the series of one color: there is one for each server, status and method."""
    requests: Counter[tuple[int, str]] = Counter()
    buckets: defaultdict[float, int] = defaultdict(int)
    in_flight = 0
    for name, labels, value in samples:
        if name == _ENDED:
            requests[int(labels.get("code") or 0), labels.get("method", "")] += int(value)
        elif name == _BEGAN:
            buckets[float(labels.get("le", math.inf))] += int(value)
        elif name == _NOW:
            in_flight += int(value)
    return ColorCounts(dict(requests), tuple(sorted(buckets.items())), in_flight)


def _samples(lines: Iterable[str]) -> Iterator[_Sample]:
    for line in lines:
        if (found := _LINE.fullmatch(line)) and found["name"] in {_ENDED, _BEGAN, _NOW}:
            yield found["name"], dict(_LABEL.findall(found["labels"])), float(found["value"])


def _side(labels: Mapping[str, str]) -> Side | None:
    return MARKERS.get(labels.get("handler", ""))

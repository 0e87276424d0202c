"""Whether a new release is worse than the one before it, by the share of its users' requests that fail.

- Windows of two seconds; of each counts the share of answers 5xx, so that one bad second counts once, however many of
  its requests failed. Windows without a request say nothing.
- The rate that is allowed follows from the requests before the switch (``allowed_rate``).
- The evidence that the true rate is above that is a mean of betting martingales (Waudby-Smith and Ramdas, "Estimating
  means of bounded random variables by betting", 2023): by Ville's inequality it reaches 1,000 in at most one of 1,000
  bakes of a release that is as good as allowed, however often one looks.
- Before anything goes back the old release is asked: where it fails as well, the new one is not to blame, and what was
  seen so far is forgotten (``forgiven``).
"""

from __future__ import annotations

import math
from typing import Literal

from msgspec import Struct

from teal.core.model.counts import ColorCounts
from teal.core.model.units import Seconds

WINDOW = Seconds(2.0)
GUILTY = 1000.0  # evidence at which a release goes back
SUSPECT = 20.0  # evidence at which it is watched for longer
LEAST_FAILED, LEAST_WINDOWS = 5, 3  # a few failures within one moment prove nothing
HELD_AFTER = 3  # times that the old release failed as well: a person must look
FEW = 100  # requests: a bake that saw fewer says little
ROUNDS, ABREAST = 5, 4  # in which the old release is asked, and how often each thing at once
BETWEEN = Seconds(0.4)  # between two rounds
ACQUITS = 2  # failures of the old release that acquit the new one
_BETS = (0.02, 0.05, 0.1, 0.3, 0.9)
_ENOUGH_BEFORE = 500  # requests before the switch, below which their rate says too little
_UNKNOWN, _LEAST, _MOST = 0.01, 0.005, 0.20  # rates allowed: nothing is known, at least, at most
_SLOW_LEAST, _SLOW_TIMES = 0.15, 3  # of the answers; times as many as before
_DENIED, _DENIED_LEAST, _DENIED_TIMES = (401, 403, 404), 20, 5

Verdict = Literal["good", "suspect", "guilty"]


class Seen(Struct, frozen=True):
    """Requests of users that one release has answered, and how many of them with 5xx."""

    requests: int = 0
    failed: int = 0

    def __add__(self, other: Seen) -> Seen:
        """Return both together."""
        return Seen(self.requests + other.requests, self.failed + other.failed)

    @property
    def rate(self) -> float:
        """Return the share that failed; 0 of nothing."""
        return self.failed / self.requests if self.requests else 0.0


def allowed_rate(before: Seen) -> float:
    """Return the share of failures that a release may have: twice what the old one may have had, within limits.

    That is the upper end of the one-sided 95 % interval of its rate (Agresti and Coull, with one failure added).
    """
    if before.requests < _ENOUGH_BEFORE:
        return _UNKNOWN
    rate = (before.failed + 1) / (before.requests + 2)
    upper = rate + 1.645 * math.sqrt(rate * (1 - rate) / (before.requests + 2))
    return min(_MOST, max(_LEAST, 2 * upper))


class Late(Struct, frozen=True):
    """What is slow: an answer that begins later than after *bound* seconds, and the *share* of such answers before."""

    bound: float
    share: float

    @property
    def allowed(self) -> float:
        """Return the share of slow answers that a release may have."""
        return max(_SLOW_LEAST, _SLOW_TIMES * self.share)


def late_before(before: ColorCounts) -> Late | None:
    """Return what was slow in the release before: later than 95 of 100 answers; None where too little is known."""
    bound = before.quantile(0.95)
    if bound is None or math.isinf(bound) or before.answers < _ENOUGH_BEFORE:
        return None
    late = Late(bound, before.slower(bound) / before.answers)
    return late if late.allowed < 1 else None


def turned_away(now: ColorCounts, before: ColorCounts) -> str:
    """Return in words that many more requests than before were answered with 401, 403 or 404; "" where they weren't."""
    counts = [(each, sum(each.with_status(status, status) for status in _DENIED)) for each in (now, before)]
    (total, denied), (total_before, denied_before) = [(each.total, count) for each, count in counts]
    if denied < _DENIED_LEAST or total_before < _ENOUGH_BEFORE:
        return ""
    rate, rate_before = denied / total, denied_before / total_before
    if rate < _DENIED_TIMES * rate_before:
        return ""
    return f"{denied} of {total} requests were answered with 401, 403 or 404 (before {rate_before:.1%})"


class Evidence(Struct, frozen=True):
    """What the windows so far say against the release that is watched: pure, each window makes a new one."""

    allowed: float
    logs: tuple[float, ...] = (0.0,) * len(_BETS)  # the logarithm of each bet's stake
    failed: int = 0
    bad_windows: int = 0
    bad_requests: int = 0  # all those of bad windows
    acquitted: int = 0  # times that the old release failed as well

    def after(self, window: Seen) -> Evidence:
        """Return the evidence with one more *window*."""
        if not window.requests:
            return self
        bets = (bet / self.allowed for bet in _BETS)
        gain = window.rate - self.allowed
        return Evidence(
            allowed=self.allowed,
            logs=tuple(log + math.log(max(1e-12, 1 + bet * gain)) for log, bet in zip(self.logs, bets, strict=True)),
            failed=self.failed + window.failed,
            bad_windows=self.bad_windows + (window.failed > 0),
            bad_requests=self.bad_requests + window.requests * (window.failed > 0),
            acquitted=self.acquitted,
        )

    def forgiven(self) -> Evidence:
        """Return the evidence after the old release was seen to fail as well: from nothing, one acquittal more."""
        return Evidence(self.allowed, acquitted=self.acquitted + 1)

    def over(self, window: Seen) -> bool:
        """Tell whether *window*, the latest, shows that what spoke against the release has ended by itself.

        A release that is bad goes on to fail about as it did; a database that was ill for a moment leaves it well.
        """
        usual = self.failed / self.bad_requests if self.bad_requests else 0.0
        return window.requests > 0 and window.rate <= max(2 * self.allowed, usual / 4)

    @property
    def verdict(self) -> Verdict:
        """Return what the evidence comes to."""
        top = max(self.logs)  # so that no stake overflows
        total = top + math.log(sum(math.exp(log - top) for log in self.logs) / len(self.logs))
        if total < math.log(SUSPECT):
            return "good"
        proved = total >= math.log(GUILTY) and self.failed >= LEAST_FAILED and self.bad_windows >= LEAST_WINDOWS
        return "guilty" if proved else "suspect"

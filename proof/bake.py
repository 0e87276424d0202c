"""`make bake`: how often a good release is taken back, and how soon a bad one is, by the judge that Teal uses.

Plays bakes of 5 minutes with random traffic through ``core.planning.bake``: nothing else of Teal has a part in it. An
ill shared database makes both releases fail for 10 s; the old release is asked as a deploy asks it, 5 times in 2 s.
"""

from __future__ import annotations

import random
import sys
from dataclasses import dataclass
from statistics import median

from teal.core.planning.bake import (
    ABREAST,
    ACQUITS,
    BETWEEN,
    HELD_AFTER,
    ROUNDS,
    WINDOW,
    Evidence,
    Seen,
    allowed_rate,
)

BAKE, BEFORE = 300.0, 3600.0  # seconds
USUAL = 0.002  # share of requests that fail though all is well
ILL = 10.0  # seconds for which a shared database is ill
ILL_SHARE = 0.5  # of requests, of users' and of Teal's own, that fail then


@dataclass(frozen=True, slots=True)
class Case:
    """What is played: requests per second, the share that fails, and what else goes wrong."""

    rate: float
    share: float = USUAL
    bursts: float = 0.0  # chance of each window to be one in which half of its requests fail
    ill: bool = False  # the shared database is ill once
    good: bool = True


CASES = (
    *(Case(rate) for rate in (0.5, 5, 50)),
    *(Case(rate, bursts=0.003) for rate in (0.5, 5, 50)),
    *(Case(rate, ill=True) for rate in (0.5, 5, 50)),
    *(Case(rate, bursts=0.003, ill=True) for rate in (5, 50)),
    *(Case(rate, share, good=False) for share in (0.02, 0.05, 0.2, 1.0) for rate in (0.5, 5, 50)),
)


def play(case: Case, dice: random.Random) -> tuple[str, float]:
    """Return how one bake ends (passed, rolled-back, held) and after how many seconds."""
    before = Seen()
    for _ in range(int(BEFORE / WINDOW)):
        before += _window(case.rate, USUAL, case.bursts, dice)
    ill_from = dice.uniform(0, BAKE - ILL) if case.ill else -ILL
    evidence, at = Evidence(allowed_rate(before)), 0.0
    while at < BAKE:
        at += WINDOW
        share = max(case.share, ILL_SHARE) if ill_from <= at < ill_from + ILL else case.share
        evidence = evidence.after(_window(case.rate, share, case.bursts, dice))
        if evidence.verdict != "guilty":
            continue
        asked = (at + BETWEEN * (number // ABREAST) for number in range(ROUNDS * ABREAST))
        failures = sum(ill_from <= moment < ill_from + ILL and dice.random() < ILL_SHARE for moment in asked)
        at += WINDOW
        if failures >= ACQUITS:
            evidence = evidence.forgiven()
            if evidence.acquitted >= HELD_AFTER:
                return "held", at
            continue
        share = max(case.share, ILL_SHARE) if ill_from <= at < ill_from + ILL else case.share
        meanwhile = _window(case.rate, share, case.bursts, dice)
        if not evidence.over(meanwhile):
            return "rolled-back", at
        evidence = evidence.after(meanwhile)
    return "passed", BAKE


def _window(rate: float, share: float, bursts: float, dice: random.Random) -> Seen:
    """Return the requests of one window, and how many of them failed."""
    requests = _poisson(rate * WINDOW, dice)
    if bursts and dice.random() < bursts:
        share = 0.5
    return Seen(requests, sum(dice.random() < share for _ in range(requests)))


def _poisson(mean: float, dice: random.Random) -> int:
    if mean > 50:
        return max(0, round(dice.gauss(mean, mean**0.5)))
    count, left = 0, dice.expovariate(1.0)
    while left < mean:
        count += 1
        left += dice.expovariate(1.0)
    return count


def table(number: int, seed: int = 7) -> tuple[list[str], int]:
    """Return the lines of the table of *number* bakes a case, and how many good releases were taken back at worst."""
    dice = random.Random(seed)
    lines = [f"{'':38}{'taken back':>12}{'held':>8}{'after, median':>16}{'p95':>8}"]
    worst = 0
    for case in CASES:
        ended = [play(case, dice) for _ in range(number)]
        back = sorted(at for how, at in ended if how == "rolled-back")
        held = sum(how == "held" for how, _ in ended)
        late = f"{median(back):>14.0f} s{back[int(0.95 * (len(back) - 1))]:>6.0f} s" if back else f"{'-':>16}{'-':>8}"
        lines.append(f"{_said(case):38}{len(back) / number:>12.1%}{held:>8}{late}")
        worst = max(worst, len(back)) if case.good else worst
    return lines, worst


def _said(case: Case) -> str:
    what = "good" if case.good else f"{case.share:.0%} of requests fail"
    more = [", bursts" * bool(case.bursts), ", ill database" * case.ill]
    return f"{case.rate:g}/s, {what}{''.join(more)}"


def main() -> int:
    """Print the table; fail where more than 2 of 1,000 good releases were taken back."""
    number = int(sys.argv[1]) if len(sys.argv) > 1 else 1000
    lines, worst = table(number)
    print("\n".join(lines))
    print(f"of {number} good releases of one kind at most {worst} were taken back (limit: 2 of 1,000)")
    return int(worst > max(2, 2 * number // 1000))


if __name__ == "__main__":
    sys.exit(main())

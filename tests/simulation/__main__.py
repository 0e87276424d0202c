"""Play many schedules and every crash point, and print what was played: ``make simulate``.

Environment: ``SCHEDULES`` how many (100,000), ``SEED`` of the first batch (0), ``WORKERS`` processes (2). A failure
prints the shortened schedule and the seed of its batch: ``make simulate SEED=n SCHEDULES=500`` plays it again.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
import time
import traceback
from collections import Counter

from hypothesis import HealthCheck, seed, settings
from hypothesis.errors import HypothesisException
from hypothesis.stateful import run_state_machine_as_test

from teal.adapters.simulated import Trouble
from tests.simulation.chaos import COUNTS, Chaos
from tests.simulation.test_crash_points import VICTIMS, killed, points

BATCH = 500
THEN = ("deploy", "rollback", "cleanup", "leave")
Outcome = tuple[Counter[str], str]


def batch(number: int) -> Outcome:
    """Play the schedules of one batch; return what was played, and the failure, if there is one."""
    COUNTS.clear()
    how = settings(
        max_examples=BATCH,
        stateful_step_count=6,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    try:
        run_state_machine_as_test(seed(number)(Chaos), settings=how)
    except (AssertionError, ExceptionGroup, HypothesisException):
        return COUNTS, f"seed {number}:\n{traceback.format_exc()}"
    return COUNTS, ""


def crashes(victim: tuple[str, str, str]) -> Outcome:
    """Kill one command at each of its points, with each command next."""
    before, command, kind = victim
    played: Counter[str] = Counter()
    broken: list[str] = []
    for at in range(1, points(before, command) + 1):
        for then in THEN:
            played[f"{before}: {command} {kind}"] += 1
            broken += killed(before, command, Trouble(at, kind), then)  # type: ignore[arg-type]
    return played, "\n".join(broken)


def table(title: str, played: Counter[str], seconds: float) -> None:
    """Print what was played."""
    print(f"\n{title}, in {seconds:.0f} s")
    for name, count in sorted(played.items(), key=lambda row: (-row[1], row[0])):
        print(f"  {count:>12,}  {name}")


def main() -> int:
    """Play everything; return 1 where a promise was broken."""
    schedules, first = int(os.environ.get("SCHEDULES", "100000")), int(os.environ.get("SEED", "0"))
    victims = [(before, command, kind) for before, command in VICTIMS for kind in ("kill-before", "kill-after")]
    batches = range(first, first + max(1, -(-schedules // BATCH)))
    failures: list[str] = []
    with multiprocessing.Pool(int(os.environ.get("WORKERS", "2"))) as pool:
        for title, work, items in (("crash points", crashes, victims), ("random schedules", batch, batches)):
            began, played = time.monotonic(), Counter[str]()
            for counts, failure in pool.imap_unordered(work, items):  # type: ignore[arg-type, call-overload]
                played.update(counts)
                failures += [failure] if failure else []
            table(title, played, time.monotonic() - began)
    for failure in failures:
        print(f"\nBROKEN {failure}")
    print(f"\n{len(failures)} batches broke a promise" if failures else "\nno promise was broken")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())

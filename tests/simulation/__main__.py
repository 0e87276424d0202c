"""Play many schedules and every crash point, and print what was played: ``make simulate``.

Environment: ``SCHEDULES`` how many (100,000), ``SEED`` of the first batch (0), ``WORKERS`` processes (2), ``CRASHES=0``
leaves the crash points out, ``MINUTES`` ends the schedules after so many (0: never). A failure prints the shortened
schedule and the seed of its batch: ``make simulate SEED=n SCHEDULES=250 CRASHES=0`` plays it again.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import sys
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any

from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.errors import HypothesisException
from hypothesis.stateful import run_state_machine_as_test

from tests.simulated import Trouble
from tests.simulation.chaos import COUNTS, Chaos
from tests.simulation.test_crash_points import VICTIMS, killed, points
from tests.simulation.test_healing import boundaries, healing, killed_healing

BATCH = 250
THEN = ("deploy", "rollback", "cleanup", "leave")
KINDS = ("kill-before", "kill-after")
Outcome = tuple[Counter[str], str]


def batch(number: int) -> Outcome:
    """Play the schedules of one batch; return what was played, and the failure, if there is one."""
    COUNTS.clear()
    gc.freeze()
    gc.disable()  # searched for between schedules, not all the time: a quarter of it would go there
    how = settings(
        max_examples=BATCH,
        stateful_step_count=6,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    try:
        run_state_machine_as_test(seed(number)(Chaos), settings=how)
    except (AssertionError, ExceptionGroup, HypothesisException):
        return COUNTS, f"seed {number}:\n{traceback.format_exc()}"
    finally:
        gc.enable()
        gc.collect()
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


def healings(victim: tuple[str, str, str]) -> Outcome:
    """Kill one command at each begin and end of a step, what heals it at each of its points, then go on."""
    before, command, kind = victim
    played: Counter[str] = Counter()
    broken: list[str] = []
    for n, at in enumerate(boundaries(before, command)):
        for heal in range(1, healing(before, command, at) + 1):
            played[f"{before}: {command}, healing {kind}"] += 1
            trouble, then = Trouble(heal, kind), THEN[(n + heal) % len(THEN)]  # type: ignore[arg-type]
            broken += killed_healing(before, command, at, trouble, then)
    return played, "\n".join(broken)


def table(title: str, played: Counter[str], seconds: float) -> None:
    """Print what was played."""
    print(f"\n{title}, in {seconds:.0f} s")
    for name, count in sorted(played.items(), key=lambda row: (-row[1], row[0])):
        print(f"  {count:>12,}  {name}")


def play(title: str, work: Callable[[Any], Outcome], items: Iterable[Any], minutes: float = 0.0) -> list[str]:
    """Play *items* in processes that are replaced now and then; print the table, return the failures."""
    began, said, played, failures = time.monotonic(), time.monotonic(), Counter[str](), []
    with multiprocessing.Pool(int(os.environ.get("WORKERS", "2")), maxtasksperchild=4) as pool:
        for counts, failure in pool.imap_unordered(work, items):
            played.update(counts)
            if failure:
                failures.append(failure)
                print(f"\nBROKEN {failure}", flush=True)
            if time.monotonic() - said > 60:
                said = time.monotonic()
                print(f"… {title}: {played['schedules'] or played.total():,} so far", flush=True)
            if minutes and time.monotonic() - began > minutes * 60:
                print(f"the {minutes:g} minutes are over", flush=True)
                break
    table(title, played, time.monotonic() - began)
    return failures


def main() -> int:
    """Play everything; return 1 where a promise was broken."""
    schedules, first = int(os.environ.get("SCHEDULES", "100000")), int(os.environ.get("SEED", "0"))
    victims = [(before, command, kind) for before, command in VICTIMS for kind in KINDS]
    minutes = float(os.environ.get("MINUTES", "0"))
    failures: list[str] = []
    if os.environ.get("CRASHES") != "0":
        failures += play("crash points", crashes, victims)
        failures += play("crash points of healing", healings, victims)
    failures += play("random schedules", batch, range(first, first + -(-schedules // BATCH)), minutes)
    print(f"\n{len(failures)} batches broke a promise" if failures else "\nno promise was broken")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())

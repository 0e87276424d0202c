"""Play many random schedules of a Swarm: ``python -m tests.simulation.swarm [HOW MANY [FIRST SEED]]``."""

from __future__ import annotations

import multiprocessing
import sys
from collections import Counter

from tests.simulation.swarm.test_swarm import chaos


def one(seed: int) -> tuple[Counter[str], str]:
    """Play the schedule of *seed*; return what happened in it, and what broke."""
    swarm = chaos(seed)
    return swarm.counts, f"seed {seed}: {swarm.broken[0]}" if swarm.broken else ""


def main() -> int:
    """Play them in two processes; print the table; return 1 where something broke."""
    many, first = map(int, (*sys.argv[1:], *("2000", "0")[len(sys.argv) - 1 :]))
    played: Counter[str] = Counter()
    broken = []
    with multiprocessing.Pool(2) as pool:
        for counts, wrong in pool.imap_unordered(one, range(first, first + many), chunksize=10):
            played += counts
            broken += [wrong] if wrong else []
    for name, times in sorted(played.items(), key=lambda row: -row[1]):
        print(f"  {times:>12,}  {name}")
    print("\n".join(broken[:20]))
    print(f"{many:,} schedules, {len(broken)} broke a promise")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())

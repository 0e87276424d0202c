"""Measure and print one table; see ``python -m proof.bench --help``."""

import argparse
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

from proof.bench import commands, growth, latency, live, proxy, rollback, switch
from proof.bench.row import HEAD, Row
from proof.managed import Managed, ProofFailed, tale_copy

ON_TALE: dict[str, Callable[[Managed, int], Iterator[Row]]] = {
    "live12": live.slow_boot,
    "live1": live.quick_boot,
    "done": live.done,
    "latency": latency.latency,
    "switch": switch.switch,
    "rollback": rollback.rollback,
    "commands": commands.commands,
}
ALONE: dict[str, Callable[[int], Iterator[Row]]] = {"proxy": proxy.proxy, "growth": growth.growth}
NAMES = (*ON_TALE, *ALONE)
TIMES = 5


def main() -> int:
    """Measure what is named, print the table, and return 0 where every limit is met."""
    parser = argparse.ArgumentParser(prog="python -m proof.bench", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"what to measure (default all): {', '.join(NAMES)}")
    parser.add_argument("--quick", action="store_true", help="few repetitions: figures to look at, not to believe")
    wanted = parser.parse_args()
    if unknown := set(wanted.names) - set(NAMES):
        parser.error(f"there is no {', '.join(sorted(unknown))}")
    began = time.monotonic()
    times = 2 if wanted.quick else TIMES
    print(f"medians of {times}, taken in turn\n\n{HEAD}", flush=True)
    missed = []
    for row in _rows(set(wanted.names or NAMES), times):
        print(row.line, flush=True)
        missed += [row.name.strip()] if row.met is False else []
    verdict = f"NOT met: {'; '.join(missed)}" if missed else "every limit is met"
    print(f"\n{time.monotonic() - began:.0f} s; {verdict}")
    return 1 if missed else 0


def _rows(names: set[str], times: int) -> Iterator[Row]:
    """Yield each figure as it is there; the example runs only while something is measured on it."""
    on_tale = [name for name in ON_TALE if name in names]
    if on_tale:
        with tale_copy("bench", BOOT_SECONDS="1") as stack:
            stack.teal("deploy")
            for name in on_tale:
                yield from ON_TALE[name](stack, times)
    for name in ALONE:
        if name in names:
            yield from ALONE[name](times)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (ProofFailed, subprocess.TimeoutExpired) as failure:
        sys.exit(f"the bench could not be carried out: {failure}")

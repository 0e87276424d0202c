"""Prove that schema changes lose nothing: writers never stop while each of the four changes goes through.

Each: expand and backfill, deploy, rollback, deploy again, contract. Exit status 0 means: 0 failed requests, each
acknowledged write read back by both releases under both names, no statement waited longer than a second.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Sequence

from proof.managed import Managed, ProofFailed
from proof.migrations import faults
from proof.migrations.changes import CHANGES, TABLES, Change
from proof.migrations.faults import FAULTS, Fault, prepare
from proof.migrations.reading import read_back
from proof.migrations.stack import ledger
from proof.migrations.writers import Writers

LONGEST = 1.5  # seconds: the lock timeout of a migration, and the statement's own time
COLUMNS = "{:36}{:>9}{:>9}{:>8}{:>10}{:>8}{:>11}{:>12}{:>9}"


def main() -> int:
    """Prove, print the table, return 0 where all of it holds."""
    parser = argparse.ArgumentParser(prog="python -m proof.migrations", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="20,000 rows and one change")
    parser.add_argument("--rows", type=int, default=1_000_000, help="in the plain table (default 1,000,000)")
    wanted = parser.parse_args()
    began = time.monotonic()
    head = ("", "writes", "reads", "failed", "db down", "differ", "read back", "longest ms", "seconds")
    print(COLUMNS.format(*head), flush=True)
    changes = CHANGES[1:2] if wanted.quick else CHANGES
    rows = 20_000 if wanted.quick else wanted.rows
    with ledger(rows) as stack:
        clean = [_told(*_prove(stack, changes[n].name, _walk(changes[: n + 1]))) for n in range(len(changes))]
    if not wanted.quick:
        with ledger(rows) as stack:
            clean += [_told(*_prove(stack, name, _faulty(number, fault))) for name, number, fault in FAULTS]
    print(f"\n{time.monotonic() - began:.0f} s; {'every limit is met' if all(clean) else 'NOT met'}")
    return 0 if all(clean) else 1


Walk = Callable[[Managed, Writers], Iterator[str]]


def _prove(stack: Managed, name: str, walk: Walk) -> tuple[str, Writers, int, list[str], float]:
    """Carry a change through under writers; return them, how many writes were read back, which differ, and seconds."""
    began = time.monotonic()
    compared, wrong = 0, []
    with Writers(stack.http, TABLES) as writers:
        time.sleep(2)
        for _ in walk(stack, writers):
            time.sleep(2)
            count, differing = read_back(stack, writers)
            compared += count
            wrong += differing
    return name, writers, compared, wrong, time.monotonic() - began


def _walk(changes: Sequence[Change]) -> Walk:
    """Return the plain way of the last of *changes*."""

    def walk(stack: Managed, writers: Writers) -> Iterator[str]:
        del writers
        prepare(stack, changes)
        stack.teal("deploy", "--no-build")
        yield "deployed"
        stack.teal("rollback")
        yield "rolled back"
        stack.teal("deploy", "--no-build")
        yield "deployed again"
        if changes[-1].contracts:
            stack.teal("migrate", "contract", "--give-up", "--yes")
            yield "contracted"

    return walk


def _faulty(number: int, fault: Fault) -> Walk:
    """Return the way of change *number* with *fault*."""
    return lambda stack, writers: faults.walk(stack, number, fault, writers)


def _told(name: str, writers: Writers, compared: int, wrong: list[str], seconds: float) -> bool:
    """Print the row of one change; return whether all holds."""
    tally = writers.tally
    differ = len(tally.differing) + len(wrong)
    longest = f"{tally.longest * 1000:.0f}"
    counts = (tally.writes, tally.reads, len(tally.failed), tally.forgiven)
    row = (name, *counts, differ, compared, longest, f"{seconds:.0f}")
    print(COLUMNS.format(*row), flush=True)
    for line in (*tally.failed[:5], *tally.differing[:5], *wrong[:5]):
        print(f"    {line}", flush=True)
    return not tally.failed and not differ and tally.longest <= LONGEST


if __name__ == "__main__":
    try:
        sys.exit(main())
    except ProofFailed as failure:
        sys.exit(f"the proof could not be carried out: {failure}")

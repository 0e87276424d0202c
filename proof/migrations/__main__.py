"""Prove that schema changes lose nothing: writers never stop while each of the four changes goes through.

Each: expand and backfill, deploy, rollback, deploy again, contract. Exit status 0 means: 0 failed requests, each
acknowledged write read back by both releases under both names, no statement waited longer than a second.
"""

import argparse
import sys
import time

from proof.managed import ProofFailed
from proof.migrations.changes import CHANGES
from proof.migrations.faults import FAULTS
from proof.migrations.stack import ledger
from proof.migrations.walking import Proved, faulty, plain, prove

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
        clean = [_told(prove(stack, changes[n].name, plain(changes[: n + 1]))) for n in range(len(changes))]
    if not wanted.quick:
        with ledger(rows) as stack:
            clean += [_told(prove(stack, name, faulty(number, fault))) for name, number, fault in FAULTS]
    print(f"\n{time.monotonic() - began:.0f} s; {'every limit is met' if all(clean) else 'NOT met'}")
    return 0 if all(clean) else 1


def _told(found: Proved) -> bool:
    """Print the row of one change; return whether all holds."""
    tally = found.tally
    counts = (tally.writes, tally.reads, len(tally.failed), tally.forgiven, len(found.differing), found.compared)
    print(COLUMNS.format(found.name, *counts, f"{tally.longest * 1000:.0f}", f"{found.seconds:.0f}"), flush=True)
    for line in (*tally.failed[:5], *found.differing[:5]):
        print(f"    {line}", flush=True)
    return found.lossless and tally.longest <= LONGEST


if __name__ == "__main__":
    try:
        sys.exit(main())
    except ProofFailed as failure:
        sys.exit(f"the proof could not be carried out: {failure}")

"""Prove that schema changes lose nothing: writers never stop while each of the four changes goes through.

Each: expand and backfill, deploy, rollback, deploy again, contract. Exit status 0 means: 0 failed requests, each
acknowledged write read back by both releases under both names, no statement waited longer than a second.
"""

import argparse
import sys
import time
from collections.abc import Iterator, Sequence

from proof.managed import Managed, ProofFailed
from proof.migrations.changes import CHANGES, TABLES, Change, write_files
from proof.migrations.reading import read_back
from proof.migrations.stack import ledger
from proof.migrations.writers import Writers

LONGEST = 1.5  # seconds: the lock timeout of a migration, and the statement's own time
COLUMNS = "{:34}{:>9}{:>9}{:>8}{:>8}{:>11}{:>11}{:>9}"


def main() -> int:
    """Prove, print the table, return 0 where all of it holds."""
    parser = argparse.ArgumentParser(prog="python -m proof.migrations", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="20,000 rows and one change")
    parser.add_argument("--rows", type=int, default=1_000_000, help="in the plain table (default 1,000,000)")
    wanted = parser.parse_args()
    began = time.monotonic()
    head = ("", "writes", "reads", "failed", "differ", "read back", "longest ms", "seconds")
    print(COLUMNS.format(*head), flush=True)
    changes = CHANGES[1:2] if wanted.quick else CHANGES
    with ledger(20_000 if wanted.quick else wanted.rows) as stack:
        clean = [_told(*_prove(stack, changes[: n + 1])) for n in range(len(changes))]
    print(f"\n{time.monotonic() - began:.0f} s; {'every limit is met' if all(clean) else 'NOT met'}")
    return 0 if all(clean) else 1


def _prove(stack: Managed, changes: Sequence[Change]) -> tuple[str, Writers, int, list[str], float]:
    """Carry the last of *changes* through under writers; return them, how many writes were read back, which differ."""
    began = time.monotonic()
    compared, wrong = 0, []
    with Writers(stack.http, TABLES) as writers:
        for _ in _walk(stack, changes):
            time.sleep(2)
            count, differing = read_back(stack, writers)
            compared += count
            wrong += differing
    return changes[-1].name, writers, compared, wrong, time.monotonic() - began


def _walk(stack: Managed, changes: Sequence[Change]) -> Iterator[str]:
    """Yield after each step of the way."""
    yield "begin"
    write_files(stack, changes[-1])
    stack.write_env(**{name: value for change in changes for name, value in change.variables.items()})
    stack.teal("deploy", "--no-build")
    yield "deployed"
    stack.teal("rollback")
    yield "rolled back"
    stack.teal("deploy", "--no-build")
    yield "deployed again"
    stack.teal("migrate", "contract", "--give-up", "--yes")
    yield "contracted"


def _told(name: str, writers: Writers, compared: int, wrong: list[str], seconds: float) -> bool:
    """Print the row of one change; return whether all holds."""
    tally = writers.tally
    differ = len(tally.differing) + len(wrong)
    longest = f"{tally.longest * 1000:.0f}"
    row = (name, tally.writes, tally.reads, len(tally.failed), differ, compared, longest, f"{seconds:.0f}")
    print(COLUMNS.format(*row), flush=True)
    for line in (*tally.failed[:5], *tally.differing[:5], *wrong[:5]):
        print(f"    {line}", flush=True)
    return not tally.failed and not differ and tally.longest <= LONGEST


if __name__ == "__main__":
    try:
        sys.exit(main())
    except ProofFailed as failure:
        sys.exit(f"the proof could not be carried out: {failure}")

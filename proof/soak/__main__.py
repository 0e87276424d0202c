"""Deploy a small stack hundreds of times under light load, and print what has grown, slowed down or been lost.

Run as ``python -m proof.soak [ROUNDS]``. Exit status 1 where a limit is missed.
"""

import argparse
import subprocess
import sys
import time

from proof.bench.row import HEAD, Row
from proof.load import Load, Report
from proof.managed import Managed, ProofFailed
from proof.soak.holdings import Holdings, Looking
from proof.soak.library import Library
from proof.soak.stack import CYCLE, MIX, Kind, Round, kind_of, last_switch, perform, soak_stack
from proof.soak.verdict import WARM_UP, rows

ROUNDS = 500
RATE = 20.0  # requests a second
TELL = 30  # rounds between two lines of progress


def main() -> int:
    """Soak, print the table, and return 0 where every limit is met."""
    parser = argparse.ArgumentParser(prog="python -m proof.soak", description=__doc__)
    parser.add_argument("rounds", nargs="?", type=int, default=ROUNDS, help=f"how many (default {ROUNDS}, at least 12)")
    wanted: int = parser.parse_args().rounds
    if wanted < 2 * WARM_UP:
        parser.error(f"{2 * WARM_UP} rounds at least: the first {WARM_UP} are the warm-up")
    began = time.monotonic()
    found = soak(wanted)
    minutes = (time.monotonic() - began) / 60
    kinds = ", ".join(f"{sum(each == kind for each in _kinds(wanted))} {kind}" for kind in dict.fromkeys(CYCLE))
    print(f"{wanted} rounds in {minutes:.1f} min ({kinds}) at {RATE:g} requests/s\n\n{HEAD}")
    for row in found:
        print(row.line)
    missed = [row.name for row in found if row.met is False]
    verdict = f"NOT met: {'; '.join(missed)}" if missed else "every limit is met"
    print(f"\n{verdict}")
    return 1 if missed else 0


def _kinds(rounds: int) -> list[Kind]:
    return [kind_of(number) for number in range(1, rounds + 1)]


def soak(wanted: int) -> list[Row]:
    """Perform *wanted* rounds under load; return the rows of the table."""
    with soak_stack() as stack, Library(stack) as library:
        shared = stack.shared()
        holdings, rounds, report = _under_load(stack, library, wanted)
        return [*_requests(report, same=stack.shared() == shared), *rows(holdings, rounds)]


def _under_load(stack: Managed, library: Library, wanted: int) -> tuple[list[Holdings], list[Round], Report]:
    """Perform the rounds one after the other while users ask."""
    looking = Looking(stack, library)
    holdings: list[Holdings] = []
    rounds: list[Round] = []
    with Load(http=stack.http, rate=RATE, mix=MIX) as load:
        _tell(load, stack, at=0)
        for number in range(1, wanted + 1):
            rounds.append(perform(stack, library, number))
            _tell(load, stack)
            if rounds[-1].kind != "failure":  # what it leaves is removed by the next deploy
                holdings.append(looking.look(number))
            if number % TELL == 0:
                _progress(rounds, load)
        return holdings, rounds, load.finish()


def _tell(load: Load, stack: Managed, *, at: float | None = None) -> None:
    """Tell the load of a new switch."""
    switch = last_switch(stack)
    if at is not None or switch.at != load.switches[-1].at:
        load.switched(switch.at if at is None else at, release=switch.release, color=switch.color)


def _progress(rounds: list[Round], load: Load) -> None:
    seconds = sum(each.seconds for each in rounds[-TELL:]) / TELL
    faults = load.progress().faults
    print(f"  {len(rounds)} rounds, the last {TELL} took {seconds:.1f} s each, {faults} faults", file=sys.stderr)


def _requests(report: Report, *, same: bool) -> list[Row]:
    """Return the rows of what users saw."""
    wrong = report.failed + report.mixed + report.late + report.early
    detail = f"{report.failed} failed, {report.mixed} mixed, {report.late + report.early} late"
    if wrong:
        print(report.table(), file=sys.stderr)
    return [
        Row("requests lost", str(wrong), f"of {report.sent:,}: {detail}", "", "0", wrong == 0),
        Row("  p99 of fast requests", f"{report.fast.p99 * 1000:.0f} ms", f"median {report.fast.p50 * 1000:.0f} ms"),
        Row("proxy's container", "untouched" if same else "TOUCHED", "", "", "untouched", same),
    ]


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (ProofFailed, subprocess.TimeoutExpired) as failure:
        sys.exit(f"the soak could not be carried out: {failure}")

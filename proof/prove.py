"""No request lost, measured: deploys and rollbacks of the example under load, in every combination.

Run as ``python -m proof.prove [--quick]``. Exit status 0 means: 0 failed, 0 mixed, 0 late, in all of them, and the
shared containers have the same id and start time throughout.
"""

import argparse
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from proof.load import Load, Mix
from proof.load.report import Report
from proof.managed import Managed, ProofFailed, Switches, tale_copy

BOOTS = (1, 12)  # seconds until a service is ready
STOPS = ("graceful", "abrupt")


@dataclass(slots=True)
class Row:
    """One group of runs under one load."""

    name: str
    report: Report | None = None
    live: list[float] = field(default_factory=list)
    done: list[float] = field(default_factory=list)
    shared: bool = True

    @property
    def clean(self) -> bool:
        """Say whether nothing was lost, mixed, late or touched."""
        return self.report is not None and self.report.clean and self.shared


def main() -> int:
    """Prove, print the table, and return 0 where every row is clean."""
    parser = argparse.ArgumentParser(prog="python -m proof.prove", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two deploys and a rollback, one adoption, one leave")
    parser.add_argument("--rate", type=float, default=200.0, help="requests a second in all (default 200)")
    wanted = parser.parse_args()
    began = time.monotonic()
    rows: list[Row] = []
    for row in _all(quick=wanted.quick, rate=wanted.rate):
        rows.append(row)
        print(_line(row), flush=True)
        if row.report is not None and not row.report.clean:
            print(row.report.table(), flush=True)
    _summary(rows, time.monotonic() - began)
    return 0 if all(row.clean for row in rows) else 1


def _all(*, quick: bool, rate: float) -> Iterator[Row]:
    """Yield each group as it ends."""
    print(_head(), flush=True)
    with tale_copy("prove", BOOT_SECONDS="1") as tale:
        tale.run(["docker", "compose", "build", "--quiet"])
        tale.run(["docker", "compose", "up", "-d", "--wait"])
        yield adoption(tale, rate)
        combinations = [(1, "graceful")] if quick else [(boot, stop) for boot in BOOTS for stop in STOPS]
        for boot, stop in combinations:
            tale.write_env(BOOT_SECONDS=str(boot), STOP=stop)
            yield deploys(tale, rate, f"deploy, boot {boot} s, {stop}", 2 if quick else 5)
        yield rollbacks(tale, rate, 1 if quick else 5)
        yield leaving(tale, rate)


def adoption(tale: Managed, rate: float) -> Row:
    """Adopt the plainly running stack by its first deploy."""
    return _under_load(tale, rate, "adoption", [("deploy", "--no-build")], release="0")


def leaving(tale: Managed, rate: float) -> Row:
    """Go back to the plain stack."""
    return _under_load(tale, rate, "leave", [("leave", "--yes")])


def deploys(tale: Managed, rate: float, name: str, count: int) -> Row:
    """Deploy *count* times."""
    return _under_load(tale, rate, f"{count} x {name}", [("deploy", "--no-build", "--force")] * count)


def rollbacks(tale: Managed, rate: float, count: int) -> Row:
    """Roll back and forth: to the release before, and by its number to the one after it, in turn."""
    now = tale.status()
    commands = [("rollback", str(now["previous" if n % 2 == 0 else "release"])) for n in range(count)]
    return _under_load(tale, rate, f"{count} x rollback", commands)


def _under_load(
    tale: Managed, rate: float, name: str, commands: Sequence[tuple[str, ...]], release: str | None = None
) -> Row:
    """Run *commands* one after the other while requests flow, and count what became of the requests."""
    row = Row(name)
    before, now = tale.shared(), tale.status()
    with Load(http=tale.http, https=tale.https, rate=rate, mix=Mix()) as load, Switches(tale, load) as switches:
        load.switched(0, release=release or now["release"], color=now["active"] or "plain")
        time.sleep(1)
        for command in commands:
            outcome = tale.result(*command)
            switches.tell(outcome["release"] if outcome["release"] is not None else "0")
            row.live.append(outcome["live"])
            row.done.append(outcome["done"])
        time.sleep(1)
        row.report = load.finish()
    row.shared = tale.shared() == before
    return row


COLUMNS = "{:34}{:>8}{:>8}{:>7}{:>6}{:>6}{:>9}{:>9}{:>9}{:>9}  {}"


def _head() -> str:
    return COLUMNS.format(
        "", "sent", "failed", "mixed", "late", "cut", "p50 ms", "p99 ms", "live s", "done s", "shared"
    )


def _line(row: Row) -> str:
    report = row.report
    assert report is not None
    cut = report.cut_streams + report.cut_websockets
    return COLUMNS.format(
        row.name,
        report.sent,
        report.failed,
        report.mixed,
        report.late + report.early,
        cut,
        f"{report.fast.p50 * 1000:.1f}",
        f"{report.fast.p99 * 1000:.1f}",
        f"{statistics.median(row.live):.1f}",
        f"{statistics.median(row.done):.1f}",
        "untouched" if row.shared else "TOUCHED",
    ) + ("  SUSPECT" if report.suspect else "")


def _summary(rows: list[Row], seconds: float) -> None:
    reports = [row.report for row in rows if row.report]
    sent, failed = sum(r.sent for r in reports), sum(r.failed for r in reports)
    mixed, late = sum(r.mixed for r in reports), sum(r.late + r.early for r in reports)
    print(f"\n{sent:,} requests in {seconds / 60:.1f} min: {failed} failed, {mixed} mixed, {late} late")


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (ProofFailed, subprocess.TimeoutExpired) as failure:
        sys.exit(f"the proof could not be carried out: {failure}")

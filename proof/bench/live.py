"""How soon a new release is live, and how soon a deploy is done."""

import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from proof.bench.bare import owners, slot
from proof.bench.drive import Driven, drive
from proof.bench.probes import Probes
from proof.bench.row import Row, difference, median, ratio, seconds
from proof.managed import Managed

DEPLOY = ("deploy", "--no-build", "--force")
UP = "bare up --wait"
SLOW = 2.0  # seconds that the longest open request takes
SLACK = 1.5


def slow_boot(stack: Managed, times: int) -> Iterator[Row]:
    """Compare where services take 12 s to boot; tell what the gate costs meanwhile."""
    _prepare(stack, boot=12)
    bare, runs, probed = [], [], []
    for _ in range(times):
        bare.append(slot(stack).up())
        with Probes(stack) as probes:
            runs.append(drive(stack, *DEPLOY))
        probed.append(probes.rate(*runs[-1].gate))
    yield ratio("live, boot 12 s", [run.live for run in runs], bare, what=UP, limit=1.1)
    yield _gate(runs)
    most = max(probed)
    yield Row("  exec probes of the starting color", f"{most:.1f} /s", "", "", "<= 5 /s", most <= 5)


def _gate(runs: list[Driven]) -> Row:
    cost = median([run.gate_cpu for run in runs])
    share = median([run.gate_cpu / (run.gate[1] - run.gate[0]) for run in runs])
    whole = f"whole deploy with its tools {seconds(median([run.cpu for run in runs]))}"
    return Row("  CPU time of the gate", seconds(cost), whole, f"{share:.1%}", "of one processor")


def quick_boot(stack: Managed, times: int) -> Iterator[Row]:
    """Compare where services take 1 s to boot, with Teal's probing in the rendering, and with the owner's own."""
    _prepare(stack, boot=1)
    bare, owned, runs = [], [], []
    for _ in range(times):
        bare.append(slot(stack).up())
        runs.append(drive(stack, *DEPLOY))
        free = slot(stack)
        owned.append(free.up(owners(free)))
        runs.append(drive(stack, *DEPLOY))
    live = [run.live for run in runs]
    yield difference("live, boot 1 s", median(live), median(bare), what=UP, limit=0.6)
    yield ratio("live, boot 1 s, the owner's interval: 10s", live, owned, what=UP, limit=1, strict=True)
    yield _phases(runs)


def _phases(runs: list[Driven]) -> Row:
    """Say where the time until live goes."""
    names = ("preflight", "keep", "clear", "create", "start", "check", "switch")
    parts = {name: median([run.outcome["phases"].get(name, 0.0) for run in runs]) for name in names}
    rest = median([run.live for run in runs]) - sum(parts.values())
    return Row(
        "  of which", f"{rest * 1000:.0f} begin", " ".join(f"{n} {s * 1000:.0f}" for n, s in parts.items()) + " ms"
    )


def done(stack: Managed, times: int) -> Iterator[Row]:
    """Hold the time until all is done to the time until live, a request of 2 s, the slowest stop, and 1.5 s."""
    _prepare(stack, boot=1)
    over, found = [], []
    for _ in range(times):
        with _slow_requests(stack.http):
            run = drive(stack, *DEPLOY)
        slowest = max(run.stops.values())
        over.append(run.done - run.live - SLOW - slowest)
        found.append((run.done, run.live, slowest))
    total, live, slowest = (median(values) for values in zip(*found, strict=True))
    against = f"live {live:.2f} + {SLOW:g} + slowest stop {slowest:.2f} s"
    more = median(over)
    yield Row(
        "done, with a request of 2 s open", seconds(total), against, f"{more:+.2f} s", f"<= +{SLACK} s", more <= SLACK
    )


@contextmanager
def _slow_requests(address: str) -> Iterator[None]:
    """Begin a request of 2 s each 50 ms until the block ends: one has always just begun."""
    ended = threading.Event()

    def ask() -> None:
        with suppress(OSError), urllib.request.urlopen(f"{address}/slow?seconds={SLOW:g}", timeout=30) as answer:
            answer.read()

    def begin() -> None:
        while not ended.wait(0.05):
            threading.Thread(target=ask, daemon=True).start()

    beginner = threading.Thread(target=begin, daemon=True)
    beginner.start()
    try:
        yield
    finally:
        ended.set()
        beginner.join()


def _prepare(stack: Managed, *, boot: int) -> None:
    """Let the active release be one whose services take *boot* seconds."""
    stack.write_env(BOOT_SECONDS=str(boot))
    stack.teal(*DEPLOY)
    time.sleep(1)

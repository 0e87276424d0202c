"""What users notice of a switch: the latency of fast requests around it, against the same without a deploy."""

import time
from collections.abc import Iterator, Sequence

from proof.bench.drive import drive
from proof.bench.row import Row, difference
from proof.load import Load, Mix, latencies, summarize
from proof.load.report import Latency
from proof.managed import Managed

RATE = 200.0
AROUND = 2.5  # seconds before and after the rename: 1,000 requests
FAST = Mix(get=500, post=500, chain=0, slow=0, upload=0, events=0, ws=0)
SWITCHES = 20


def latency(stack: Managed, times: int) -> Iterator[Row]:
    """Pool the requests around 20 switches, and in as many windows without a deploy, taken in turn."""
    stack.write_env(BOOT_SECONDS="1")
    with Load(http=stack.http, https=stack.https, rate=RATE, mix=FAST) as load:
        time.sleep(2)
        windows = [_pair(stack) for _ in range(SWITCHES if times > 2 else times)]
        report = load.finish()
    busy = summarize(_within(load, [one for one, _ in windows]))
    calm = summarize(_within(load, [other for _, other in windows]))
    yield from _rows(busy, calm, len(windows))
    lost = report.failed + report.mixed
    suspect = f", generator late by {report.lag.p99 * 1000:.0f} ms at p99" if report.suspect else ""
    yield Row("  failed or mixed meanwhile", str(lost), f"{report.sent} requests sent{suspect}", "", "0", lost == 0)


def _pair(stack: Managed) -> tuple[float, float]:
    """Deploy, then wait as long without one; return the middle of each window."""
    run = drive(stack, "deploy", "--no-build", "--force")
    assert run.switched is not None
    begin = max(run.ended, run.switched + AROUND) + 1
    time.sleep(max(0.0, begin + 2 * AROUND - time.time()))
    return run.switched, begin + AROUND


def _within(load: Load, middles: Sequence[float]) -> list[float]:
    samples = load.samples
    return [each for at in middles for each in latencies(samples, since=at - AROUND, until=at + AROUND)]


def _rows(busy: Latency, calm: Latency, windows: int) -> Iterator[Row]:
    what = f"{calm.count} without a deploy"
    name = f"fast requests around {windows} switches ({busy.count})"
    yield Row(f"{name}, p50", f"{busy.p50 * 1000:.1f} ms", f"{what} {calm.p50 * 1000:.1f} ms")
    yield difference("  p99", busy.p99, calm.p99, what=what, limit=0.02)
    yield difference("  p99.9", busy.p999, calm.p999, what=what, limit=0.1)
    yield Row("  longest", f"{busy.max * 1000:.1f} ms", f"{what} {calm.max * 1000:.1f} ms")

"""What a load run has shown: values, their JSON, and a table for people."""

from dataclasses import dataclass, field

import msgspec


@dataclass(frozen=True, slots=True)
class Latency:
    """Percentiles in seconds."""

    count: int = 0
    p50: float = 0.0
    p99: float = 0.0
    p999: float = 0.0
    max: float = 0.0


@dataclass(frozen=True, slots=True)
class Kind:
    """The counts of one kind of request."""

    sent: int
    failed: int
    mixed: int
    late: int
    latency: Latency


@dataclass(frozen=True, slots=True)
class Example:
    """The first request of a *kind* for which *what* went wrong, and how often it did."""

    what: str
    kind: str
    at: float  # time.time()
    detail: str
    times: int


@dataclass(frozen=True, slots=True)
class SwitchSeen:
    """How a switch looked from outside: seconds after it; None where nothing was near."""

    at: float
    release: str | None
    color: str | None
    first_new: float | None  # the first whole answer of the new release
    last_old_begun: float | None  # the client began the last request that the old one answered
    last_old_started: float | None  # the old application began its last request


@dataclass(frozen=True, slots=True)
class Report:
    """The whole run. `failed` includes what was cut; what was cut only after the drain is `excused`."""

    since: float
    until: float
    sent: int
    failed: int
    mixed: int
    late: int
    early: int
    cut_streams: int
    cut_websockets: int
    excused_streams: int
    excused_websockets: int
    rate: float  # requests a second that were really sent
    fast: Latency  # of GET and POST, from the scheduled time
    lag: Latency  # of the generator itself
    suspect: bool  # the generator was too slow to be believed
    cpu: float  # seconds of all workers
    faults: dict[str, int] = field(default_factory=dict)
    releases: dict[str, int] = field(default_factory=dict)
    kinds: dict[str, Kind] = field(default_factory=dict)
    examples: tuple[Example, ...] = ()
    switches: tuple[SwitchSeen, ...] = ()

    @property
    def clean(self) -> bool:
        """Say whether nothing at all was wrong."""
        return not (self.failed or self.mixed or self.late or self.early)

    def json(self) -> str:
        """Return the report as one JSON object."""
        return msgspec.json.encode(self).decode()

    def table(self) -> str:
        """Return the report for people."""
        return "\n".join([*_head(self), "", *_kinds(self), *_switches(self), *_examples(self)])


def _head(report: Report) -> list[str]:
    cut = f"cut: {report.cut_streams} streams, {report.cut_websockets} WebSockets"
    lines = [
        f"sent {report.sent:,} in {report.until - report.since:.1f} s ({report.rate:.0f}/s)",
        f"failed {report.failed}   mixed {report.mixed}   late {report.late}   early {report.early}   {cut}",
        f"fast requests: {_latency(report.fast)}",
        f"generator: {_latency(report.lag)} late by itself, {report.cpu:.1f} s of CPU",
    ]
    if report.excused_streams or report.excused_websockets:
        lines.append(
            f"ended after the drain, as documented: {report.excused_streams} streams, "
            f"{report.excused_websockets} WebSockets"
        )
    if report.suspect:
        lines.append("SUSPECT: the generator was late by more than 20 ms at p99; latencies are not the server's")
    return lines


def _latency(latency: Latency) -> str:
    values = (latency.p50, latency.p99, latency.p999, latency.max)
    return "p50 {} p99 {} p99.9 {} max {} ms".format(*(f"{value * 1000:.1f}" for value in values))


def _kinds(report: Report) -> list[str]:
    rows = [f"{'':18}{'sent':>8}{'failed':>8}{'mixed':>7}{'late':>6}{'p50':>9}{'p99':>9}{'max':>9} ms"]
    for name, kind in report.kinds.items():
        times = "".join(f"{v * 1000:>9.1f}" for v in (kind.latency.p50, kind.latency.p99, kind.latency.max))
        rows.append(f"{name:18}{kind.sent:>8}{kind.failed:>8}{kind.mixed:>7}{kind.late:>6}{times}")
    return rows


def _switches(report: Report) -> list[str]:
    rows = [""] if report.switches else []
    for one in report.switches:
        name = f"release {one.release or '?'} {one.color or ''}".strip()
        rows.append(
            f"switch to {name}: first new answer {_ms(one.first_new)}, last request of the old one "
            f"begun {_ms(one.last_old_begun)}, by its own stamp {_ms(one.last_old_started)}"
        )
    return rows


def _ms(seconds: float | None) -> str:
    return "not seen" if seconds is None else f"{seconds * 1000:+.1f} ms"


def _examples(report: Report) -> list[str]:
    rows = [""] if report.examples else []
    for one in report.examples:
        at = one.at - report.since
        rows.append(f"{one.what}, {one.times} times ({one.kind}), first at {at:.2f} s: {one.detail}")
    return rows

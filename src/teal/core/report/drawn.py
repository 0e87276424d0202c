"""A report with its plots: one picture, or one page that needs nothing but itself, no script, no network."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from html import escape

from teal.core.model.side import Side
from teal.core.plots import (
    STYLE,
    Band,
    Bar,
    Ink,
    Line,
    Mark,
    height_of,
    one_after_the_other,
    over_time,
    stacked,
)
from teal.core.plots import seconds as lasting
from teal.core.report.values import Report, Series
from teal.core.report.words import headline, six_lines, when

_HIGH = 170
_INKS: dict[Side, Ink] = {Side.BLUE: "blue", Side.GREEN: "green", Side.PLAIN: "plain"}
_PAGE = """\
:root{color-scheme:light dark}
body{margin:0 auto;max-width:46rem;padding:1.5rem 1rem 4rem;\
font:16px/1.55 system-ui,-apple-system,"Segoe UI",sans-serif;\
color:#1f2328;background:#fff}
h1{font-size:1.25rem;line-height:1.35}
h2{font-size:1rem;margin-top:2rem}
.noticed{font-size:1.1rem;font-weight:600}
.away{border-left:4px solid currentColor;padding-left:.7rem}
figure{margin:0}
.scroll{overflow-x:auto}
table{border-collapse:collapse;font-size:.9rem;font-variant-numeric:tabular-nums}
th,td{padding:.25rem .7rem;text-align:right;border-bottom:1px solid #d1d9e0}
th:first-child,td:first-child{text-align:left}
code{font-size:.9em}
svg{display:block;width:100%;min-width:34rem;margin:1rem 0}
@media (prefers-color-scheme:dark){body{color:#e6edf3;background:#0d1117}th,td{border-color:#3d444d}}
@media print{body{max-width:none}}
"""


def charts(report: Report) -> Iterator[tuple[str, int]]:
    """Yield each chart of the report that there is something to draw for, with its height."""
    series = report.series
    if series is not None:
        yield from _over_time(report, series)
    if report.drained is not None and len(report.drained.seen) > 1:
        yield _drain(report), _HIGH
    bars = list(_bars(report))
    if bars:
        yield one_after_the_other("Phases", bars), height_of(bars)


def _over_time(report: Report, series: Series) -> Iterator[tuple[str, int]]:
    marks, bands = _marks(report), tuple(_bands(report))
    around = {"step": series.step, "marks": marks, "bands": bands, "height": _HIGH}
    answers = [Line("slowest", series.slowest, "plain"), Line("usual", series.usual, "quiet")]
    yield over_time("The prober's answers", answers, unit=" ms", **around), _HIGH  # type: ignore[arg-type]
    failing: list[Line] = [Line("prober", [n / series.step for n in series.failed], "error")]
    if series.errors:
        failing.append(Line("users 5xx", series.errors, "plain"))
    yield over_time("Failures", failing, unit="/s", **around), _HIGH  # type: ignore[arg-type]
    colors: tuple[tuple[Ink, tuple[float | None, ...]], ...] = (("blue", series.blue), ("green", series.green))
    users = [Line(ink, values, ink) for ink, values in colors if values]
    if users:
        yield over_time("Users' requests by color", users, unit="/s", **around), _HIGH  # type: ignore[arg-type]


def _marks(report: Report) -> tuple[Mark, ...]:
    said = {"hold": "held", "maintenance": "page"}
    return tuple(Mark(at, said.get(users, f"to {users}")) for at, users in report.switches)


def _bands(report: Report) -> Iterator[Band]:
    for hole in report.holes:
        text = f"not measured {when(report, hole.since)}-{when(report, hole.until)} ({hole.witness})"
        yield Band(hole.since, hole.until, text, hole=True)
    for phase in report.phases:
        if phase.name in {"drain", "bake"}:
            yield Band(phase.since, phase.since + phase.seconds, phase.name)


def _drain(report: Report) -> str:
    """Return what was in flight on the old color while it drained."""
    drained = report.drained
    assert drained is not None
    first, last = drained.seen[0][0], drained.seen[-1][0]
    count = min(120, max(2, len(drained.seen)))
    step = (last - first) / (count - 1) or 0.1
    requests, sockets = list[float | None](), list[float | None]()
    for number in range(count):
        at = first + step * number + 1e-6
        _, open_requests, open_sockets = next(each for each in reversed(drained.seen) if each[0] <= at)
        requests.append(open_requests)
        sockets.append(open_sockets)
    lines = [Line("requests", requests, _INKS[drained.side])]
    if any(sockets):
        lines.append(Line("WebSockets", sockets, "quiet"))
    return over_time(f"In flight on {drained.side} while it drained", lines, step=step, since=first, height=_HIGH)


def _bars(report: Report) -> Iterator[Bar]:
    for phase in report.phases:
        if phase.seconds >= 0.02 or phase.name == "switch":
            yield Bar(phase.name, phase.since, phase.seconds, _INKS.get(phase.side or Side.PLAIN, "plain"))


def picture(report: Report) -> str:
    """Return all charts as one SVG file."""
    return stacked(list(charts(report)), title=headline(report))


def page(report: Report) -> str:
    """Return the report as one page."""
    first, noticed, *rest = six_lines(report)
    parts = [
        "<!doctype html>",
        '<html lang="en"><head><meta charset="utf-8">',
        '<meta name="viewport" content="width=device-width,initial-scale=1">',
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">",
        f"<title>{escape(headline(report))}</title><style>{_PAGE}{STYLE}</style></head><body>",
        f"<h1>{escape(first)}</h1>",
        f'<p class="noticed">{escape(noticed)}</p>',
        *(f"<p{_away(line)}>{escape(line)}</p>" for line in rest),
        *(f'<figure class="scroll">{chart}</figure>' for chart, _ in charts(report)),
        *_tables(report),
        "</body></html>",
    ]
    return "\n".join(parts)


def _away(line: str) -> str:
    return ' class="away"' if line.startswith("Not measured") else ""


def _tables(report: Report) -> Iterator[str]:
    users = report.users
    if users is not None:
        rows = [
            (
                name,
                f"{each.requests:,}",
                f"{each.errors:,}",
                *(_bound(bound) for bound in (each.p50, each.p95, each.max)),
            )
            for name, each in (("before", users.before), ("around", users.around), ("after", users.after))
            if each is not None
        ]
        yield from _table("Users, counted by the proxy", ("", "requests", "5xx", "p50 ≤", "p95 ≤", "all ≤"), rows)
        codes = [(status, f"{count:,}") for status, count in users.codes.items()]
        if codes:
            yield from _table("By status", ("", "requests"), codes)
    probed = [
        (
            f"{route} {each.path}",
            f"{each.sent:,}",
            f"{sum(each.failed.values()):,}",
            _bound(each.pause),
            _bound(each.p95),
        )
        for route, each in report.prober.items()
    ]
    if probed:
        yield from _table("The prober", ("", "asked", "failed", "longest pause", "p95"), probed)
    met = [
        (f"{each.route}: {each.what}", when(report, each.since), lasting(each.seconds), f"{each.times:,}")
        for each in report.faults
    ]
    if met:
        yield from _table("What went wrong, as the prober met it", ("", "from (UTC)", "for", "times"), met)
    phases = [(each.name, lasting(each.since), lasting(each.seconds)) for each in report.phases]
    yield from _table("Phases", ("", "began after", "took"), phases)
    if report.diff:
        yield "<h2>What differs from the release before</h2><ul>"
        yield from (f"<li>{escape(each)}</li>" for each in report.diff)
        yield "</ul>"


def _bound(value: float | None) -> str:
    return "-" if value is None else lasting(value)


def _table(title: str, head: Iterable[str], rows: Iterable[tuple[str, ...]]) -> Iterator[str]:
    yield f'<h2>{escape(title)}</h2><div class="scroll"><table><thead><tr>'
    yield "".join(f'<th scope="col">{escape(each)}</th>' for each in head)
    yield "</tr></thead><tbody>"
    for first, *others in rows:
        yield (
            f'<tr><th scope="row">{escape(first)}</th>'
            + "".join(f"<td>{escape(each)}</td>" for each in others)
            + "</tr>"
        )
    yield "</tbody></table></div>"

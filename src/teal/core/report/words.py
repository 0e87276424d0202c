"""A report in words: what users noticed, in one sentence; six lines for a post-mortem; the same as Markdown.

"Nothing" is said only where both witnesses were there all the time that users were about to be moved and after it. What
nobody measured is said as that.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator

from teal.core.model.side import Side
from teal.core.plots import seconds as lasting
from teal.core.report.values import Hole, Report, Stretch

_FEW = 4  # faults, or holes, that are named one by one


def noticed(report: Report) -> str:
    """Return in one sentence what users noticed."""
    if not report.measured:
        return "What users noticed was not measured (`measure: off`)."
    if not report.switches:
        return _untouched(report)
    counted, asked = _counted(report), _asked(report)
    kept_waiting = "; ".join(filter(None, (_kept_waiting(report), _cut(report))))
    if report.source is None:
        counted = f"nobody was served before; {counted}"
    failed = (report.users.errors if report.users else 0) or sum(failures(report).values()) or report.faults
    if failed or kept_waiting:
        head = "Users noticed"
    elif report.holes or report.users is None or not report.prober:
        head = "Nothing was seen to fail, but not all was measured"
    else:
        head = "Users noticed nothing"
    said = "; ".join(filter(None, (counted, kept_waiting, *_met(report), asked, _pause(report))))
    return f"{head}: {said}."


def _untouched(report: Report) -> str:
    """Return what is known of users whom no step has moved."""
    serves = f"release {report.previous}" if report.previous is not None else str(report.source or "nothing")
    failing = sum(failures(report).values())
    met = f"; {', '.join(_met(report))}" if failing else ""
    if report.source is None:
        return f"Nobody was served before, and nobody is now{met}."
    return f"Users were not moved: {serves} served all the time{met}."


def failures(report: Report) -> dict[str, int]:
    """Return what the prober's requests failed by, and how many."""
    found: dict[str, int] = {}
    for probed in report.prober.values():
        for what, times in probed.failed.items():
            found[what] = found.get(what, 0) + times
    return found


def _counted(report: Report) -> str:
    users = report.users
    if users is None:
        return "their requests were not counted"
    if not users.requests:
        sent = sum(each.sent for each in report.prober.values())
        return (
            f"they sent no request, the prober {sent:,}, 0 failed" if not failures(report) else "they sent no request"
        )
    if not users.errors:
        return f"{users.requests:,} requests, 0 failed"
    before = f"; before the switch {_share(users.before)}" if users.before and users.before.requests else ""
    return f"{users.requests:,} requests, {users.errors:,} failed ({_percent(users.errors, users.requests)}{before})"


def _share(stretch: Stretch) -> str:
    return _percent(stretch.errors, stretch.requests)


def _percent(part: int, whole: int) -> str:
    share = 100 * part / whole if whole else 0.0
    return f"{share:.2f} %" if share < 10 else f"{share:.0f} %"


def _kept_waiting(report: Report) -> str:
    parts = []
    if report.held is not None:
        parts.append(f"new requests waited for {lasting(report.held)}")
    if report.paged is not None:
        parts.append(f"the maintenance page stood for {lasting(report.paged)}")
    return ", ".join(parts)


def _cut(report: Report) -> str:
    """Return what was still open when the time of the drain was over."""
    drained = report.drained
    if drained is None:
        return ""
    cut = [
        f"{number} {word}{'s' * (number != 1)}"
        for number, word in ((drained.cut_requests, "request"), (drained.cut_websockets, "WebSocket"))
        if number
    ]
    return f"{' and '.join(cut)} cut when the drain was over" if cut else ""


def _met(report: Report) -> Iterator[str]:
    """Yield what the prober met, from when and for how long."""
    for fault in report.faults[:_FEW]:
        what = "requests waited" if fault.what == "waited" else fault.what
        yield f"{fault.route}: {what} from {when(report, fault.since)} for {lasting(fault.seconds)}"
    if len(report.faults) > _FEW:
        yield f"and {len(report.faults) - _FEW} more"


def _asked(report: Report) -> str:
    sent, failed = sum(each.sent for each in report.prober.values()), sum(failures(report).values())
    if not sent:
        return "nothing was asked"
    return f"the prober asked {sent:,} times, {failed:,} failed" if failed or report.users is None else ""


def _pause(report: Report) -> str:
    """Return the longest pause, and what it was before users were moved."""
    found = longest_pause(report)
    if found is None:
        return ""
    before = max((each.pause_before for each in report.prober.values() if each.pause_before is not None), default=None)
    return f"longest pause {lasting(found)}" + (f" (before: {lasting(before)})" if before is not None else "")


def longest_pause(report: Report) -> float | None:
    """Return for how long nobody who asked got a good answer, at the worst."""
    return max((each.pause for each in report.prober.values() if each.pause is not None), default=None)


def when(report: Report, since: float) -> str:
    """Return a moment of the run as a clock shows it, in UTC."""
    return _utc(report.began + since).strftime("%H:%M:%S")


def _utc(moment: float) -> dt.datetime:
    return dt.datetime.fromtimestamp(moment, dt.UTC)


def holes(report: Report) -> Iterator[str]:
    """Yield when which witness was away."""
    for each in report.holes[:_FEW]:
        yield f"not measured {_span(report, each)} ({each.witness}: {each.why})"
    if len(report.holes) > _FEW:
        yield f"and {len(report.holes) - _FEW} more such times"


def _span(report: Report, hole: Hole) -> str:
    return f"{when(report, hole.since)}-{when(report, hole.until)}"


def headline(report: Report) -> str:
    """Return what was done, when, by whom, from which commit."""
    way = {"leave": "back to the plain stack"}.get(report.command, _way(report))
    at = _utc(report.began).strftime("%-d %b %Y %H:%M UTC")
    by = report.by.name + (f" by {report.by.by}" if report.by.by else "")
    revision = ""
    if report.revision is not None:
        subject = f' "{report.revision.subject}"' if report.revision.subject else ""
        changed = " and changed files" if report.revision.changed else ""
        revision = f", {report.revision.commit[:7]}{subject}{changed}"
    return f"{report.project}, {report.command} {way}, {at}, by {by}{revision}"


def _way(report: Report) -> str:
    before = report.previous if report.previous is not None else (report.source or "nothing")
    after = report.release if report.release is not None else (report.target or "nothing")
    return f"{before} → {after}"


def times(report: Report) -> str:
    """Return how it ended, and when it was live and done."""
    live = f"live {lasting(report.live)} after the start, " if report.live is not None else ""
    ended = f"{live}ended after {lasting(report.seconds)}"
    said = {"done": ended[0].upper() + ended[1:]}.get(report.outcome)
    if said is None:
        why = f": {report.message}" if report.message else ""
        said = f"{report.outcome.replace('-', ' ').capitalize()}{why} ({ended})"
    drained = report.drained
    if drained is not None:
        nothing = "nothing was cut" if drained.counted else "not counted"
        how = _cut(report).removesuffix(" when the drain was over") or nothing
        said += f"; {drained.side} drained in {lasting(drained.seconds)}, {how}"
    return said + "."


def bake(report: Report) -> str:
    """Return how the new release did while it was watched."""
    found = report.bake
    if found is None:
        return ""
    share = f"{found.requests:,} requests, {_percent(found.errors, found.requests)} errors" if found.requests else ""
    before = f"before {100 * found.before:.2f} %" if found.before is not None and share else ""
    said = "; ".join(filter(None, (share, before, found.why)))
    return f"Bake {lasting(found.seconds)}: {found.outcome}" + (f" ({said})" if said else "") + "."


def back(report: Report) -> str:
    """Return the way back that there was when the run ended."""
    if report.outcome != "done" or report.previous is None or report.source is Side.PLAIN:
        return ""
    if report.command == "rollback":  # a bare one means the release before
        return f"Back to {report.previous}: `teal rollback {report.previous}`."
    return f"Back to {report.previous}: `teal rollback`."


def six_lines(report: Report) -> list[str]:
    """Return the report for a post-mortem."""
    users = noticed(report)
    away = "; ".join(holes(report))
    latencies = "; ".join(_latencies(report))
    return list(
        filter(
            None,
            (
                f"{headline(report)}.",
                users,
                f"Measured: {latencies}." if latencies else "",
                f"{away[0].upper()}{away[1:]}." if away else "",
                times(report),
                bake(report),
                back(report),
            ),
        )
    )


def _latencies(report: Report) -> Iterator[str]:
    """Yield how fast answers began, before and around the switch, by the proxy's buckets; then by the prober."""
    for name, stretch in _stretches(report):
        if stretch.requests:
            bounds = [
                f"{word} ≤ {lasting(value)}"
                for word, value in (("p50", stretch.p50), ("p95", stretch.p95), ("all", stretch.max))
                if value is not None
            ]
            yield f"{name} {stretch.requests:,} requests, {stretch.errors} failed" + "".join(
                f", {each}" for each in bounds
            )
    for route, probed in report.prober.items():
        yield f"prober {route} {probed.path} {probed.sent} asked" + "".join(_prober_times(probed.p50, probed.p95))


def _stretches(report: Report) -> Iterator[tuple[str, Stretch]]:
    """Yield what was counted before, around and after the switch."""
    users = report.users
    if users is not None:
        named = (("before", users.before), ("around", users.around), ("after", users.after))
        yield from ((name, stretch) for name, stretch in named if stretch is not None)


def _prober_times(p50: float | None, p95: float | None) -> Iterable[str]:
    return (f", {name} {lasting(value)}" for name, value in (("p50", p50), ("p95", p95)) if value is not None)


def markdown(report: Report) -> str:
    """Return the report for a step's summary in continuous integration, or a wiki."""
    first, *rest = six_lines(report)
    lines = [f"### {_md(first)}", ""]
    lines += [f"{'**' + _md(line) + '**' if n == 0 else _md(line)}  " for n, line in enumerate(rest)]
    rows: list[tuple[str, ...]] = [("", "requests", "5xx", "p50 ≤", "p95 ≤", "all ≤")]
    for name, stretch in _stretches(report):
        if stretch.requests or stretch.p50:
            bounds = (lasting(each) if each is not None else "-" for each in (stretch.p50, stretch.p95, stretch.max))
            rows.append((name, f"{stretch.requests:,}", f"{stretch.errors:,}", *bounds))
    if len(rows) > 1:
        lines += ["", *_table(rows)]
    if report.prober:
        probed: list[tuple[str, ...]] = [("prober", "asked", "failed", "longest pause", "p50", "p95")]
        for route, each in report.prober.items():
            values = (lasting(value) if value is not None else "-" for value in (each.pause, each.p50, each.p95))
            probed.append((f"{route} `{each.path}`", f"{each.sent:,}", f"{sum(each.failed.values()):,}", *values))
        lines += ["", *_table(probed)]
    if report.phases:
        lines += ["", " · ".join(f"{each.name} {lasting(each.seconds)}" for each in report.phases)]
    if report.diff:
        lines += ["", "<details><summary>What differs</summary>", "", *(f"- {_md(each)}" for each in report.diff)]
        lines += ["", "</details>"]
    return "\n".join(lines)


def _table(rows: list[tuple[str, ...]]) -> list[str]:
    head, *body = (f"| {' | '.join(_md(cell) for cell in row)} |" for row in rows)
    return [head, f"|{'|'.join('---' if n == 0 else '--:' for n in range(len(rows[0])))}|", *body]


def _md(text: str) -> str:
    """Return *text* so that it is read as text: no markup, no table's end."""
    return text.replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")

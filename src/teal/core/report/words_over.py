"""The runs of some weeks in words."""

from __future__ import annotations

import datetime as dt

from teal.core.plots import seconds as lasting
from teal.core.report.over import Summary


def lines(found: Summary) -> list[str]:
    """Return the summary as lines."""
    head = f"{found.project}, {_day(found.since)} to {_day(found.until)}:"
    if not (found.deploys or found.failed_before):
        return [f"{head} no deploy."]
    pause = ""
    if found.longest_pause is not None:
        pause = f"; longest pause {lasting(found.longest_pause)} (run {found.longest_in})"
    away = ""
    if found.unmeasured:
        away = f"Not wholly measured: run{'s' * (len(found.unmeasured) > 1)} {', '.join(map(str, found.unmeasured))}."
    rolled = f"{found.rolled_back} rolled back"
    return [
        f"{head} {_count(found.deploys, 'deploy')}; {found.failed_before} more failed before the switch; {rolled}.",
        f"Users sent {found.requests:,} requests meanwhile, {found.failed:,} failed; "
        f"the prober asked {found.asked:,} times, {found.unanswered:,} failed{pause}.",
        *([away] if away else []),
        f"Deployment frequency: {found.per_week:g} a week.",
        f"Lead time for changes: {_long(found.lead)} from commit to live (median).",
        f"Change failure rate: {_share(found.change_failure)}.",
        f"Time to restore: {_long(found.restore)} (median).",
    ]


def markdown(found: Summary) -> str:
    """Return the summary as a list in Markdown."""
    first, *rest = lines(found)
    return "\n".join([f"### {first}", "", *(f"- {each}" for each in rest)])


def _count(number: int, word: str) -> str:
    return f"{number} {word}{'s' * (number != 1)}"


def _day(moment: float) -> str:
    return dt.datetime.fromtimestamp(moment, dt.UTC).strftime("%-d %b %Y")


def _share(value: float | None) -> str:
    return "not known" if value is None else f"{100 * value:.0f} %"


def _long(value: float | None) -> str:
    """Return seconds, in hours or days where they are many."""
    if value is None:
        return "not known"
    for size, word in ((86400.0, "d"), (3600.0, "h")):
        if value >= size:
            return f"{value / size:.1f} {word}"
    return lasting(value)

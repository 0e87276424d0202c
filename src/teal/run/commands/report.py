"""``report``: what one run did to users, or what those of some weeks did."""

from __future__ import annotations

from teal.core.model.units import Moment, Seconds
from teal.core.report.over import RunFacts, Summary, summarize
from teal.core.report.values import Report
from teal.errors import Refused
from teal.run.context import Ports

_ALL = 10_000  # runs: the journal keeps fewer


def report(ports: Ports, run: int | None) -> Report:
    """Return the report of *run*, of the latest that has one for None; raise ``Refused`` where there is none."""
    kept = ports.reports.runs()
    if run is None:
        newest = next((found for each in reversed(kept) if (found := ports.reports.read(each)) is not None), None)
        if newest is None:
            raise Refused("there is no report yet", hint="each `teal deploy`, `rollback` and `leave` leaves one")
        return newest
    found = ports.reports.read(run)
    if found is None:
        known = {each.id: each for each in ports.journal.history(_ALL)}.get(run)
        ended = known.outcome or "was killed, or still runs" if known else ""
        why = f": {known.command}, {ended}" if known else ""
        there = f"there are reports of the runs {', '.join(map(str, kept[-8:]))}" if kept else "there is none yet"
        raise Refused(f"there is no report of run {run}{why}", hint=f"{there}; `teal history N` shows the log of run N")
    return found


def report_since(ports: Ports, project: str, ago: Seconds) -> Summary:
    """Return what the runs of the last *ago* seconds did to users."""
    until = ports.clock.now()
    runs = [
        RunFacts(each.id, each.command, each.outcome, each.started, each.ended) for each in ports.journal.history(_ALL)
    ]
    reports = {number: found for number in ports.reports.runs() if (found := ports.reports.read(number)) is not None}
    return summarize(project, runs, reports, since=Moment(until - ago), until=until)

"""``status`` and ``history``: they look, change nothing and need no lock."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from teal.core.model.observed import Container, Holder, Observed
from teal.core.model.side import COLORS, Side
from teal.core.model.stack import Role, Stack
from teal.core.model.units import Moment, ReleaseId, Seconds
from teal.core.planning.recovery import diagnose
from teal.core.planning.rollback import Kept, kept_releases, way_back
from teal.core.planning.rollback_floor import floor_of
from teal.core.status import coming_back, misread, standing_of, troubles, worst
from teal.errors import Refused, TealError
from teal.run.api import (
    ColorStatus,
    HistoryRow,
    KeptRow,
    RollbackStatus,
    RunLog,
    ServiceStatus,
    Status,
)
from teal.run.context import Ports
from teal.run.migrations.open_changes import open_rows
from teal.run.observe import observe_beside, proxy_drift

RUNS = 50  # how many past runs are asked for times


async def status(ports: Ports, stack: Stack) -> Status:
    """Return what engine and proxy say now; a file that says otherwise is a problem, not an answer."""
    return await status_of(ports, stack, *await observe_beside(ports, stack))


async def status_of(ports: Ports, stack: Stack, observed: Observed, holder: Holder | None) -> Status:
    """Return what *observed* comes to, while *holder* worked on the stack."""
    release = observed.active_release
    back = way_back(observed)
    rows = history(ports, RUNS)
    shared = frozenset(service.name for service in stack.having(Role.SHARED))
    return Status(
        project=stack.project,
        active=observed.active,
        users=str(observed.traffic.users) if observed.traffic else "plain",
        release=release,
        previous=back.release.number if back else None,
        since=_since(rows, release),
        colors={str(color): _color(observed, color) for color in COLORS},
        shared=_services(observed.on(Side.PLAIN, shared), shared),
        plain=_services(observed.on(Side.PLAIN, stack.rotating_names)),
        lock=holder,
        rollback=_rollback(observed, back, rows) if back else None,
        watched=_watched(observed) if holder else "",
        interrupted="" if holder else _interrupted(observed, stack),
        problems=(
            *_problems(ports, stack, observed),
            *[each.text for each in await proxy_drift(ports, stack, observed)],
        ),
        floor=floor_of(observed.contracts),
        open=open_rows(ports, stack, observed),
        kept=tuple(KeptRow(each.release.number, each.state, each.why) for each in kept_releases(observed)),
    )


def _since(rows: Iterable[HistoryRow], release: ReleaseId | None) -> Moment | None:
    """Return when *release* became the active one."""
    for row in rows:
        if row.release == release and row.outcome in {"done", "needs-person", "healed"} and row.seconds is not None:
            return Moment(row.started + row.seconds)
    return None


def _color(observed: Observed, color: Side) -> ColorStatus:
    return ColorStatus(standing_of(observed, color), observed.release_on(color), _services(observed.on(color)))


def _services(containers: Iterable[Container], names: frozenset[str] = frozenset()) -> Mapping[str, ServiceStatus]:
    """Return each service's status by its worst container; *names* without any are absent."""
    grouped: dict[str, list[Container]] = {name: [] for name in sorted(names)}
    for container in containers:
        grouped.setdefault(container.service, []).append(container)
    return {name: _service(found) for name, found in grouped.items()}


def _service(containers: list[Container]) -> ServiceStatus:
    bad = worst(containers)
    if bad is None:
        return ServiceStatus("", "", "absent", "none", None, 0)
    return ServiceStatus(bad.name, bad.image, bad.state, bad.health, bad.started or None, len(containers))


def _rollback(observed: Observed, back: Kept, rows: Iterable[HistoryRow]) -> RollbackStatus:
    found = coming_back(observed, back, [row.phases for row in rows if row.outcome == "done"])
    return RollbackStatus(back.release.number, found.way, found.seconds, found.reason)


def _watched(observed: Observed) -> str:
    """Return in words how far a release is that is tried out or watched just now, "" for none."""
    now, traffic = observed.unfinished, observed.traffic
    if now is None or traffic is None:
        return ""
    ways = "`teal promote` keeps it, `teal abort` takes it back"
    if traffic.canary:
        return f"{traffic.canary.percent:.0f}% of users are led to release {now.release}: {ways}"
    return f"release {now.release} is being watched: {ways}" if now.baking else ""


def _interrupted(observed: Observed, stack: Stack) -> str:
    repair = diagnose(observed, stack)
    return f"the next command repairs it: {repair.text}" if repair else ""


def _problems(ports: Ports, stack: Stack, observed: Observed) -> Iterator[str]:
    """Yield what a person should know."""
    yield from troubles(observed, stack)
    try:
        published = ports.machine.published()
    except TealError as error:
        yield error.message
        return
    yield from misread(observed, stack, published)


def log_of(ports: Ports, run: int) -> RunLog:
    """Return what *run* has told; raise ``Refused`` where no log of it is kept."""
    lines = ports.logs.read(run)
    if not lines:
        kept = ports.logs.runs()
        hint = f"there are logs of the runs {kept[0]} to {kept[-1]}" if kept else "none is kept yet: deploy"
        raise Refused(f"no log of run {run} is kept", hint=f"{hint}; `teal history` lists the runs")
    return RunLog(run, lines)


def history(ports: Ports, limit: int) -> tuple[HistoryRow, ...]:
    """Return the last *limit* runs, newest first; one that did not end and that nobody works on was interrupted."""
    unended = "running" if ports.lock.holder() else "interrupted"
    return tuple(
        HistoryRow(
            record.id,
            record.command,
            record.release,
            record.source,
            record.target,
            record.started,
            None if record.ended is None else Seconds(record.ended - record.started),
            record.outcome or unended,
            record.message,
            record.phases,
        )
        for record in ports.journal.history(limit)
    )

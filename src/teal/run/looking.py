"""Does: status and history; looks, changes nothing, needs no lock."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from teal.core.observed import Container, Observed
from teal.core.plan import reusable
from teal.core.policy import missing_images, previous, way_back
from teal.core.release import Release
from teal.core.roles import Role
from teal.core.side import COLORS, Side
from teal.core.situation import diagnose, plainly_running
from teal.core.stack import Stack
from teal.errors import TealError
from teal.run.observing import observe
from teal.run.ports import Ports
from teal.run.results import ColorStatus, HistoryRow, LockStatus, RollbackStatus, ServiceStatus, Status

RUNS = 50  # how many past runs are asked for times


async def status(ports: Ports, stack: Stack) -> Status:
    """Return what engine and proxy say now; a file that says otherwise is a problem, not an answer."""
    observed = await observe(ports, stack)
    active = observed.active
    release = observed.release_on(active) if active else None
    back = previous(observed, release)
    rows = history(ports, RUNS)
    holder = ports.lock.holder()
    shared = frozenset(service.name for service in stack.having(Role.SHARED))
    rotating = frozenset(service.name for service in stack.rotating)
    return Status(
        project=stack.project,
        active=active,
        users=str(observed.traffic.users) if observed.traffic else "plain",
        release=release,
        previous=back.number if back else None,
        since=_since(rows, release),
        colors={str(color): _color(observed, color, active) for color in COLORS},
        shared=_services(observed.on(Side.PLAIN, shared), shared),
        plain=_services(observed.on(Side.PLAIN, rotating)),
        lock=LockStatus(holder.command, holder.user, holder.host, holder.pid, holder.since) if holder else None,
        rollback=_rollback(observed, active, back, rows) if back else None,
        interrupted="" if holder else _interrupted(observed, stack),
        problems=tuple(_problems(ports, stack, observed)),
    )


def _since(rows: Iterable[HistoryRow], release: int | None) -> float | None:
    """Return when *release* became the active one."""
    for row in rows:
        if row.release == release and row.outcome in {"done", "needs-person", "healed"} and row.seconds is not None:
            return row.started + row.seconds
    return None


def _color(observed: Observed, color: Side, active: Side | None) -> ColorStatus:
    containers = observed.on(color)
    role = "active" if color is active else ("standby" if containers else "empty")
    return ColorStatus(role, observed.release_on(color), _services(containers))  # type: ignore[arg-type]


def _services(containers: Iterable[Container], names: frozenset[str] = frozenset()) -> Mapping[str, ServiceStatus]:
    """Return each service's status by its worst container; *names* without any are absent."""
    grouped: dict[str, list[Container]] = {name: [] for name in sorted(names)}
    for container in containers:
        grouped.setdefault(container.service, []).append(container)
    return {name: _worst(found) for name, found in grouped.items()}


def _worst(containers: list[Container]) -> ServiceStatus:
    if not containers:
        return ServiceStatus("", "", "absent", "none", None, 0)
    badness = {"running": 0, "created": 1, "paused": 2, "exited": 3, "restarting": 4, "dead": 5, "removing": 5}
    health = {"healthy": 0, "none": 0, "starting": 1, "unhealthy": 2}
    worst = max(containers, key=lambda c: (badness[c.state], health[c.health]))
    since = worst.started or None
    return ServiceStatus(worst.name, worst.image, worst.state, worst.health, since, len(containers))


def _rollback(observed: Observed, active: Side | None, back: Release, rows: Iterable[HistoryRow]) -> RollbackStatus:
    """Return by which way *back* would return, and about how long that takes, by what was measured before."""
    side = active.other if active else Side.BLUE
    whole = reusable(observed, side, back)
    opening = frozenset(back.opening)
    up = all(container.running for container in observed.on(side, opening))
    way = way_back(observed, back, whole=whole, up=up)
    reason = f"the image of {', '.join(missing_images(observed, back))} was removed" if way == "gone" else ""
    return RollbackStatus(back.number, way, _estimate(way, rows), reason)


def _estimate(way: str, rows: Iterable[HistoryRow]) -> float | None:
    """Return the seconds until a rollback answers: nothing to start, or the last start as it was measured."""
    if way == "kept":
        return 0.5
    for row in rows:
        if "start" in row.phases and row.outcome == "done":
            return row.phases["start"] + (row.phases.get("create", 0.0) if way == "re-created" else 0.0)
    return None


def _interrupted(observed: Observed, stack: Stack) -> str:
    repair = diagnose(observed, stack)
    return f"the next command will see to it: {repair.text}" if repair else ""


def _problems(ports: Ports, stack: Stack, observed: Observed) -> Iterable[str]:
    """Yield what a person should know."""
    if observed.traffic is None and observed.switched is not None:
        yield "the proxy's state file is missing or unreadable: it sends users to the plain names"
    stray = plainly_running(observed, stack)
    if stray and observed.active is not None:
        yield f"{', '.join(stray)} also run plainly, outside of any color"
    if observed.active is not None:
        down = [c.name for c in observed.on(observed.active) if not c.running]
        if down:
            yield f"of the active color {', '.join(sorted(down))} do not run"
    try:
        published = ports.machine.published()
    except TealError as error:
        yield error.message
        return
    shown = str(observed.active or ("plain" if plainly_running(observed, stack) else ""))
    if published is not None and published != shown:
        yield f".deployment-color says {published or 'nothing'}, but users go to {shown or 'no side'}"


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
            None if record.ended is None else record.ended - record.started,
            record.outcome or unended,
            record.message,
            record.phases,
        )
        for record in ports.journal.history(limit)
    )

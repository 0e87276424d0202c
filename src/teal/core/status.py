"""What status says of a stack as it stands: its worst containers, the way back, what a person should know."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from teal.core.model.observed import Container, Observed
from teal.core.model.release import Release
from teal.core.model.side import Side
from teal.core.model.stack import Role, Stack
from teal.core.model.units import Seconds
from teal.core.planning.plan import reusable
from teal.core.planning.rollback import Kept
from teal.core.planning.transition import plainly_running, services_on, strays
from teal.core.services.unhealthy import ailing

ReturnWay = Literal["kept", "stopped", "re-created", "gone", "failed"]  # by which a release comes back
AT_ONCE = Seconds(0.5)  # until a rollback to what still runs has answered
_BADNESS = {"running": 0, "created": 1, "paused": 2, "exited": 3, "restarting": 4, "dead": 5, "removing": 5}
_SICKNESS = {"healthy": 0, "none": 0, "starting": 1, "unhealthy": 2}


@dataclass(frozen=True, slots=True)
class Return:
    """By which way a release would come back, in about how many seconds, and where it can't, or didn't: why."""

    way: ReturnWay
    seconds: Seconds | None  # None where nothing is known
    reason: str = ""


def standing_of(observed: Observed, color: Side) -> Literal["active", "standby", "empty"]:
    """Return the role of *color* now."""
    if color is observed.active:
        return "active"
    return "standby" if observed.on(color) else "empty"


def worst(containers: Iterable[Container]) -> Container | None:
    """Return the container that fares worst, None for none."""
    return max(containers, key=lambda c: (_BADNESS[c.state], _SICKNESS[c.health]), default=None)


def coming_back(observed: Observed, kept: Kept, measured: Iterable[Mapping[str, Seconds]]) -> Return:
    """Return how *kept* would come back; *measured*: seconds of each step in earlier deploys, the latest first."""
    if kept.state != "served":
        return Return("failed" if kept.state == "failed" else "gone", None, kept.why)
    way = _way(observed, kept.release, observed.active.other if observed.active else Side.BLUE)
    return Return(way, _seconds(way, measured))


def _way(observed: Observed, release: Release, side: Side) -> ReturnWay:
    """Return the quickest way: what still runs, else what still stands, else from the kept images."""
    if not reusable(observed, side, release):
        return "re-created"
    up = all(container.running for container in observed.on(side, frozenset(release.before_switch)))
    return "kept" if up else "stopped"


def _seconds(way: ReturnWay, measured: Iterable[Mapping[str, Seconds]]) -> Seconds | None:
    """Return the seconds until a rollback answers: nothing to start, or the last start as it was measured."""
    if way == "kept":
        return AT_ONCE
    for phases in measured:
        if "start" in phases:
            return Seconds(phases["start"] + (phases.get("create", 0.0) if way == "re-created" else 0.0))
    return None


def troubles(observed: Observed, stack: Stack) -> Iterator[str]:
    """Yield what a person should know of what was seen."""
    if observed.traffic is None and observed.past.last_switch is not None:
        yield "the proxy's state file is missing or unreadable: it sends users to the plain names"
    yield from (each.text for each in ailing(observed, stack))
    if observed.active is None:
        return
    yield from (each.message for each in strays(observed, stack))
    yield from _down(observed, stack, observed.active)


def _down(observed: Observed, stack: Stack, active: Side) -> Iterator[str]:
    """Yield what of the active color, and of the shared services beside it, doesn't run."""
    down = sorted(c.name for c in observed.on(active) if not c.running)
    if down:
        yield f"not running in the active color: {', '.join(down)}"
    gone = {service.name for service in services_on(observed, stack, active)} - {c.service for c in observed.on(active)}
    if gone:
        yield f"no container in the active color: {', '.join(sorted(gone))} (`teal deploy` makes a whole one)"
    away = {service.name for service in stack.having(Role.SHARED)} - observed.running(Side.PLAIN)
    if away:
        yield f"shared services that do not run: {', '.join(sorted(away))} (`teal up` starts them)"


def misread(observed: Observed, stack: Stack, published: str | None) -> Iterator[str]:
    """Yield where ``.deployment-color`` says something else than what is so; None for no such file."""
    shown = str(observed.active or ("plain" if plainly_running(observed, stack) else ""))
    if published is not None and published != shown:
        yield f".deployment-color says {published or 'nothing'}, but users go to {shown or 'no side'}"


def same_release(observed: Observed, stack: Stack) -> Release | None:
    """Return the active release where it is whole, up, and was made from just what *stack* is today, builds aside."""
    kept = observed.kept(observed.active_release)
    if observed.active is None or kept is None or kept.fingerprint != stack.fingerprint:
        return None
    return kept if observed.running(observed.active) == {service.name for service in kept.rotating} else None

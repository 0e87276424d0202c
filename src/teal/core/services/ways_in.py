"""Says in words who stands before a release, and what the own proxy takes over of the ways into it."""

from __future__ import annotations

from collections.abc import Iterable

from teal.core.model.entrance import Entrance, Front, Labelled, Named, Published

_FRONTS = {
    Front.NOBODY: "nobody: users come to its published ports",
    Front.RELEASE: "a proxy that is part of the release: it is the route",
    Front.NAME: "a proxy that calls the routes by their names",
    Front.LABELS: "a proxy that reads labels or variables of the routes",
    Front.CADDY: "a Caddy that does not import Teal's snippet",
    Front.PREPARED: "the stack's own Caddy, which imports Teal's snippet",
    Front.TUNNEL: "a tunnel, which calls the routes by their names",
}


def who(front: Front, entrances: Iterable[Entrance]) -> str:
    """Return who stands before the routes."""
    callers = dict.fromkeys(each.by for each in entrances if not isinstance(each, Published) and each.by)
    named = f" ({', '.join(callers)})" if callers and front in {Front.NAME, Front.LABELS, Front.TUNNEL} else ""
    return f"{_FRONTS[front]}{named}"


def taken(entrance: Entrance) -> str:
    """Return what the own proxy takes over by *entrance*."""
    match entrance:
        case Published():
            at = f"{entrance.address}:{entrance.port}" if entrance.address else f"port {entrance.port}"
            return f"{at} of this machine, for {entrance.route}:{entrance.target}"
        case Named():
            caller = f", which {entrance.by} calls" if entrance.by else ""
            where = ", ".join(entrance.networks)
            return f"the name {entrance.name}:{entrance.listens} on {where}{caller}, for {entrance.route}"
        case Labelled():
            what = ", ".join([*entrance.labels, *entrance.environment][:1])
            more = len(entrance.labels) + len(entrance.environment) - 1
            reader = f", which {entrance.by} reads" if entrance.by else ""
            return f"{what}{f' and {more} more' if more > 0 else ''} of {entrance.route}{reader}"

"""Decides: in which order services start and stop."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping

from teal.core.model.stack import Service
from teal.core.roles import Role


def waits_for(service: Service, among: Collection[str]) -> dict[str, str]:
    """Return what *service* waits for before it is started, of those *among*: name -> Compose's condition."""
    return {name: condition for name, condition in service.after.items() if name in among}


def behind(name: str, services: Mapping[str, Service]) -> tuple[str, ...]:
    """Return what may be to blame where the service *name* runs and is not well.

    That is what it depends on, over any number of steps, and for a route all that routes need.
    """
    found: dict[str, None] = {}
    ahead = [name]
    while ahead:
        service = services.get(ahead.pop(0))
        new = [other for other in (service.after if service else ()) if other not in found and other != name]
        found |= dict.fromkeys(new)
        ahead += new
    if services[name].role is Role.ROUTE:
        found |= {each.name: None for each in services.values() if each.needed and each.name != name}
    return tuple(found)


def stop_waves(services: Iterable[Service]) -> tuple[tuple[Service, ...], ...]:
    """Return *services* in waves: each wave is stopped at once, dependants before what they need.

    Workers that routes don't need stop last, so that they finish what the others still hand them. A circle of
    dependencies (Compose refuses it) would end up in one last wave.
    """
    rest = list(services)
    waves: list[tuple[Service, ...]] = []
    while rest:
        needed = {name for service in rest for name in service.after}
        free = tuple(s for s in rest if s.name not in needed and s.role.rotates and not _last(s, rest))
        wave = free or tuple(rest)
        waves.append(wave)
        rest = [service for service in rest if service not in wave]
    return tuple(waves)


def _last(service: Service, rest: list[Service]) -> bool:
    """Tell whether *service* must wait: a mere worker while anything that serves routes is still up."""
    return not service.opens and any(each.opens for each in rest)

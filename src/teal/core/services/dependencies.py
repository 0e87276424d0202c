"""The order in which services start and stop, and the workers that routes can't answer without.

Those start, and prove themselves, before the switch.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping

from teal.core.model.compose import (
    Node,
    environment_of,
    mapping,
    networks_of,
    sequence,
    services_in,
    text,
    unescaped,
    words_of,
)
from teal.core.model.stack import Assigned, Evidence, Role, Service
from teal.core.services.health import probes_http

_HOST_VARIABLE = re.compile(r".*(HOST|HOSTNAME|SERVER|ADDR|ADDRESS|UPSTREAM|URL|URI|ENDPOINT)", re.IGNORECASE)


def needed(model: Node, roles: Mapping[str, Assigned], evidence: Evidence) -> frozenset[str]:
    """Return the rotating services, other than routes, that must run before a route may serve."""
    services = services_in(model)
    rotating = {name for name, assigned in roles.items() if assigned.role.rotates and name in services}
    workers = {name for name in rotating if roles[name].role is Role.WORKER}
    routes = {name for name in rotating if roles[name].role is Role.ROUTE}
    asked = {name for name in workers if _answers(services[name]) or _named(name, services, rotating)}
    told = {each for route in evidence.needs.values() for each in route}
    return frozenset(_closure(routes | asked | told, services, evidence) & (workers | (told & rotating)) - routes)


def _closure(begin: Iterable[str], services: Mapping[str, Node], evidence: Evidence) -> set[str]:
    """Return *begin* and everything that it depends on, over any number of steps."""
    found: set[str] = set()
    ahead = list(begin)
    while ahead:
        name = ahead.pop()
        if name in found or name not in services:
            continue
        found.add(name)
        ahead += [*mapping(services[name].get("depends_on")), *evidence.needs.get(name, ())]
    return found


def _answers(service: Node) -> bool:
    """Tell whether *service* takes requests by itself: ports, expose, an HTTP healthcheck."""
    return bool(service.get("ports") or service.get("expose") or probes_http(service))


def _named(name: str, services: Mapping[str, Node], rotating: set[str]) -> bool:
    """Tell whether another rotating service names *name* as a host in its environment or command."""
    pattern = _host_pattern(names_of(name, services[name]))
    return any(_speaks_of(services[other], pattern) for other in rotating - {name})


def names_of(name: str, service: Node) -> frozenset[str]:
    """Return every name that *service* answers to in the plain stack: key, aliases, container and host name."""
    aliases = {text(a) for options in networks_of(service).values() for a in sequence(options.get("aliases"))}
    own = {text(service.get("container_name")), text(service.get("hostname"))}
    return frozenset({name, *aliases, *own} - {""})


def _host_pattern(names: Iterable[str]) -> re.Pattern[str]:
    one = "|".join(sorted(map(re.escape, names)))
    return re.compile(rf"(?://|@)(?:{one})(?=[:/?#,\s]|$)|(?<![\w.-])(?:{one}):\d+|\A(?:{one})\Z")


def _speaks_of(service: Node, pattern: re.Pattern[str]) -> bool:
    for variable, value in environment_of(service).items():
        found = pattern.search(value)
        if found and (found[0] != value or _HOST_VARIABLE.fullmatch(variable)):
            return True
    return any((found := pattern.search(word)) and found[0] != word for word in words_of(service))


def calls(service: Node, names: Iterable[str]) -> bool:
    """Tell whether *service* names one of *names* as a host in its environment, command or healthcheck."""
    pattern = _host_pattern(names)
    test = " ".join(unescaped(word) for word in sequence(mapping(service.get("healthcheck")).get("test")))
    return _speaks_of(service, pattern) or bool(pattern.search(test))


def waits_for(service: Service, among: Collection[str]) -> dict[str, str]:
    """Return what *service* waits for before it is started, of those *among*: name -> Compose's condition."""
    return {name: condition for name, condition in service.depends_on.items() if name in among}


def behind(name: str, services: Mapping[str, Service]) -> tuple[str, ...]:
    """Return what may be to blame where the service *name* runs and is not well.

    That is what it depends on, over any number of steps, and for a route all that routes need.
    """
    found: dict[str, None] = {}
    ahead = [name]
    while ahead:
        service = services.get(ahead.pop(0))
        new = [other for other in (service.depends_on if service else ()) if other not in found and other != name]
        found |= dict.fromkeys(new)
        ahead += new
    if services[name].role is Role.ROUTE:
        found |= {each.name: None for each in services.values() if each.required_by_routes and each.name != name}
    return tuple(found)


def stop_waves(services: Iterable[Service]) -> tuple[tuple[Service, ...], ...]:
    """Return *services* in waves: each wave is stopped at once, dependants before what they need.

    Workers that routes don't need stop last, so that they finish what the others still hand them. A circle of
    dependencies (Compose refuses it) would end up in one last wave.
    """
    rest = list(services)
    waves: list[tuple[Service, ...]] = []
    while rest:
        needed = {name for service in rest for name in service.depends_on}
        free = tuple(s for s in rest if s.name not in needed and s.role.rotates and not _last(s, rest))
        wave = free or tuple(rest)
        waves.append(wave)
        rest = [service for service in rest if service not in wave]
    return tuple(waves)


def _last(service: Service, rest: list[Service]) -> bool:
    """Tell whether *service* must wait: a mere worker while anything that serves routes is still up."""
    return not service.before_switch and any(each.before_switch for each in rest)

"""Decides: which workers the routes can't answer without; those start, and prove themselves, before the switch."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from teal.core.health import probes_http
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
from teal.core.model.stack import Evidence
from teal.core.roles import Assigned, Role

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

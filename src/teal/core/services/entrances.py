"""By which ways people use what rotates, and who stands in front of it.

- A published port of a route, where HTTP may be spoken at it.
- Labels and variables of a route for a front that reads them.
- A name by which somebody who stays calls a rotating service over HTTP: a front, a monitor, a sender of webhooks; a
  front whose own list nobody can read may call any route by its name; on another project's network anybody may.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from teal.core.model.compose import Node, mapping, networks_of, sequence, services_in, text
from teal.core.model.entrance import Entrance, Front, Labelled, Named, Published
from teal.core.model.side import Side
from teal.core.model.stack import Role, Service, Stack
from teal.core.services.fronts import Fronts, fronts_of
from teal.core.services.labels import told
from teal.core.services.ports import held, spoken_at


def entrances_of(stack: Stack) -> tuple[Entrance, ...]:
    """Return the ways by which people outside use what rotates, in the file's order."""
    services = services_in(stack.models[Side.PLAIN])
    fronts = fronts_of(stack.models[Side.PLAIN], stack.evidence)
    found: list[Entrance] = []
    for route in stack.having(Role.ROUTE):
        service = services.get(route.name, {})
        found += _published(route, service)
        found += _labelled(route, service, fronts)
    found += _called(stack, fronts)
    found += _called_blindly(stack, fronts)
    found += _called_from_elsewhere(stack, services, found)
    first: dict[object, Entrance] = {}
    for each in found:
        first.setdefault(_identity(each), each)
    return tuple(first.values())


def _identity(each: Entrance) -> object:
    """Return what tells an entrance from others, as a value that can be a key: a range may be thousands of ports."""
    if not isinstance(each, Labelled):
        return each
    return each.route, each.target, tuple(sorted(each.labels.items())), tuple(sorted(each.environment.items())), each.by


def front_of(stack: Stack) -> Front:
    """Return who stands before the routes of *stack* today."""
    if stack.evidence.routes:
        return Front.PREPARED
    fronts = fronts_of(stack.models[Side.PLAIN], stack.evidence)
    entrances = entrances_of(stack)
    routes = {route.name for route in stack.having(Role.ROUTE)}
    if any(isinstance(each, Labelled) for each in entrances):
        return Front.LABELS
    callers = [each.by for each in entrances if isinstance(each, Named) and each.route in routes]
    callers += [call.by for call in stack.evidence.calls if call.to in routes and call.how == "http"]
    leading = [fronts.software[by] for by in callers if by in fronts.stays]
    for kind, front in (("caddy", Front.CADDY), ("tunnel", Front.TUNNEL)):
        if leading and all(each == kind for each in leading):
            return front
    if leading or "" in callers:
        return Front.NAME
    return Front.RELEASE if routes & fronts.released.keys() else Front.NOBODY


def _published(route: Service, service: Node) -> Iterator[Published]:
    """Yield the fixed ports of this machine that lead to *route*, where they may speak HTTP."""
    for port in held(service):
        if not port.other:
            yield from (Published(route.name, port.target, place, port.address) for place in port.published)


def _labelled(route: Service, service: Node, fronts: Fronts) -> Iterator[Labelled]:
    """Yield what *route* tells fronts, each with who reads it in this stack."""
    for each in told(service):
        if each.how == "http":
            by = fronts.reads(each.kind)
            networks = (fronts.meet(by, route.name) if by else ()) or tuple(networks_of(service))
            target = each.port or route.port
            yield Labelled(route.name, target, each.labels or {}, each.variables or {}, networks, by)


def _called(stack: Stack, fronts: Fronts) -> Iterator[Named]:
    """Yield the names by which services that stay call rotating ones, as far as files tell."""
    staying = {each.name for each in stack.having(Role.SHARED)}
    for call in stack.evidence.calls:
        known = call.by in staying and call.to in stack.rotating_names
        if known and call.name and call.how == "http" and not spoken_at(call.port):
            networks = fronts.meet(call.by, call.to)
            if networks:
                yield Named(call.to, call.port, call.name, call.port, networks, call.by)


def _called_blindly(stack: Stack, fronts: Fronts) -> Iterator[Named]:
    """Yield the routes' own names where a front's list of sites can't be read: it may call any of them."""
    for front in fronts.blind():
        for route in stack.having(Role.ROUTE):
            networks = fronts.meet(front, route.name)
            if networks and route.port and front not in {route.name, stack.evidence.proxy}:
                yield Named(route.name, route.port, route.name, route.port, networks, front)


def _called_from_elsewhere(stack: Stack, services: Mapping[str, Node], found: list[Entrance]) -> Iterator[Named]:
    """Yield the names that a route has on another project's network, unless it has labels for who is there."""
    definitions = mapping(stack.models[Side.PLAIN].get("networks"))
    external = {key for key, definition in definitions.items() if mapping(definition).get("external")}
    read_there = {each.route for each in found if isinstance(each, Labelled) and not each.by}
    for route in stack.having(Role.ROUTE):
        service = services.get(route.name, {})
        if route.name in read_there or not route.port:
            continue
        for key, options in networks_of(service).items():
            aliases = (text(service.get("container_name")), *map(text, sequence(options.get("aliases"))))
            for name in dict.fromkeys((route.name, *filter(None, aliases))) if key in external else ():
                yield Named(route.name, route.port, name, route.port, (key,))

"""Which ways lead into a release: the published ports of its routes."""

from __future__ import annotations

from collections.abc import Iterator

from teal.core.model.compose import mapping, number, sequence, services_in, text
from teal.core.model.entrance import Entrance, Front, Published
from teal.core.model.side import Side
from teal.core.model.stack import Role, Service, Stack


def front_of(stack: Stack) -> Front:
    """Return who stands before the routes of *stack* today."""
    return Front.PREPARED if stack.evidence.routes else Front.NOBODY


def entrances_of(stack: Stack) -> tuple[Entrance, ...]:
    """Return the ways by which people outside use what rotates, in the file's order."""
    return tuple(each for route in stack.having(Role.ROUTE) for each in _published(route, stack))


def _published(route: Service, stack: Stack) -> Iterator[Published]:
    """Yield the fixed TCP ports of this machine that lead to *route*."""
    service = services_in(stack.models[Side.PLAIN]).get(route.name, {})
    for port in map(mapping, sequence(service.get("ports"))):
        if text(port.get("protocol")) in {"tcp", ""} and number(port.get("published")):
            address = text(port.get("host_ip"))
            yield Published(route.name, number(port.get("target")), number(port.get("published")), address)

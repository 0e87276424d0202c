"""Shared services that are unhealthy, who waits for them to be well, and how that is said."""

from __future__ import annotations

from collections.abc import Iterator

from teal.core.model.compose import mapping, services_in
from teal.core.model.observed import Container, Observed
from teal.core.model.problem import Problem, error, warning
from teal.core.model.side import COLORS, Side
from teal.core.model.stack import Role, Stack


def ailing(observed: Observed, stack: Stack) -> Iterator[Problem]:
    """Yield the shared services that are unhealthy; one that a deploy's services wait for stands in its way.

    Compose, too, starts nothing that depends on a healthy one then. Where an older Teal has given the service another
    address, that may be why, and a deploy is what takes it back.
    """
    names = frozenset(service.name for service in stack.having(Role.SHARED))
    for container in observed.on(Side.PLAIN, names):
        if not container.running or container.health != "unhealthy":
            continue
        name, message = container.service, f"{container.service} is unhealthy{_said(container)}"
        visited = [color for color in COLORS if container in observed.guests_of(color, stack.project)]
        waiting = _waiting_for(name, observed, stack)
        if visited:
            cause = f"an older Teal put it on {visited[0]}'s networks, and a check by `hostname -i` gets two addresses"
            yield warning(name, message, f"{cause}: the next deploy disconnects it")
        elif waiting:
            whose = f"{', '.join(waiting)} wait{'s' * (len(waiting) == 1)} for it to be healthy (depends_on)"
            yield error(name, f"{message}, and {whose}", f"fix it first, see: teal logs {name}")
        else:
            yield warning(name, message, f"no deploy touches it, see: teal logs {name}")


def _said(container: Container) -> str:
    return f": its healthcheck says {container.unwell}" if container.unwell else ""


def _waiting_for(name: str, observed: Observed, stack: Stack) -> tuple[str, ...]:
    """Return what a deploy starts only, by the owner's files, once the shared service *name* is healthy."""
    up = observed.running(Side.PLAIN)
    services = services_in(stack.models.get(Side.PLAIN, {}))
    found = []
    for each in stack.services:
        started = each.role.rotates or each.role is Role.ONE_SHOT or (each.role is Role.SHARED and each.name not in up)
        written = mapping(mapping(services.get(each.name, {}).get("depends_on")).get(name))
        waits = each.depends_on.get(name) == "service_healthy" and written.get("required") is not False
        if started and waits:
            found.append(each.name)
    return tuple(found)

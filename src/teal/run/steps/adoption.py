"""A color beside plain containers: neither finds the other by name (ADR 4)."""

from __future__ import annotations

from teal.core.model.observed import Container
from teal.core.model.side import Side, project_of
from teal.core.model.units import ReleaseId
from teal.ports import Network
from teal.run.context import RunContext


async def set_apart(context: RunContext, side: Side, release: ReleaseId) -> None:
    """Let no new container find a plain one by name.

    On the stack's own networks ``rag`` would mean the plain rag until the color's own has started, and after it died.
    """
    kept, shared = context.release(release), context.shared()
    every = await context.ports.engine.containers(context.stack.project)
    plain = [container for container in every if container.side is Side.PLAIN]
    rotating = {service.name for service in kept.rotating}
    for container in (each for each in every if each.side is side):
        for network in container.networks.keys() & kept.shared_networks.get(container.service, {}).keys():
            theirs = rotating.union(*(_names(each, network) for each in plain if each.service not in shared))
            common = frozenset[str]().union(*(_names(each, network) for each in plain if each.service in shared))
            await context.ports.engine.hide(network, container.id, theirs - common)


def _names(container: Container, network: str) -> frozenset[str]:
    """Return the names by which *container* is found on *network*."""
    return frozenset({*container.aliases[network], container.name}) if network in container.aliases else frozenset()


async def leave_networks(context: RunContext, side: Side) -> bool:
    """Take the shared services off the networks of *side*'s own, unless something runs there that may need them."""
    project = context.stack.project
    if any(container.alive for container in await context.containers(side)):
        return False
    own = [network.name for network in await context.ports.engine.networks(project) if is_of(network, context, side)]
    every = await context.ports.engine.containers(project)
    visits = [(name, c.id) for c in every if c.side is Side.PLAIN for name in own if name in c.networks]
    for name, visitor in visits:
        await context.ports.engine.disconnect(name, visitor)
    return not visits


def is_of(network: Network, context: RunContext, side: Side) -> bool:
    """Tell whether *network* is one of *side*'s own."""
    return network.project == project_of(context.stack.project, side)

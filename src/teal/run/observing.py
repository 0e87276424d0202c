"""Does: looks at engine, proxy, kept releases and journal, and puts what it saw into one value."""

from __future__ import annotations

import asyncio

from teal.core.model.observed import Observed
from teal.core.model.release import Release
from teal.core.model.stack import Stack
from teal.core.planning.past import past_of
from teal.ports import Holder
from teal.run.ports import Ports


async def observe(ports: Ports, stack: Stack) -> Observed:
    """Return the stack as it is now. Nothing is changed."""
    releases = ports.releases.all()
    containers, networks, images = await asyncio.gather(
        ports.engine.containers(stack.project), ports.engine.networks(stack.project), _present(ports, releases)
    )
    contracts = ports.journal.contracts()
    made = [*(r.number for r in releases), *(c.release or 0 for c in containers), *(c.release - 1 for c in contracts)]
    return Observed(
        traffic=ports.proxy.read(),
        containers=containers,
        releases=releases,
        images=images,
        networks={network.name: network.id for network in networks},
        unfinished=ports.journal.unfinished(),
        past=past_of(ports.journal.turns()),
        contracts=contracts,
        next_release=max([ports.journal.next_release(), *(number + 1 for number in made)]),
        closed=ports.proxy.closed(),
    )


async def observe_beside(ports: Ports, stack: Stack) -> tuple[Observed, Holder | None]:
    """Return the stack as it is now, and who worked on it meanwhile: what is half done then is no wreck."""
    before = ports.lock.holder()
    observed = await observe(ports, stack)
    return observed, ports.lock.holder() or before


async def _present(ports: Ports, releases: tuple[Release, ...]) -> frozenset[str]:
    """Return those of the kept releases' image ids that the engine still has."""
    ids = sorted({image for each in releases for image in (*each.images.values(), *each.mounted.values())})
    found = await asyncio.gather(*(ports.engine.image(each) for each in ids))
    return frozenset(id_ for id_, image in zip(ids, found, strict=True) if image is not None)

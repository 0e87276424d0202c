"""Creates, clears and retires the containers of a side, and keeps them apart from others."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable

from teal.core.model.observed import Container
from teal.core.model.side import Side, project_of
from teal.core.model.stack import GRACE, Service
from teal.core.model.units import ReleaseId, Seconds
from teal.core.services.dependencies import stop_waves
from teal.run.context import RunContext
from teal.run.steps import adoption, lifecycle
from teal.run.steps import release as release_steps
from teal.run.steps.adoption import is_of
from teal.run.steps.prepare import refuse_outdated

Then = Callable[[], Awaitable[None]]

APART = 0.2, 1.0  # seconds between two stops of a wave, and at most in all: each keeps a processor busy for a while
LAST_LINES = 2000  # log lines kept of a service that is removed after a failure


async def create(context: RunContext, side: Side, release: ReleaseId | None, *, apart: bool) -> bool:
    """Create the containers of *release* on *side*; tell whether they all stood there already."""
    if side is Side.PLAIN:
        names = tuple(service.name for service in context.stack.rotating)
        await refuse_outdated(context)
        await context.ports.compose.create_plain(names, on_line=context.reporter.tool)
        return False
    assert release is not None, "a color always holds a release"
    await release_steps.require(context, context.release(release))
    file = context.ports.releases.rendering(release, side)
    await context.ports.compose.create(project_of(context.stack.project, side), file, on_line=context.reporter.tool)
    if apart:
        await adoption.set_apart(context, side, release)
    for container in await context.containers(side):
        context.reporter.tell(side, container.service, "created")
    return False


async def empty(context: RunContext, side: Side, *, logs: bool, sparing: frozenset[str] = frozenset()) -> bool:
    """Remove the containers on *side* and, of a color, its own networks; volumes stay.

    One that has failed (*logs*) serves nobody: it is stopped all at once, since a hopeless service may need its
    whole grace. A job of *sparing* that runs there goes on, since its successor failed: it stays with its networks.
    """
    every = await context.containers(side)
    found = tuple(c for c in every if not (c.alive and c.service in sparing))
    if logs:
        await _keep_logs(context, found)
    await _stop_waves(context, side, found, at_once=logs)
    await asyncio.gather(*(context.ports.engine.remove(container.id) for container in found))
    if not side.is_color or len(found) < len(every):
        return not found
    own = [n for n in await context.ports.engine.networks(context.stack.project) if is_of(n, context, side)]
    for network in own:
        for attached in network.containers:
            await context.ports.engine.disconnect(network.name, attached)
        await context.ports.engine.remove_network(network.name)
    return not found and not own


async def _keep_logs(context: RunContext, containers: Iterable[Container]) -> None:
    """Keep the last log lines of containers that are about to be removed after a failure; say where."""
    folder = ""
    for container in containers:
        if container.release is None or not container.started:
            continue
        text = await context.ports.engine.logs(container.id, lines=LAST_LINES)
        folder = context.ports.releases.keep_log(container.release, container.service, text).rpartition("/")[0]
    if folder:
        context.reporter.note(f"the logs of all that is removed are kept in {folder}")


async def retire(
    context: RunContext, side: Side, names: Iterable[str], *, at_once: bool = False, then: Then | None = None
) -> bool:
    """Stop *names* on *side*, dependants first or all *at_once*, each with its own grace; keep them for a rollback.

    *then* is done each time one has stopped.
    """
    found = await context.containers(side, frozenset(names))
    await _stop_waves(context, side, found, at_once=at_once, then=then)
    return not any(container.running for container in found)


async def _stop_waves(
    context: RunContext, side: Side, found: Iterable[Container], *, at_once: bool = False, then: Then | None = None
) -> None:
    """Stop *found* wave by wave, or *at_once*; what Teal knows nothing about is stopped last."""
    running = [c for c in found if c.alive]
    known = _known(context, running)
    waves = [frozenset(s.name for s in wave) for wave in stop_waves(known.values())]
    rest = frozenset(container.service for container in running) - known.keys()
    for wave in [rest.union(*waves)] if at_once else [*waves, rest]:
        mine = [container for container in running if container.service in wave]
        apart = 0.0 if at_once else min(APART[0], APART[1] / max(1, len(mine)))
        stops = (
            _stop(context, side, c, known.get(c.service), after=Seconds(n * apart), then=then)
            for n, c in enumerate(mine)
        )
        ended = await asyncio.gather(*stops, return_exceptions=True)  # else the others stop while the undo starts them
        for error in ended:
            if error is not None:
                raise error


def _known(context: RunContext, containers: Iterable[Container]) -> dict[str, Service]:
    """Return the services of *containers*, as their own release describes them where it is kept."""
    numbers = {container.release for container in containers}
    known = {service.name: service for service in context.stack.rotating}
    for release in context.ports.releases.all():
        if release.number in numbers:
            known |= {service.name: service for service in release.rotating}
    names = {container.service for container in containers}
    return {name: service for name, service in known.items() if name in names}


async def _stop(
    context: RunContext,
    side: Side,
    container: Container,
    service: Service | None,
    *,
    after: Seconds,
    then: Then | None,
) -> None:
    await context.ports.clock.sleep(after)
    context.reporter.tell(side, container.service, "stopping")
    await lifecycle.end(context, container, service, grace=Seconds(service.grace if service else GRACE))
    if then:
        await then()
    context.reporter.tell(side, container.service, "stopped")


async def remove_plain(context: RunContext, names: Iterable[str]) -> bool:
    """Remove the stopped plain containers of *names*."""
    found = await context.containers(Side.PLAIN, frozenset(names))
    await asyncio.gather(*(context.ports.engine.remove(container.id) for container in found if not container.running))
    return not found

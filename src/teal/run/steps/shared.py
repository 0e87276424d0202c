"""Starts the shared services that do not run, Teal's own proxy among them, and waits until they are healthy."""

from __future__ import annotations

from collections.abc import Iterable

from teal.core.model.own_proxy import OWN
from teal.core.model.side import Side
from teal.core.model.units import Seconds
from teal.errors import Unhealthy
from teal.run.context import RunContext
from teal.run.steps import own_proxy
from teal.run.steps.prepare import refuse_outdated


async def start_shared(context: RunContext, names: Iterable[str]) -> bool:
    """Create and start the shared services that don't run; wait for the health of those that have a check."""
    others = tuple(name for name in names if name != OWN)
    ran = await _start_owners(context, others) if others else True
    return (await own_proxy.start(context) if OWN in names else True) and ran


async def _start_owners(context: RunContext, names: tuple[str, ...]) -> bool:
    wanted = frozenset(names)
    found = {c.service: c for c in await context.containers(Side.PLAIN, wanted)}
    absent = tuple(name for name in names if name not in found or not found[name].running)
    if not absent:
        return True
    await refuse_outdated(context)
    for name in absent:
        context.reporter.tell(None, name, "starting")
    await context.ports.compose.up_shared(absent, update=False, on_line=context.reporter.tool)
    await _await_shared(context, frozenset(absent))
    return False


async def _await_shared(context: RunContext, names: frozenset[str]) -> None:
    """Wait until no shared service of *names* is starting any more."""
    clock = context.ports.clock
    end = clock.monotonic() + context.stack.settings.health_timeout
    while True:
        found = await context.containers(Side.PLAIN, names)
        bad = next((c for c in found if c.health == "unhealthy" or c.state in {"exited", "dead"}), None)
        if bad is not None:
            log = await context.ports.engine.logs(bad.id, lines=20)
            raise Unhealthy(
                f"the shared service {bad.service} is {bad.state}, {bad.health}", detail=log, hint="fix it first"
            )
        if found and all(c.running and c.health in {"healthy", "none"} for c in found):
            break
        if clock.monotonic() > end:
            raise Unhealthy(f"the shared services are not ready: {', '.join(sorted(names))}", hint="`teal status`")
        await clock.sleep(Seconds(0.25))
    for container in found:
        context.reporter.tell(None, container.service, "healthy")

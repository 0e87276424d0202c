"""What must be there before a release is made: shared services, room on the machine, a proxy that hears Teal."""

from __future__ import annotations

from collections.abc import Iterable

from teal.core.checks.machine import Room, check_room
from teal.core.model.problem import demand
from teal.core.model.side import Side
from teal.core.model.units import Seconds
from teal.errors import Refused, Unhealthy
from teal.run.context import Ports, RunContext
from teal.run.observe import observe, outdated
from teal.run.steps.proxy import prove_entries, refuse_unswitchable


async def preflight(context: RunContext, source: Side | None, *, force_memory: bool) -> bool:
    """Refuse what can't end well: no room for a second color, a proxy that doesn't read the state file."""
    running = [c.id for c in await context.containers(source) if c.running] if source else []
    for problem in demand(check_room(await room(context.ports, running), force_memory=force_memory)):
        context.reporter.note(problem.message, warning=True)
    if not context.stack.proxy:
        raise Refused(
            "the stack has no proxy that Teal could switch", hint="`teal check` prints a Caddy service to add"
        )
    await refuse_unswitchable(context)
    await prove_entries(context)
    return False


async def room(ports: Ports, running: Iterable[str]) -> Room:
    """Return what the machine has, and what the containers *running* use of it."""
    used = await ports.engine.memory(running)
    total, available = ports.machine.memory()
    return Room(total, available, used, ports.machine.disk())


async def start_shared(context: RunContext, names: Iterable[str]) -> bool:
    """Create and start the shared services that don't run; wait for the health of those that have a check."""
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


async def refuse_outdated(context: RunContext) -> None:
    """Raise ``Refused`` where Compose, told to start anything, would first take a network of the stack down."""
    found = await outdated(
        context.ports, context.stack, await observe(context.ports, context.stack), sorted(context.shared())
    )
    for name in found.networks:
        raise Refused(
            f"the network {name} has changed in the files: to create it again, Compose would first stop what "
            "runs on it, and can't remove it while a color is on it",
            hint="take the change of `networks` back, or take the stack down for it: `teal down`, then `teal deploy`",
        )


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

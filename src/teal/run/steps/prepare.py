"""What must be there before a release is made: shared services, room on the machine, a proxy that hears Teal."""

from __future__ import annotations

from collections.abc import Iterable

from teal.core.checks.machine import Room, check_room
from teal.core.model.own_proxy import OWN
from teal.core.model.problem import demand
from teal.core.model.side import Side
from teal.errors import Refused
from teal.run.context import Ports, RunContext
from teal.run.observe import observe, outdated
from teal.run.steps.proxy import prove_entries, refuse_unswitchable, require_snippet


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
    if context.stack.settings.pages:
        await require_snippet(context, "pages that stay on their release (`pages` in teal.yml)")
    return False


async def room(ports: Ports, running: Iterable[str]) -> Room:
    """Return what the machine has, and what the containers *running* use of it."""
    used = await ports.engine.memory(running)
    total, available = ports.machine.memory()
    return Room(total, available, used, ports.machine.disk())


async def refuse_outdated(context: RunContext) -> None:
    """Raise ``Refused`` where Compose, told to start anything, would first take a network of the stack down."""
    found = await outdated(
        context.ports, context.stack, await observe(context.ports, context.stack), sorted(context.shared() - {OWN})
    )
    for name in found.networks:
        raise Refused(
            f"the network {name} has changed in the files: to create it again, Compose would first stop what "
            "runs on it, and can't remove it while a color is on it",
            hint="take the change of `networks` back, or take the stack down for it: `teal down`, then `teal deploy`",
        )

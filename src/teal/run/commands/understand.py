"""``init``, and what a first deploy says beforehand: what Teal makes of a stack, and what it has to ask."""

from __future__ import annotations

from teal.core.checks.admission import by_files
from teal.core.model.entrance import Published
from teal.core.model.stack import Role, Stack
from teal.core.model.versions import engine_version
from teal.core.rendering.networks import GATEWAYS
from teal.core.services.ways_in import who
from teal.errors import Unavailable
from teal.run.api import Understood
from teal.run.commands.check import role_row, takes
from teal.run.context import Ports


async def understand(ports: Ports, stack: Stack) -> Understood:
    """Return what is made of *stack*; without an engine by its files alone."""
    try:
        engine = engine_version((await ports.engine.info()).version)
    except Unavailable:
        engine = GATEWAYS
    errors = [each for each in by_files(stack, engine, ports.proxy.folder) if each.level == "error"]
    taken = takes(stack)
    return Understood(
        stack.project,
        first=not ports.releases.all(),
        roles=tuple(map(role_row, stack.services)),
        ports={each.name: each.port for each in stack.having(Role.ROUTE) if each.port},
        front=who(stack.front, stack.entrances),
        takes=taken,
        costs=_costs(stack) if taken else (),
        questions=tuple(dict.fromkeys(each.proposal for each in errors if each.proposal)),
        refused=any(each.proposal is None for each in errors),
    )


def _costs(stack: Stack) -> tuple[str, ...]:
    ports = [each for each in stack.entrances if isinstance(each, Published)]
    if ports:
        which = ", ".join(dict.fromkeys(str(each.port) for each in ports))
        return (
            f"once: port {which} is nobody's from the stop of what holds it now until the proxy runs, about a second",
        )
    return ("once: what stands in front is reloaded",)

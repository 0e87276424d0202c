"""``init``, and what a first deploy says beforehand: what Teal makes of a stack, and what it has to ask."""

from __future__ import annotations

from collections.abc import Iterator

from teal.core.checks.admission import by_files, by_sight
from teal.core.model.mounts import Verdict
from teal.core.model.own_proxy import OWN
from teal.core.model.stack import Role, Stack
from teal.core.model.versions import engine_version
from teal.core.rendering.networks import GATEWAYS
from teal.core.services.ways_in import who
from teal.errors import Unavailable
from teal.run.api import Understood
from teal.run.commands.check import role_row, takes
from teal.run.context import Ports
from teal.run.observe import observe_beside


async def understand(ports: Ports, stack: Stack, *, alone: bool = False) -> Understood:
    """Return what is made of *stack*; without an engine by its files alone.

    *alone*: raise ``Locked`` where another command works on the stack, so that nobody is asked in vain.
    """
    if alone:
        with ports.lock.hold("deploy"):
            pass
    first = not ports.releases.all()
    costs: tuple[str, ...] = ()
    try:
        engine = engine_version((await ports.engine.info()).version)
        costs = await _costs(ports, stack) if first and stack.own else ()
    except Unavailable:
        engine = GATEWAYS
    errors = [each for each in by_files(stack, engine, ports.proxy.folder) if each.level == "error"]
    return Understood(
        stack.project,
        first=first,
        roles=tuple(map(role_row, stack.services)),
        ports={each.name: each.port for each in stack.having(Role.ROUTE) if each.port},
        front=who(stack.front, stack.entrances),
        takes=takes(stack),
        costs=costs,
        data=tuple(_data(stack)),
        questions=tuple(dict.fromkeys(each.proposal for each in errors if each.proposal)),
        refused=any(each.proposal is None for each in errors),
    )


async def _costs(ports: Ports, stack: Stack) -> tuple[str, ...]:
    """Return what a first deploy costs those who use the plain stack that runs."""
    observed, holder = await observe_beside(ports, stack)
    seen = by_sight(observed, stack, busy=holder is not None)
    return tuple(each.message for each in seen if each.service == OWN)


def _data(stack: Stack) -> Iterator[str]:
    """Yield what is made of writable mounts, a line for each verdict."""
    for verdict, said in _VERDICTS.items():
        found = [each for each in stack.mounts if each.verdict is verdict]
        if found:
            reasons = dict.fromkeys(each.reason for each in found if verdict is not Verdict.SAFE)
            why = f" ({'; '.join(reasons)})" if reasons else ""
            yield f"{', '.join(each.subject for each in found)}: {said}{why}"


_VERDICTS = {
    Verdict.SAFE: "two releases may write it",
    Verdict.CONFIGURATION: "read-only in a release, as configuration",
    Verdict.UNSAFE: "one writer's: a deploy holds requests while the old release stops and the new one starts",
}

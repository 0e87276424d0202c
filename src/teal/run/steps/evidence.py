"""Gathers what shows why a service failed: its last log lines, and those of the services behind it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping

from teal.core.model.log_text import condensed, troubled
from teal.core.model.observed import Container
from teal.core.model.side import Side
from teal.core.model.stack import Service
from teal.core.services.dependencies import behind
from teal.errors import Unhealthy
from teal.run.context import RunContext

READ = 400  # log lines that are read of a service that fails; of lines that say the same one is shown
TAIL = 20  # lines shown of it
BEHIND = 10  # lines shown of each service behind it


async def failure(
    context: RunContext, side: Side, container: Container, why: str, *, services: Mapping[str, Service] | None = None
) -> Unhealthy:
    """Return the error that names the service, why it failed, and its last log lines.

    *services*: those of its release, where the trouble may be in one that it calls: then their last lines come, too.
    """
    context.reporter.tell(side, container.service, "failed")
    detail = await last_words(context, (container,))
    if services:
        detail = "\n".join(
            [detail, *[said async for said in _words_behind(context, side, container.service, services)]]
        )
    return Unhealthy(f"{side}/{container.service} {why}", detail=detail)


async def last_words(context: RunContext, containers: Iterable[Container]) -> str:
    """Return the last log lines of each of *containers*, each of which says something else."""
    return "\n".join([await _words_of(context, container, TAIL) for container in containers])


async def _words_of(context: RunContext, container: Container, lines: int) -> str:
    log = condensed(await context.ports.engine.logs(container.id, lines=READ), lines)
    return f"{container.name}, last log lines:\n{log}" if log else f"{container.name} logged nothing"


async def _words_behind(
    context: RunContext, side: Side, name: str, services: Mapping[str, Service]
) -> AsyncIterator[str]:
    """Yield the last lines of each service behind *name*; of a shared one only where they speak of trouble."""
    names = behind(name, services)
    mine = await context.containers(side, frozenset(names) & services.keys())
    shared = await context.containers(Side.PLAIN, frozenset(names) & context.shared())
    for container in (*mine, *shared):
        log = condensed(await context.ports.engine.logs(container.id, lines=READ), BEHIND)
        if log and (container in mine or troubled(log)):
            yield f"{container.name}, behind it, last log lines:\n{log}"

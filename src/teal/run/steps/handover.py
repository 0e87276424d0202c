"""Lets the jobs change hands after the switch: workers start beside the old ones, singletons in their place."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from teal.core.model.observed import Container
from teal.core.model.side import Side
from teal.core.model.stack import GRACE, Service
from teal.core.planning.steps import HandOver
from teal.errors import TealError, Unhealthy
from teal.run.context import RunContext
from teal.run.steps import lifecycle
from teal.run.steps.start import start_each

Old = tuple[Container, ...]


class KeptPrevious(Unhealthy):
    """Jobs failed on the new side, and their old ones go on; each was told of when it was seen.

    *services*: those jobs; *problems*: what to say of them. *then*: what ended the handing over before all had changed
    hands, None where only they failed.
    """

    def __init__(self, services: Iterable[str], problems: Sequence[str], then: TealError | None) -> None:
        super().__init__("; ".join(problems))
        self.services, self.problems, self.then = frozenset(services), tuple(problems), then


async def hand_over(context: RunContext, step: HandOver) -> bool:
    """Start the jobs of *step* on its side, all waited for at once; tell whether all of them ran there already.

    A singleton is stopped wherever else it runs right before its successor starts. It may run on a third side: where an
    earlier release's own failed, the one before it went on. Raises ``KeptPrevious`` where one goes on.
    """
    kept: dict[str, list[str]] = {}
    sources = {each.service: each.source for each in step.singletons}
    stopped: dict[str, Old] = {}

    async def before(name: str) -> None:
        if name in sources:
            stopped[name] = await _stop_old(context, name, sources[name], step.to)

    async def forgive(name: str, error: Unhealthy) -> None:
        old = stopped.get(name, ()) if name in sources else ()
        said = kept.setdefault(name, [])
        await _take_back(context, name, _one_of(old, sources.get(name)), step.to, error, said)

    names = (*step.workers, *sources)
    failed: TealError | None = None
    passed = False
    try:
        passed = await start_each(context, step.to, step.release, names, before=before, forgive=forgive)
    except TealError as error:
        if not kept:
            raise
        failed = error
    if kept:
        raise KeptPrevious(kept, [each for said in kept.values() for each in said], failed)
    return passed


async def _stop_old(context: RunContext, service: str, source: Side | None, to: Side) -> Old:
    """Stop singleton *service* wherever it runs but on *to*; return what goes on where the new one fails."""
    others = {side: await context.containers(side, frozenset({service})) for side in Side if side is not to}
    running = tuple(c for found in others.values() for c in found if c.alive)
    old = running or (others.get(source, ()) if source else ())
    for container in old:
        await _stop_singleton(context, container)
    return old


def _one_of(old: Old, source: Side | None) -> Old:
    """Return those of one side only, the source's if it can be: a hand may have started another one beside it."""
    first = min(old, key=lambda c: (c.side is not source, not c.running), default=None)
    return tuple(container for container in old if first is not None and container.side is first.side)


async def _stop_singleton(context: RunContext, container: Container) -> None:
    """Stop a singleton with the grace that its own release gives it."""
    service = _service(context, container)
    await lifecycle.end(context, container, service, grace=service.grace)


def _service(context: RunContext, container: Container) -> Service:
    """Return the service of *container* as its own release describes it."""
    return {s.name: s for s in (*context.stack.rotating, *context.services(container.release))}[container.service]


async def _take_back(context: RunContext, service: str, old: Old, to: Side, error: Unhealthy, said: list[str]) -> None:
    """Stop the new job, let the old one go on, and leave the rest to a person; *said* gets what to tell."""
    for container in await context.containers(to, frozenset({service})):
        await context.ports.engine.stop(container.id, grace=GRACE)
    for container in old:
        try:
            await lifecycle.begin(context, container, _service(context, container))
        except Unhealthy as again:  # a hook of its own: it runs all the same
            said.append(again.message)
    goes_on = (
        f"the old {service} runs again"
        if old
        else await _still(context, service, (side for side in Side if side is not to))
    )
    said.append(f"{error.message}; {goes_on}")
    context.reporter.note(f"{error.message}\n{error.detail}".rstrip(), warning=True)


async def _still(context: RunContext, service: str, sides: Iterable[Side]) -> str:
    """Return in words whether *service* still runs on one of *sides*."""
    for side in sides:
        if any(container.running for container in await context.containers(side, frozenset({service}))):
            return f"the old {service} goes on"
    return f"{service} runs nowhere"

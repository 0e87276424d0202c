"""Does: starts services in the order that their dependencies ask for, and holds them at the gate."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from teal.core.model.observed import Container
from teal.core.model.side import Side
from teal.core.model.stack import Role, Service
from teal.core.planning.events import Said
from teal.core.services.dependencies import waits_for
from teal.core.services.health import (
    EARLY,
    PASSED,
    WAITING,
    Probed,
    Verdict,
    asks,
    errs,
    is_broken,
    judge,
    timeout_reason,
)
from teal.errors import Failed, Unhealthy
from teal.run.context import RunContext
from teal.run.steps import lifecycle
from teal.run.steps.evidence import failure

GLANCE = 0.15  # seconds between two probes over the network while a service boots

Life = tuple[str, float]  # container and start: one that was started again has another life
Lives = frozenset[Life]
Before = Callable[[str], Awaitable[None]]
Forgive = Callable[[str, Unhealthy], Awaitable[None]]


@dataclass(slots=True)
class _Gate:
    """The services that are being started on one side, and which of them have passed."""

    context: RunContext
    side: Side
    services: Mapping[str, Service]  # those that are started
    release: Mapping[str, Service]  # all of their release
    beside: frozenset[str] = frozenset()  # started with the others, and not waited for
    before: Before | None = None  # what must happen before a service is started
    forgive: Forgive | None = None  # whom a service that fails is told to, the others go on; None: it ends the wait
    passed: dict[str, Lives] = field(default_factory=dict)
    failed: set[str] = field(default_factory=set)
    begun: dict[str, float] = field(default_factory=dict)  # service -> monotonic
    started: set[str] = field(default_factory=set)  # containers that this gate has started
    containers: tuple[Container, ...] = ()
    since: dict[Life, float] = field(default_factory=dict)  # monotonic
    probed: dict[str, Probed] = field(default_factory=dict)  # container -> what its probe came to last
    erring: dict[Life, float] = field(default_factory=dict)  # since when it answers with an error of its own, monotonic
    told: set[str] = field(default_factory=set)  # services of which it was said that they answer so

    @property
    def waiting(self) -> tuple[str, ...]:
        """Return the services that are still waited for."""
        return tuple(name for name in self.services if name not in self.passed.keys() | self.failed | self.beside)


async def start(
    context: RunContext, side: Side, release: int | None, names: Iterable[str], *, beside: Iterable[str] = ()
) -> bool:
    """Start *names* on *side* and return once all have passed the gate; tell whether they all had before.

    *beside* are started, too, each when its dependencies allow, and nobody waits for them. Raises ``Unhealthy`` as soon
    as one of *names* can't pass any more, or when the timeout is over.
    """
    return await _through(_gate(context, side, release, names, frozenset(beside)))


async def start_each(
    context: RunContext, side: Side, release: int | None, names: Iterable[str], *, before: Before, forgive: Forgive
) -> bool:
    """Start *names* on *side*, all waited for at once; one that fails is told to *forgive*, and the others go on.

    *before* each is started it is told to that. Return whether all had passed the gate before.
    """
    gate = _gate(context, side, release, names, frozenset())
    gate.before, gate.forgive = before, forgive
    return await _through(gate)


def _gate(context: RunContext, side: Side, release: int | None, names: Iterable[str], beside: frozenset[str]) -> _Gate:
    wanted = frozenset(names) | beside
    every = {s.name: s for s in context.services(release)}
    return _Gate(context, side, {name: s for name, s in every.items() if name in wanted}, every, beside)


async def _through(gate: _Gate) -> bool:
    stirred = asyncio.Event()
    listener = asyncio.create_task(_listen(gate.context, stirred))
    try:
        return await _run(gate, stirred)
    finally:
        listener.cancel()
        with suppress(asyncio.CancelledError):
            await listener


async def _run(gate: _Gate, stirred: asyncio.Event) -> bool:
    """Look, start, judge and wait, until all have passed."""
    settings, clock = gate.context.stack.settings, gate.context.ports.clock
    end = clock.monotonic() + settings.health_timeout
    fresh = True
    looked = -settings.health_interval
    while True:
        if stirred.is_set() or clock.monotonic() - looked >= settings.health_interval:
            stirred.clear()
            looked = clock.monotonic()
            await _look(gate)
            fresh = await _start_ready(gate) and fresh
            await _start_ended(gate)
        await _judge_all(gate)
        if not gate.waiting:
            return fresh
        await _end_patience(gate, end)
        with suppress(TimeoutError):
            async with asyncio.timeout(_glance(gate)):
                await stirred.wait()


def _glance(gate: _Gate) -> float:
    """Return how long to wait for an event before the next look, in seconds."""
    if any(gate.services[name].health.probe for name in gate.waiting):
        return GLANCE
    return min(gate.context.stack.settings.health_interval, 0.5)


async def _look(gate: _Gate) -> None:
    gate.containers = await gate.context.containers(gate.side, frozenset(gate.services))


async def _start_ready(gate: _Gate) -> bool:
    """Start what nothing holds back any more, wave after wave; return whether all of it ran already."""
    fresh = True
    while wave := {name for name in gate.services if name not in gate.begun and _free(gate, name)}:
        ready = [container for container in gate.containers if container.service in wave and not container.running]
        if gate.before is not None:
            await asyncio.gather(*(gate.before(name) for name in sorted(wave)))
        await _begin(gate, ready)
        gate.begun |= dict.fromkeys(wave, gate.context.ports.clock.monotonic())
        fresh = fresh and not ready
    if not fresh:
        await _look(gate)
    return fresh


async def _begin(gate: _Gate, containers: Sequence[Container]) -> None:
    """Start *containers*; raise what the engine has against it, or forgive it where the others may go on."""
    for container in containers:
        gate.context.reporter.tell(gate.side, container.service, "starting")
        gate.started.add(container.id)
    starts = (lifecycle.begin(gate.context, each, gate.services[each.service]) for each in containers)
    for container, error in zip(containers, await asyncio.gather(*starts, return_exceptions=True), strict=True):
        if error is None or (isinstance(error, Failed) and container.service in gate.beside):
            continue
        if not isinstance(error, Failed):
            raise error
        if not isinstance(error, Unhealthy):
            why = f"{gate.side}/{container.service} can't be started: {error.message}"
            error = Unhealthy(why, hint=error.hint, detail=error.detail)
        await _fail(gate, container.service, error)


async def _start_ended(gate: _Gate) -> None:
    """Start what ran when the gate opened and has ended since: a killed command's stop may have been under way."""
    ended = [c for c in gate.containers if c.service in gate.begun.keys() - gate.failed and c.state == "exited"]
    late = [container for container in ended if container.id not in gate.started]
    if late:
        await _begin(gate, late)
        gate.passed = {name: lives for name, lives in gate.passed.items() if name not in {c.service for c in late}}
        await _look(gate)


def _free(gate: _Gate, name: str) -> bool:
    """Tell whether everything that *name* waits for is as far as Compose's condition asks."""
    waits = waits_for(gate.services[name], gate.services)
    return all(
        other in (gate.passed if condition == "service_healthy" else gate.begun) for other, condition in waits.items()
    )


async def _judge_all(gate: _Gate) -> None:
    """Judge every container that was begun; raise for the first one that is hopeless, or forgive it."""
    answers = await _asked(gate)
    gate.probed |= answers
    _watch_errors(gate)
    for name in sorted(gate.begun.keys() - gate.failed):
        error = await _trouble(gate, name)
        if error is not None and name not in gate.beside:
            await _fail(gate, name, error)
    standing = [name for name in sorted(gate.begun.keys() - gate.failed) if _stands(gate, name, answers)]
    for name in standing:
        await _pass(gate, name)


async def _fail(gate: _Gate, name: str, error: Unhealthy) -> None:
    """End the wait, or let the others go on without *name*, and without what depends on it."""
    if gate.forgive is None:
        raise error
    gate.failed.add(name)
    gate.passed.pop(name, None)
    await gate.forgive(name, error)
    for other in gate.services:
        if other not in gate.begun and other not in gate.failed and name in waits_for(gate.services[other], {name}):
            why = f"{gate.side}/{other} was not started, since it depends on {name}"
            await _fail(gate, other, Unhealthy(why, hint="mend that first"))


async def _asked(gate: _Gate) -> dict[str, Probed]:
    """Ask the probes of all that wait for one, at once, over the network; return what each container answered."""
    due = [each for each in gate.containers if each.service in gate.begun and _is_asked(gate, each)]
    answers = await asyncio.gather(*(_probe(gate, each) for each in due)) if due else ()
    return {container.id: answer for container, answer in zip(due, answers, strict=True)}


def _is_asked(gate: _Gate, container: Container) -> bool:
    """Tell whether the answer to its service's probe would decide."""
    service = gate.services[container.service]
    askable = service.health.probe is not None and container.running and bool(container.addresses)
    settled = service.name in gate.passed or service.name in gate.failed
    return askable and not settled and _judge(gate, container, answer=None) is WAITING


def _watch_errors(gate: _Gate) -> None:
    """Note since when each container answers with an error of its own; say it once, early.

    While another service is waited for that may be what it calls, nothing is counted.
    """
    clock = gate.context.ports.clock
    erring = {c.service for c in gate.containers if errs(gate.probed.get(c.id))}
    for container in gate.containers:
        name, life = container.service, (container.id, container.started)
        others = {other for other in gate.waiting if other != name} - erring
        if name not in erring or name in gate.passed or others:
            gate.erring.pop(life, None)
            continue
        since = gate.erring.setdefault(life, clock.monotonic())
        if name not in gate.told and clock.monotonic() - since >= EARLY:
            gate.told.add(name)
            words = f"{asks(gate.services[name])} is answered with {gate.probed[container.id].words}"
            gate.context.reporter.watch(Said("warning", f"{gate.side}/{name} runs, and {words}"))


async def _trouble(gate: _Gate, name: str) -> Unhealthy | None:
    """Return why *name* can't pass the gate any more, None where it still may, or has."""
    context, side, service = gate.context, gate.side, gate.services[name]
    mine = [container for container in gate.containers if container.service == name]
    if len(mine) < service.replicas:
        return _missing(side, service, len(mine))
    for container in mine:
        verdict = _judge(gate, container, answer=None)
        if verdict.standing == "failed":
            up = gate.release if container.running else None  # what ended by itself says why
            return await failure(context, side, container, verdict.why, services=up)
        broken = _broken(gate, container)
        if broken:
            return await failure(context, side, container, broken, services=gate.release)
    if gate.passed.get(name, _lives(gate, name)) != _lives(gate, name):
        return await failure(context, side, mine[0], "ended by itself after it had passed the gate")
    return None


def _broken(gate: _Gate, container: Container) -> str:
    """Return what *container* has answered for too long, where nobody has asked for more patience; "" for nothing."""
    since, probed = gate.erring.get((container.id, container.started)), gate.probed.get(container.id)
    if since is None or probed is None or gate.context.stack.settings.health_asked:
        return ""
    service, seconds = gate.services[container.service], gate.context.ports.clock.monotonic() - since
    if not is_broken(service, probed, seconds):
        return ""
    return f"has answered {asks(service)} with an error for {seconds:.0f} s, at last {probed.words}"


def _stands(gate: _Gate, name: str, answers: Mapping[str, Probed]) -> bool:
    """Tell whether all replicas of *name* are through the gate, by what their probes have just come to."""
    mine = [container for container in gate.containers if container.service == name]
    verdicts = [_judge(gate, each, answer=each.id in answers and answers[each.id].passed) for each in mine]
    return len(mine) >= gate.services[name].replicas and all(v.standing == "passed" for v in verdicts)


async def _pass(gate: _Gate, name: str) -> None:
    """Let *name* through, and start at once what waited for it."""
    if name in gate.passed:
        return
    gate.passed[name] = _lives(gate, name)
    gate.context.reporter.tell(gate.side, name, "healthy")
    await _start_ready(gate)


def _lives(gate: _Gate, name: str) -> Lives:
    """Return the lives that the containers of *name* live now."""
    return frozenset((c.id, c.started) for c in gate.containers if c.service == name and c.running)


def _judge(gate: _Gate, container: Container, *, answer: bool | None) -> Verdict:
    """Judge one container; one that passed before is only asked whether it is hopeless."""
    service = gate.services[container.service]
    verdict = judge(service, container, answers=answer, now=container.started + _age(gate, service, container))
    return PASSED if service.name in gate.passed and verdict.standing != "failed" else verdict


def _age(gate: _Gate, service: Service, container: Container) -> float:
    """Return for how many seconds *container* has run: a wall clock that jumps makes it neither older nor younger.

    What ran before the gate has looked counts as far as steadiness asks, and no further.
    """
    clock, life = gate.context.ports.clock, (container.id, container.started)
    if life not in gate.since:
        before = min(max(0.0, clock.now() - container.started), service.health.steady)
        gate.since[life] = clock.monotonic() - before
    return clock.monotonic() - gate.since[life]


async def _probe(gate: _Gate, container: Container) -> Probed:
    """Ask the service's probe over the network."""
    probe = gate.services[container.service].health.probe
    assert probe is not None, "only those with a probe are asked"
    return await gate.context.ports.engine.probe(next(iter(container.addresses.values())), probe)


async def fallen(context: RunContext, side: Side, release: int | None, names: Iterable[str]) -> Unhealthy | None:
    """Return the error for the first of *names* that passed the gate and no longer stands; None where all stand."""
    wanted = frozenset(names)
    services = {service.name: service for service in context.services(release) if service.name in wanted}
    found = await context.containers(side, wanted)
    for service in services.values():
        if (there := sum(c.service == service.name for c in found)) < service.replicas:
            return _missing(side, service, there)
    for container in found:
        verdict = judge(services[container.service], container, answers=None, now=container.started)  # no time matters
        if verdict.standing == "failed":
            return await failure(context, side, container, verdict.why)
    return None


def _missing(side: Side, service: Service, there: int) -> Unhealthy:
    """Return the error for a service whose containers somebody has removed: nobody makes them again."""
    what = f"only {there} of its {service.replicas} containers" if there else "no container"
    return Unhealthy(f"{side}/{service.name} has {what}: somebody removed it")


async def _end_patience(gate: _Gate, end: float) -> None:
    """Fail what has not passed when the time is over; where each is forgiven, its time begins with its own start."""
    now, limit = gate.context.ports.clock.monotonic(), gate.context.stack.settings.health_timeout
    if gate.forgive is None:
        if now >= end:
            raise await _out_of_patience(gate, gate.waiting[0])
        return
    for name in gate.waiting:
        if name not in gate.failed and now - gate.begun.get(name, now) >= limit:
            await _fail(gate, name, await _out_of_patience(gate, name))


async def _out_of_patience(gate: _Gate, name: str) -> Unhealthy:
    """Return the error for *name*, which has not passed when the time is over."""
    await _look(gate)
    seconds = gate.context.stack.settings.health_timeout
    container = next((c for c in gate.containers if c.service == name), None)
    why = timeout_reason(gate.services[name], container, seconds, gate.probed.get(container.id) if container else None)
    if name not in gate.begun:
        why = f"waited {seconds:.0f} s for {', '.join(gate.services[name].after)} and was never started"
    if container is None:
        return Unhealthy(f"{gate.side}/{name} {why}", hint="deploy again")
    error = await failure(gate.context, gate.side, container, why, services=gate.release)
    late = await _late(gate, name)
    if late:
        needs = f"`routes: {{{name}: {{needs: [{late[0]}]}}}}` in teal.yml"
        error.hint += f"; workers start after the switch: if {name} waits for {' or '.join(late)}, say so: {needs}"
    return error


async def _late(gate: _Gate, name: str) -> tuple[str, ...]:
    """Return the workers that the route *name* may wait for, and that start after the switch."""
    if gate.services[name].role is not Role.ROUTE:
        return ()
    late = frozenset(s.name for s in gate.release.values() if s.role is Role.WORKER and not s.opens)
    up = {container.service for container in await gate.context.containers(gate.side, late) if container.running}
    return tuple(sorted(late - up))


async def _listen(context: RunContext, stirred: asyncio.Event) -> None:
    """Set *stirred* whenever the engine reports something about the stack; polling goes on without it."""
    stirred.set()
    with suppress(Exception):  # a stream that breaks costs only speed: the polls still see everything
        async for _ in context.ports.engine.events(context.stack.project):
            stirred.set()

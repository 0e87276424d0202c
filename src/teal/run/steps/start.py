"""Starts services in the order that their dependencies ask for, and holds them at the gate."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from teal.core.model.observed import Container
from teal.core.model.side import Side
from teal.core.model.stack import Role, Service
from teal.core.model.units import Moment, ReleaseId, Seconds
from teal.core.planning.events import Message
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
    judge_container,
    timeout_reason,
)
from teal.errors import Failed, Unhealthy
from teal.run.context import RunContext
from teal.run.steps import lifecycle
from teal.run.steps.evidence import failure

GLANCE = Seconds(0.15)  # between two probes over the network while a service boots

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

    async def through(self) -> bool:
        """Start all and return once those that are waited for have passed; tell whether they all had before."""
        stirred = asyncio.Event()
        listener = asyncio.create_task(_listen(self.context, stirred))
        try:
            return await self._run(stirred)
        finally:
            listener.cancel()
            with suppress(asyncio.CancelledError):
                await listener

    async def _run(self, stirred: asyncio.Event) -> bool:
        """Look, start, judge and wait, until all have passed."""
        settings, clock = self.context.stack.settings, self.context.ports.clock
        end = clock.monotonic() + settings.health_timeout
        fresh = True
        looked = -settings.health_interval
        while True:
            if stirred.is_set() or clock.monotonic() - looked >= settings.health_interval:
                stirred.clear()
                looked = clock.monotonic()
                await self._look()
                fresh = await self._start_ready() and fresh
                await self._start_ended()
            await self._judge_all()
            if not self.waiting:
                return fresh
            await self._fail_late(end)
            with suppress(TimeoutError):
                async with asyncio.timeout(self._glance()):
                    await stirred.wait()

    def _glance(self) -> Seconds:
        """Return how long to wait for an event before the next look, in seconds."""
        if any(self.services[name].health.probe for name in self.waiting):
            return GLANCE
        return Seconds(min(self.context.stack.settings.health_interval, 0.5))

    async def _look(self) -> None:
        self.containers = await self.context.containers(self.side, frozenset(self.services))

    async def _start_ready(self) -> bool:
        """Start what nothing holds back any more, wave after wave; return whether all of it ran already."""
        fresh = True
        while wave := {name for name in self.services if name not in self.begun and self._free(name)}:
            ready = [container for container in self.containers if container.service in wave and not container.running]
            if self.before is not None:
                await asyncio.gather(*(self.before(name) for name in sorted(wave)))
            await self._begin(ready)
            self.begun |= dict.fromkeys(wave, self.context.ports.clock.monotonic())
            fresh = fresh and not ready
        if not fresh:
            await self._look()
        return fresh

    async def _begin(self, containers: Sequence[Container]) -> None:
        """Start *containers*; raise what the engine has against it, or forgive it where the others may go on."""
        for container in containers:
            self.context.reporter.tell(self.side, container.service, "starting")
            self.started.add(container.id)
        starts = (lifecycle.begin(self.context, each, self.services[each.service]) for each in containers)
        for container, error in zip(containers, await asyncio.gather(*starts, return_exceptions=True), strict=True):
            if error is None or (isinstance(error, Failed) and container.service in self.beside):
                continue
            if not isinstance(error, Failed):
                raise error
            if not isinstance(error, Unhealthy):
                why = f"{self.side}/{container.service} can't be started: {error.message}"
                error = Unhealthy(why, hint=error.hint, detail=error.detail)
            await self._fail(container.service, error)

    async def _start_ended(self) -> None:
        """Start what ran when the gate opened and has ended since: a killed command's stop may have been under way."""
        ended = [c for c in self.containers if c.service in self.begun.keys() - self.failed and c.state == "exited"]
        late = [container for container in ended if container.id not in self.started]
        if late:
            await self._begin(late)
            self.passed = {name: lives for name, lives in self.passed.items() if name not in {c.service for c in late}}
            await self._look()

    def _free(self, name: str) -> bool:
        """Tell whether everything that *name* waits for is as far as Compose's condition asks."""
        waits = waits_for(self.services[name], self.services)
        return all(
            other in (self.passed if condition == "service_healthy" else self.begun)
            for other, condition in waits.items()
        )

    async def _judge_all(self) -> None:
        """Judge every container that was begun; raise for the first one that is hopeless, or forgive it."""
        answers = await self._asked()
        self.probed |= answers
        self._watch_errors()
        for name in sorted(self.begun.keys() - self.failed):
            error = await self._trouble(name)
            if error is not None and name not in self.beside:
                await self._fail(name, error)
        standing = [name for name in sorted(self.begun.keys() - self.failed) if self._stands(name, answers)]
        for name in standing:
            await self._pass(name)

    async def _fail(self, name: str, error: Unhealthy) -> None:
        """End the wait, or let the others go on without *name*, and without what depends on it."""
        if self.forgive is None:
            raise error
        self.failed.add(name)
        self.passed.pop(name, None)
        await self.forgive(name, error)
        for other in self.services:
            if other not in self.begun and other not in self.failed and name in waits_for(self.services[other], {name}):
                why = f"{self.side}/{other} was not started, since it depends on {name}"
                await self._fail(other, Unhealthy(why, hint="fix that first"))

    async def _asked(self) -> dict[str, Probed]:
        """Ask the probes of all that wait for one, at once, over the network; return what each container answered."""
        due = [each for each in self.containers if each.service in self.begun and self._is_asked(each)]
        answers = await asyncio.gather(*(self._probe(each) for each in due)) if due else ()
        return {container.id: answer for container, answer in zip(due, answers, strict=True)}

    def _is_asked(self, container: Container) -> bool:
        """Tell whether the answer to its service's probe would decide."""
        service = self.services[container.service]
        askable = service.health.probe is not None and container.running and bool(container.addresses)
        settled = service.name in self.passed or service.name in self.failed
        return askable and not settled and self._judge(container, answer=None) is WAITING

    def _watch_errors(self) -> None:
        """Note since when each container answers with an error of its own; say it once, early.

        While another service is waited for that may be what it calls, nothing is counted.
        """
        clock = self.context.ports.clock
        erring = {c.service for c in self.containers if errs(self.probed.get(c.id))}
        for container in self.containers:
            name, life = container.service, (container.id, container.started)
            others = {other for other in self.waiting if other != name} - erring
            if name not in erring or name in self.passed or others:
                self.erring.pop(life, None)
                continue
            since = self.erring.setdefault(life, clock.monotonic())
            if name not in self.told and clock.monotonic() - since >= EARLY:
                self.told.add(name)
                words = f"{asks(self.services[name])} is answered with {self.probed[container.id].words}"
                self.context.reporter.watch(Message("warning", f"{self.side}/{name} runs, and {words}"))

    async def _trouble(self, name: str) -> Unhealthy | None:
        """Return why *name* can't pass the gate any more, None where it still may, or has."""
        context, side, service = self.context, self.side, self.services[name]
        mine = [container for container in self.containers if container.service == name]
        if len(mine) < service.replicas:
            return _missing(side, service, len(mine))
        for container in mine:
            verdict = self._judge(container, answer=None)
            if verdict.standing == "failed":
                up = self.release if container.running else None  # what ended by itself says why
                return await failure(context, side, container, verdict.why, services=up)
            broken = self._broken(container)
            if broken:
                return await failure(context, side, container, broken, services=self.release)
        if self.passed.get(name, self._lives(name)) != self._lives(name):
            return await failure(context, side, mine[0], "ended by itself after it had passed the gate")
        return None

    def _broken(self, container: Container) -> str:
        """Return what *container* has answered for too long, unless more time was asked for; "" for nothing."""
        since, probed = self.erring.get((container.id, container.started)), self.probed.get(container.id)
        if since is None or probed is None or self.context.stack.settings.health_asked:
            return ""
        service, seconds = self.services[container.service], Seconds(self.context.ports.clock.monotonic() - since)
        if not is_broken(service, probed, seconds):
            return ""
        return f"has answered {asks(service)} with an error for {seconds:.0f} s, at last {probed.words}"

    def _stands(self, name: str, answers: Mapping[str, Probed]) -> bool:
        """Tell whether all replicas of *name* are through the gate, by what their probes have just come to."""
        mine = [container for container in self.containers if container.service == name]
        verdicts = [self._judge(each, answer=each.id in answers and answers[each.id].passed) for each in mine]
        return len(mine) >= self.services[name].replicas and all(v.standing == "passed" for v in verdicts)

    async def _pass(self, name: str) -> None:
        """Let *name* through, and start at once what waited for it."""
        if name in self.passed:
            return
        self.passed[name] = self._lives(name)
        self.context.reporter.tell(self.side, name, "healthy")
        await self._start_ready()

    def _lives(self, name: str) -> Lives:
        """Return the lives that the containers of *name* live now."""
        return frozenset((c.id, c.started) for c in self.containers if c.service == name and c.running)

    def _judge(self, container: Container, *, answer: bool | None) -> Verdict:
        """Judge one container; one that passed before is only asked whether it is hopeless."""
        service = self.services[container.service]
        verdict = judge_container(
            service, container, answers=answer, now=Moment(container.started + self._age(service, container))
        )
        return PASSED if service.name in self.passed and verdict.standing != "failed" else verdict

    def _age(self, service: Service, container: Container) -> Seconds:
        """Return for how many seconds *container* has run: a wall clock that jumps makes it neither older nor younger.

        What ran before the gate has looked counts as far as steadiness asks, and no further.
        """
        clock, life = self.context.ports.clock, (container.id, container.started)
        if life not in self.since:
            before = min(max(0.0, clock.now() - container.started), service.health.min_healthy_time)
            self.since[life] = clock.monotonic() - before
        return Seconds(clock.monotonic() - self.since[life])

    async def _probe(self, container: Container) -> Probed:
        """Ask the service's probe over the network."""
        probe = self.services[container.service].health.probe
        assert probe is not None, "only those with a probe are asked"
        return await self.context.ports.engine.probe(next(iter(container.addresses.values())), probe)

    async def _fail_late(self, end: float) -> None:
        """Fail what has not passed in its time; where each is forgiven, that begins with its own start."""
        now, limit = self.context.ports.clock.monotonic(), self.context.stack.settings.health_timeout
        if self.forgive is None:
            if now >= end:
                raise await self._timed_out(self.waiting[0])
            return
        for name in self.waiting:
            if name not in self.failed and now - self.begun.get(name, now) >= limit:
                await self._fail(name, await self._timed_out(name))

    async def _timed_out(self, name: str) -> Unhealthy:
        """Return the error for *name*, which has not passed when the time is over."""
        await self._look()
        seconds = self.context.stack.settings.health_timeout
        container = next((c for c in self.containers if c.service == name), None)
        why = timeout_reason(
            self.services[name], container, seconds, self.probed.get(container.id) if container else None
        )
        if name not in self.begun:
            why = f"waited {seconds:.0f} s for {', '.join(self.services[name].depends_on)} and was never started"
        if container is None:
            return Unhealthy(f"{self.side}/{name} {why}", hint="deploy again")
        error = await failure(self.context, self.side, container, why, services=self.release)
        late = await self._late(name)
        if late:
            needs = f"`routes: {{{name}: {{needs: [{late[0]}]}}}}` in teal.yml"
            error.hint += f"; workers start after the switch: if {name} waits for {' or '.join(late)}, say so: {needs}"
        return error

    async def _late(self, name: str) -> tuple[str, ...]:
        """Return the workers that the route *name* may wait for, and that start after the switch."""
        if self.services[name].role is not Role.ROUTE:
            return ()
        late = frozenset(s.name for s in self.release.values() if s.role is Role.WORKER and not s.before_switch)
        up = {container.service for container in await self.context.containers(self.side, late) if container.running}
        return tuple(sorted(late - up))


async def start(
    context: RunContext, side: Side, release: ReleaseId | None, names: Iterable[str], *, beside: Iterable[str] = ()
) -> bool:
    """Start *names* on *side* and return once all have passed the gate; tell whether they all had before.

    *beside* are started, too, each when its dependencies allow, and nobody waits for them. Raises ``Unhealthy`` as soon
    as one of *names* can't pass any more, or when the timeout is over.
    """
    return await _gate(context, side, release, names, frozenset(beside)).through()


async def start_each(
    context: RunContext,
    side: Side,
    release: ReleaseId | None,
    names: Iterable[str],
    *,
    before: Before,
    forgive: Forgive,
) -> bool:
    """Start *names* on *side*, all waited for at once; one that fails is told to *forgive*, and the others go on.

    *before* each is started it is told to that. Return whether all had passed the gate before.
    """
    gate = _gate(context, side, release, names, frozenset())
    gate.before, gate.forgive = before, forgive
    return await gate.through()


def _gate(
    context: RunContext, side: Side, release: ReleaseId | None, names: Iterable[str], beside: frozenset[str]
) -> _Gate:
    wanted = frozenset(names) | beside
    every = {s.name: s for s in context.services(release)}
    return _Gate(context, side, {name: s for name, s in every.items() if name in wanted}, every, beside)


async def failed_since_gate(
    context: RunContext, side: Side, release: ReleaseId | None, names: Iterable[str]
) -> Unhealthy | None:
    """Return the error for the first of *names* that passed the gate and no longer stands; None where all stand."""
    wanted = frozenset(names)
    services = {service.name: service for service in context.services(release) if service.name in wanted}
    found = await context.containers(side, wanted)
    for service in services.values():
        if (there := sum(c.service == service.name for c in found)) < service.replicas:
            return _missing(side, service, there)
    for container in found:
        verdict = judge_container(
            services[container.service], container, answers=None, now=container.started
        )  # no time matters
        if verdict.standing == "failed":
            return await failure(context, side, container, verdict.why)
    return None


def _missing(side: Side, service: Service, there: int) -> Unhealthy:
    """Return the error for a service whose containers somebody has removed: nobody makes them again."""
    what = f"only {there} of its {service.replicas} containers" if there else "no container"
    return Unhealthy(f"{side}/{service.name} has {what}: somebody removed it")


async def _listen(context: RunContext, stirred: asyncio.Event) -> None:
    """Set *stirred* whenever the engine reports something about the stack; polling goes on without it."""
    stirred.set()
    with suppress(Exception):  # a stream that breaks costs only speed: the polls still see everything
        async for _ in context.ports.engine.events(context.stack.project):
            stirred.set()

"""Does: starts services in the order that their dependencies ask for, and holds them at the gate."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field

from teal.core.gate import PASSED, WAITING, Verdict, judge, patience
from teal.core.observed import Container
from teal.core.order import waits_for
from teal.core.side import Side
from teal.core.stack import Service
from teal.errors import Unhealthy
from teal.run import lives
from teal.run.scene import Scene

GLANCE = 0.15  # seconds between two probes over the network while a service boots
TAIL = 20  # log lines shown of a service that fails


Lives = frozenset[tuple[str, float]]  # container and start: one that was started again has another life


@dataclass(slots=True)
class _Gate:
    """The services that are being started on one side, and which of them have passed."""

    scene: Scene
    side: Side
    services: Mapping[str, Service]
    passed: dict[str, Lives] = field(default_factory=dict)
    begun: set[str] = field(default_factory=set)
    started: set[str] = field(default_factory=set)  # containers that this gate has started
    containers: tuple[Container, ...] = ()
    since: dict[tuple[str, float], float] = field(default_factory=dict)  # container, its start -> monotonic


async def start(scene: Scene, side: Side, release: int | None, names: Iterable[str]) -> bool:
    """Start *names* on *side* and return once all have passed the gate; tell whether they all had before.

    Raises ``Unhealthy`` as soon as one of them can't pass any more, or when the timeout is over.
    """
    wanted = frozenset(names)
    services = {s.name: s for s in scene.services(release) if s.name in wanted}
    gate = _Gate(scene, side, services)
    stirred = asyncio.Event()
    listener = asyncio.create_task(_listen(scene, stirred))
    try:
        return await _run(gate, stirred)
    finally:
        listener.cancel()
        with suppress(asyncio.CancelledError):
            await listener


async def _run(gate: _Gate, stirred: asyncio.Event) -> bool:
    """Look, start, judge and wait, until all have passed."""
    settings, clock = gate.scene.stack.settings, gate.scene.ports.clock
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
        if len(gate.passed) == len(gate.services):
            return fresh
        if clock.monotonic() >= end:
            raise await _out_of_patience(gate)
        with suppress(TimeoutError):
            async with asyncio.timeout(_glance(gate)):
                await stirred.wait()


def _glance(gate: _Gate) -> float:
    """Return how long to wait for an event before the next look, in seconds."""
    waiting = [service for name, service in gate.services.items() if name not in gate.passed]
    if any(service.health.probe for service in waiting):
        return GLANCE
    return min(gate.scene.stack.settings.health_interval, 0.5)


async def _look(gate: _Gate) -> None:
    gate.containers = await gate.scene.containers(gate.side, frozenset(gate.services))


async def _start_ready(gate: _Gate) -> bool:
    """Start what nothing holds back any more, wave after wave; return whether all of it ran already."""
    fresh = True
    while wave := {name for name in gate.services if name not in gate.begun and _free(gate, name)}:
        ready = [container for container in gate.containers if container.service in wave and not container.running]
        await _begin(gate, ready)
        gate.begun |= wave
        fresh = fresh and not ready
    if not fresh:
        await _look(gate)
    return fresh


async def _begin(gate: _Gate, containers: Iterable[Container]) -> None:
    """Start *containers*."""
    for container in containers:
        gate.scene.tell(gate.side, container.service, "starting")
        gate.started.add(container.id)
    await asyncio.gather(*(lives.begin(gate.scene, each, gate.services[each.service]) for each in containers))


async def _start_ended(gate: _Gate) -> None:
    """Start what ran when the gate opened and has ended since: a killed command's stop may have been under way."""
    ended = [c for c in gate.containers if c.service in gate.begun and c.state == "exited"]
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
    """Judge every container that was begun; raise for the first one that is hopeless."""
    answers = await _asked(gate)
    standing = [name for name in sorted(gate.begun) if await _stands(gate, name, answers)]
    for name in standing:
        await _pass(gate, name)


async def _asked(gate: _Gate) -> dict[str, bool]:
    """Ask the probes of all that wait for one, at once, over the network; return what each container answered."""
    due = [each for each in gate.containers if each.service in gate.begun and _is_asked(gate, each)]
    answers = await asyncio.gather(*(_answers(gate, each) for each in due)) if due else ()
    return {container.id: answer for container, answer in zip(due, answers, strict=True)}


def _is_asked(gate: _Gate, container: Container) -> bool:
    """Tell whether the answer to its service's probe would decide."""
    service = gate.services[container.service]
    askable = service.health.probe is not None and container.running and bool(container.addresses)
    return askable and service.name not in gate.passed and _judge(gate, container, answer=None) is WAITING


async def _stands(gate: _Gate, name: str, answers: Mapping[str, bool]) -> bool:
    """Tell whether all replicas of *name* are through the gate; raise where one can't be any more."""
    mine = [container for container in gate.containers if container.service == name]
    if len(mine) < gate.services[name].replicas:
        raise _missing(gate.side, gate.services[name], len(mine))
    verdicts = [_judge(gate, each, answer=answers.get(each.id)) for each in mine]
    for container, verdict in zip(mine, verdicts, strict=True):
        if verdict.standing == "failed":
            raise await failure(gate.scene, gate.side, container, verdict.why)
    if gate.passed.get(name, _lives(gate, name)) != _lives(gate, name):
        raise await failure(gate.scene, gate.side, mine[0], "ended by itself after it had passed the gate")
    return all(v.standing == "passed" for v in verdicts)


async def _pass(gate: _Gate, name: str) -> None:
    """Let *name* through, and start at once what waited for it."""
    if name in gate.passed:
        return
    gate.passed[name] = _lives(gate, name)
    gate.scene.tell(gate.side, name, "healthy")
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
    clock, life = gate.scene.ports.clock, (container.id, container.started)
    if life not in gate.since:
        before = min(max(0.0, clock.now() - container.started), service.health.steady)
        gate.since[life] = clock.monotonic() - before
    return clock.monotonic() - gate.since[life]


async def _answers(gate: _Gate, container: Container) -> bool:
    """Ask the service's probe over the network."""
    probe = gate.services[container.service].health.probe
    assert probe is not None, "only those with a probe are asked"
    return await gate.scene.ports.engine.listening(next(iter(container.addresses.values())), probe)


async def fallen(scene: Scene, side: Side, release: int | None, names: Iterable[str]) -> Unhealthy | None:
    """Return the error for the first of *names* that passed the gate and no longer stands; None where all stand."""
    wanted = frozenset(names)
    services = {service.name: service for service in scene.services(release) if service.name in wanted}
    found = await scene.containers(side, wanted)
    for service in services.values():
        if (there := sum(c.service == service.name for c in found)) < service.replicas:
            return _missing(side, service, there)
    for container in found:
        verdict = judge(services[container.service], container, answers=None, now=container.started)  # no time matters
        if verdict.standing == "failed":
            return await failure(scene, side, container, verdict.why)
    return None


def _missing(side: Side, service: Service, there: int) -> Unhealthy:
    """Return the error for a service whose containers somebody has removed: nobody makes them again."""
    what = f"only {there} of its {service.replicas} containers" if there else "no container"
    return Unhealthy(
        f"{side}/{service.name} has {what}: somebody removed it", hint="the active release was not touched"
    )


async def failure(scene: Scene, side: Side, container: Container, why: str) -> Unhealthy:
    """Return the error that names the service, why it failed, and its last log lines."""
    scene.tell(side, container.service, "failed")
    detail = await last_words(scene, (container,))
    return Unhealthy(f"{side}/{container.service} {why}", detail=detail, hint="the active release was not touched")


async def last_words(scene: Scene, containers: Iterable[Container]) -> str:
    """Return the last log lines of each of *containers*."""
    said = []
    for container in containers:
        log = await scene.ports.engine.logs(container.id, lines=TAIL)
        said.append(
            f"{container.name}, last log lines:\n{log.rstrip()}" if log.strip() else f"{container.name} logged nothing"
        )
    return "\n".join(said)


async def _out_of_patience(gate: _Gate) -> Unhealthy:
    """Return the error for the first service that has not passed when the time is over."""
    await _look(gate)
    seconds = gate.scene.stack.settings.health_timeout
    name = next(name for name in gate.services if name not in gate.passed)
    container = next((c for c in gate.containers if c.service == name), None)
    why = patience(gate.services[name], container, seconds)
    if name not in gate.begun:
        why = f"waited {seconds:.0f} s for {', '.join(gate.services[name].after)} and was never started"
    if container is None:
        return Unhealthy(f"{gate.side}/{name} {why}", hint="deploy again")
    return await failure(gate.scene, gate.side, container, why)


async def _listen(scene: Scene, stirred: asyncio.Event) -> None:
    """Set *stirred* whenever the engine reports something about the stack; polling goes on without it."""
    stirred.set()
    with suppress(Exception):  # a stream that breaks costs only speed: the polls still see everything
        async for _ in scene.ports.engine.events(scene.stack.project):
            stirred.set()

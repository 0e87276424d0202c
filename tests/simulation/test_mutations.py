"""Each promise's watch is alive: a deliberate bug, in the planner, in run/ or in an adapter, is caught by name."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from msgspec import structs

from teal.core.model.observed import Observed
from teal.core.model.side import COLORS, Side, key_of
from teal.core.model.stack import Role, Service, Stack
from teal.core.model.traffic import to
from teal.core.planning import past, plan, transition
from teal.core.planning.steps import Retire
from teal.core.rendering import service
from teal.core.rendering.networks import attached, joined
from teal.run import recovery
from teal.run.commands import cleanup, deploy, services, status
from teal.run.context import Ports
from teal.run.observe import observe, observe_beside
from teal.run.steps import checks, handover, shared, start, traffic
from teal.run.steps import release as release_steps
from tests.simulated import Behaviour, MemoryLock
from tests.simulation import promises, simulation
from tests.simulation.simulation import Simulation

Patch = pytest.MonkeyPatch
Play = Callable[[Simulation], None]


def deploys(world: Simulation) -> None:
    for setting in ("b", "c"):
        world.new_source(setting)
        world.run("deploy")
        world.run("status")


def comes_back(world: Simulation) -> None:
    deploys(world)
    world.run("cleanup")
    world.run("rollback")


def two_at_once(world: Simulation) -> None:
    world.new_source()
    one = world.begin("deploy")
    world.sleep(2.0)
    world.run("deploy")
    world.finish(one)


def killed(world: Simulation) -> None:
    world.new_source()
    task = world.begin("deploy")
    world.sleep(6.0)
    world.kill(task)
    world.run("up")
    world.promises.settled("up")


def never_healthy(world: Simulation) -> None:
    version = world.new_source()
    world.world.behaviours["api", version] = Behaviour(healthy=False, gives_up=1e6)
    world.run("deploy")


def leaves(world: Simulation) -> None:
    deploys(world)
    world.run("rollback")
    assert world.run("leave").ok


def taken_back(world: Simulation) -> None:
    version = world.new_source()
    world.world.behaviours["web", version] = Behaviour(mute_for_users=True)
    world.run("deploy")
    deploys(world)


def retired_before_the_drain(patch: Patch) -> None:
    after = plan._after_switch

    def retire_first(*change: Any) -> Any:
        return tuple(sorted(after(*change), key=lambda each: not isinstance(each.step, Retire)))

    patch.setattr(plan, "_after_switch", retire_first)


def plain_names_for_everybody(patch: Patch) -> None:
    def twice(name: str, *rest: Any) -> Any:
        return {joined("default"): {"aliases": [name]}}

    patch.setattr(service, "attached", twice)


def no_gate(patch: Patch) -> None:
    async def begin(context: Any, side: Side, _: Any, names: Any, **__: Any) -> bool:
        for container in await context.containers(side, frozenset(names)):
            await context.ports.engine.start(container.id)
        return False

    async def check(*_: Any) -> None: ...

    patch.setattr(start, "start", begin)
    patch.setattr(checks, "check", check)


def jobs_before_the_switch(patch: Patch) -> None:
    patch.setattr(
        Service, "before_switch", property(lambda self: self.role.rotates and self.role is not Role.SINGLETON)
    )


def two_singletons(patch: Patch) -> None:
    async def stop_old(*_: Any) -> tuple[()]:
        return ()

    patch.setattr(handover, "_stop_old", stop_old)


def onto_the_active_color(patch: Patch) -> None:
    patch.setattr(transition, "target_of", lambda _, source: source if source in COLORS else Side.BLUE)


def images_by_name(patch: Patch) -> None:
    pinned = release_steps.images

    async def images(context: Any, services: Any) -> Any:
        names = {service.name: service.image for service in services}
        return {
            name: structs.replace(image, id=names[name]) for name, image in (await pinned(context, services)).items()
        }

    patch.setattr(release_steps, "images", images)


def database_restarted(patch: Patch) -> None:
    async def start_shared(context: Any, names: Any) -> bool:
        for container in await context.containers(Side.PLAIN, frozenset({"db"})):
            await context.ports.engine.stop(container.id, grace=1.0)
            await context.ports.engine.start(container.id)
        return False

    patch.setattr(shared, "start_shared", start_shared)


def no_lock(patch: Patch) -> None:
    @contextmanager
    def hold(*_: Any) -> Iterator[None]:
        yield

    patch.setattr(MemoryLock, "hold", hold)


def status_by_memory(patch: Patch) -> None:
    async def observe(ports: Any, stack: Any) -> Any:
        observed, holder = await observe_beside(ports, stack)
        return replace(observed, traffic=to(Side.BLUE)), holder

    patch.setattr(status, "observe_beside", observe)


def talkative(patch: Patch) -> None:
    build = release_steps.build

    async def told(context: Any, *rest: Any) -> bool:
        context.reporter.note(str(context.stack.models[Side.PLAIN]))
        return await build(context, *rest)

    patch.setattr(release_steps, "build", told)


def every_switch_counts(patch: Patch) -> None:
    patch.setattr(past.Turn, "serving", property(lambda self: self.switched is not None))


def tags_as_they_stand(patch: Patch) -> None:
    async def put_back(*_: Any) -> bool:
        return True

    patch.setattr(release_steps, "put_back", put_back)


def no_healing(patch: Patch) -> None:
    async def heal(ports: Ports, stack: Stack, *_: Any, **__: Any) -> tuple[str, Observed]:
        return "", await observe(ports, stack)

    for module in (recovery, deploy, cleanup, services):
        patch.setattr(module, "heal", heal)


def both_names(patch: Patch) -> None:
    def twice(name: str, *rest: Any) -> Any:
        both = {"aliases": [key_of(name, color) for color in COLORS]}
        return attached(name, *rest) | {joined("default"): both}

    patch.setattr(service, "attached", twice)


def endless_wait(patch: Patch) -> None:
    async def wait(*_: Any) -> None:
        await asyncio.Event().wait()

    patch.setattr(start._Gate, "_timed_out", wait)


def a_bug(patch: Patch) -> None:
    def record_active(*_: Any) -> bool:
        raise ValueError("a bug")

    patch.setattr(traffic, "record_active", record_active)


MUTATIONS: list[tuple[Callable[[Patch], None], Play, str]] = [
    (retired_before_the_drain, deploys, "lost"),
    (plain_names_for_everybody, deploys, "mixed"),
    (no_gate, deploys, "gate"),
    (jobs_before_the_switch, deploys, "job"),
    (two_singletons, deploys, "singletons"),
    (onto_the_active_color, deploys, "touched"),
    (images_by_name, comes_back, "exact"),
    (database_restarted, deploys, "shared"),
    (no_lock, two_at_once, "alone"),
    (status_by_memory, deploys, "status"),
    (talkative, deploys, "secret"),
    (every_switch_counts, taken_back, "offered"),
    (tags_as_they_stand, leaves, "left"),
    (no_healing, killed, "settled"),
    (a_bug, deploys, "traceback"),
    (both_names, deploys, "early"),
    (endless_wait, never_healthy, "hangs"),
]


@pytest.mark.parametrize(("mutate", "play", "promise"), MUTATIONS)
def test_a_deliberate_bug_is_caught(
    mutate: Callable[[Patch], None], play: Play, promise: str, monkeypatch: Patch
) -> None:
    def played() -> set[str]:
        world = Simulation()
        world.plain_up()
        world.users.flow()
        world.run("deploy")
        play(world)
        broken = {each.partition("]")[0].removeprefix("[") for each in world.promises.violations}
        world.close()
        return broken

    assert played() == set()
    mutate(monkeypatch)
    assert promise in played()


def test_every_promise_has_its_bug() -> None:
    sources = (Path(str(module.__file__)).read_text(encoding="utf-8") for module in (promises, simulation))
    named = {name for source in sources for name in re.findall(r'broken\(\s*"(\w+)"', source)}
    assert named == {promise for _, _, promise in MUTATIONS}

"""Does: preflight, and the making of a release: build or pull, pin, render, keep."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from teal.core.preflight import Room, check_room
from teal.core.roles import Role
from teal.core.side import Side
from teal.core.stack import Service, Stack
from teal.errors import Refused
from teal.run import traffic
from teal.run.changing import repository
from teal.run.scene import Scene


async def preflight(scene: Scene, source: Side | None, *, force_memory: bool) -> bool:
    """Refuse what can't end well: no room for a second color, a proxy that doesn't read the state file."""
    running = [c.id for c in await scene.containers(source) if c.running] if source else []
    used = await scene.ports.engine.memory(running)
    total, available = scene.ports.machine.memory()
    room = Room(total, available, used, scene.ports.machine.disk())
    for warning in check_room(room, force_memory=force_memory):
        scene.note(warning, warning=True)
    if not scene.stack.proxy:
        raise Refused(
            "the stack has no proxy that Teal could switch", hint="`teal check` prints a Caddy service to add"
        )
    await traffic.prove_reading(scene)
    return False


async def build(scene: Scene, names: tuple[str, ...], pull: tuple[str, ...]) -> bool:
    """Build *names*, pull *pull*, and pull what is neither built nor there."""
    for name in names:
        scene.tell(Side.PLAIN, name, "building")
    if names:
        await scene.ports.compose.build(names, told=scene.tool)
    for name in names:
        scene.tell(Side.PLAIN, name, "built")
    missing = [s.name for s in pinned(scene.stack) if s.name not in names and not await _present(scene, s)]
    wanted = tuple(dict.fromkeys([*pull, *missing]))
    for name in wanted:
        scene.tell(Side.PLAIN, name, "pulling")
    if wanted:
        await scene.ports.compose.pull(wanted, told=scene.tool)
    return not names and not wanted


def pinned(stack: Stack) -> tuple[Service, ...]:
    """Return the services whose images a release pins."""
    return (*stack.rotating, *stack.having(Role.ONE_SHOT))


async def _present(scene: Scene, service: Service) -> bool:
    return await scene.ports.engine.image(service.image) is not None


async def image_ids(scene: Scene, services: Iterable[Service]) -> dict[str, str]:
    """Return service -> image id as the engine has them now; raise ``Refused`` where one is missing."""
    services = tuple(services)
    found = await asyncio.gather(*(scene.ports.engine.image(service.image) for service in services))
    ids: dict[str, str] = {}
    for service, image in zip(services, found, strict=True):
        if image is None:
            raise Refused(
                f"the image of {service.name} ({service.image}) is not there",
                hint="deploy without --no-build, or pull it; the active release was not touched",
            )
        ids[service.name] = image.id
    return ids


async def keep(scene: Scene, number: int, side: Side) -> bool:
    """Pin the images under Teal's tags and write the release: both renderings, its files, its record."""
    ids = await image_ids(scene, pinned(scene.stack))
    project = scene.stack.project
    tags = [(ids[name], repository(project, name), str(number)) for name in ids]
    await asyncio.gather(*(scene.ports.engine.tag(*each) for each in tags))
    raise NotImplementedError

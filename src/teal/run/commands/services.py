"""Does: what a person does to a side by hand: restart or stop services of it, take the whole stack's colors down."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from teal.core.model.observed import Container
from teal.core.model.side import COLORS, Side
from teal.core.model.stack import Service, Stack
from teal.core.planning.cleanup import plan_down
from teal.errors import ConfigError, Refused, TealError
from teal.run.api import ByHand
from teal.run.context import Scene
from teal.run.execute import execute
from teal.run.observing import observe
from teal.run.ports import Ports, Watch
from teal.run.steps import containers, lifecycle, start


async def restart(ports: Ports, stack: Stack, side: Side, names: Sequence[str], watch: Watch, *, cut: bool) -> ByHand:
    """Restart services of the color *side*, one container after the other, each waited for.

    Raises ``Refused`` where users would be cut off meanwhile, unless *cut* accepts that.
    """
    with ports.lock.hold("restart"):
        scene = _scene(ports, stack, watch)
        found, services = await _meant(scene, side, names)
        serves = await _serves(scene, side)
        lone = _lone(found, services) if serves else ()
        if lone and not cut:
            raise Refused(
                f"{', '.join(lone)} on {side} serve{'s' * (len(lone) == 1)} users and would be away meanwhile",
                hint="`teal deploy --force` replaces it without a gap; `--yes` restarts it all the same",
            )
        for container in found:
            try:
                await _again(scene, side, container, services[container.service])
            except TealError as error:
                noticed = f"users on {side} miss it" if serves else f"no users are on {side}"
                error.hint = f"{container.service} was stopped for this, and {noticed}; `teal logs {container.service}`"
                raise
        return ByHand(stack.project, "restart", side, tuple(dict.fromkeys(c.service for c in found)))


async def _again(scene: Scene, side: Side, container: Container, service: Service) -> None:
    """Stop *container* and start it again; return once its service has passed the gate."""
    scene.tell(side, service.name, "stopping")
    await lifecycle.end(scene, container, service, grace=service.grace)
    await start.start(scene, side, container.release, (service.name,))


async def stop(ports: Ports, stack: Stack, side: Side, names: Sequence[str], watch: Watch, *, cut: bool) -> ByHand:
    """Stop services of the color *side*, each with its own grace; ``Refused`` where they serve, unless *cut*."""
    with ports.lock.hold("stop"):
        scene = _scene(ports, stack, watch)
        found, services = await _meant(scene, side, names)
        serving = [name for name, service in services.items() if service.opens]
        if serving and not cut and await _serves(scene, side):
            raise Refused(
                f"{', '.join(serving)} on {side} serve{'s' * (len(serving) == 1)} users",
                hint="`--yes` stops it all the same; `teal leave` and `teal down` end the whole color",
            )
        await containers.retire(scene, side, services)
        return ByHand(stack.project, "stop", side, tuple(dict.fromkeys(c.service for c in found)))


async def down(ports: Ports, stack: Stack, watch: Watch) -> ByHand:
    """Remove both colors, volumes excepted, and forget which one was active; the shared services stay."""
    with ports.lock.hold("down"):
        while (unfinished := ports.journal.unfinished()) is not None:
            ports.journal.end(unfinished.run, "aborted", "the stack was taken down")
        observed = await observe(ports, stack)
        run = ports.journal.begin("down", observed.active, None, None)
        await execute(plan_down(observed), _scene(ports, stack, watch), run)
        services = {c.service: None for color in COLORS for c in observed.on(color)}
        return ByHand(stack.project, "down", observed.active, tuple(services))


def _scene(ports: Ports, stack: Stack, watch: Watch) -> Scene:
    return Scene(ports, stack, watch, key=ports.machine.secret())


async def _serves(scene: Scene, side: Side) -> bool:
    """Tell whether users are sent to *side* now."""
    traffic = scene.ports.proxy.read()
    return traffic is not None and traffic.side is side


async def _meant(scene: Scene, side: Side, names: Iterable[str]) -> tuple[tuple[Container, ...], dict[str, Service]]:
    """Return the containers of *names* (of all, where none is named) on *side*, and the services that they are."""
    every = await scene.containers(side)
    known = {container.service for container in every}
    wanted = tuple(names) or tuple(sorted(known))
    for name in wanted:
        if name not in known:
            raise ConfigError(f"nothing called {name} stands on {side}", hint=f"there are: {_listed(known)}")
    found = tuple(container for container in every if container.service in wanted)
    numbers = {container.release for container in found}
    services = {s.name: s for number in numbers for s in scene.services(number) if s.name in wanted}
    return found, services


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "none"


def _lone(containers: Iterable[Container], services: dict[str, Service]) -> tuple[str, ...]:
    """Return the services that users need and of which no second container would go on meanwhile."""
    running = [container.service for container in containers if container.running]
    return tuple(name for name, service in services.items() if service.opens and running.count(name) == 1)

"""Does: what happens once: shared services, one-shots, singletons that change hands, the owner's hooks."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from teal.core.choices import BEFORE_SWITCH, Moment
from teal.core.names import one_shot_name
from teal.core.observed import Container
from teal.core.side import Side, once_project
from teal.core.stack import GRACE, Hook
from teal.errors import CheckFailed, Failed, Refused, TealError, Unhealthy
from teal.run import lives
from teal.run.observing import observe
from teal.run.outdated import outdated
from teal.run.scene import Scene
from teal.run.starting import TAIL, start


class _Last:
    """Shows what a command of the owner's says, line by line as it comes, and keeps the last lines."""

    def __init__(self, scene: Scene) -> None:
        self._scene = scene
        self._lines: deque[str] = deque(maxlen=TAIL)

    def __call__(self, line: str) -> None:
        self._lines.append(line)
        self._scene.tool(line)

    @property
    def text(self) -> str:
        """Return the last lines."""
        return "\n".join(self._lines)


async def start_shared(scene: Scene, names: Iterable[str]) -> bool:
    """Create and start the shared services that don't run; wait for the health of those that have a check."""
    wanted = frozenset(names)
    found = {c.service: c for c in await scene.containers(Side.PLAIN, wanted)}
    absent = tuple(name for name in names if name not in found or not found[name].running)
    if not absent:
        return True
    await refuse_outdated(scene)
    for name in absent:
        scene.tell(None, name, "starting")
    await scene.ports.compose.up_shared(absent, update=False, told=scene.tool)
    await _await_shared(scene, frozenset(absent))
    return False


async def refuse_outdated(scene: Scene) -> None:
    """Raise ``Refused`` where Compose, told to start anything, would first take a network of the stack down."""
    found = await outdated(scene.ports, scene.stack, await observe(scene.ports, scene.stack), sorted(scene.shared()))
    for name in found.networks:
        raise Refused(
            f"the network {name} is defined otherwise now: to make it anew, Compose stops what runs on it first, and "
            "can't remove it while a color is on it",
            hint="take the change of `networks` back, or take the stack down for it: `teal down`, then `teal deploy`",
        )


async def _await_shared(scene: Scene, names: frozenset[str]) -> None:
    """Wait until no shared service of *names* is starting any more."""
    clock = scene.ports.clock
    end = clock.monotonic() + scene.stack.settings.health_timeout
    while True:
        found = await scene.containers(Side.PLAIN, names)
        bad = next((c for c in found if c.health == "unhealthy" or c.state in {"exited", "dead"}), None)
        if bad is not None:
            log = await scene.ports.engine.logs(bad.id, lines=20)
            raise Unhealthy(
                f"the shared service {bad.service} is {bad.state}, {bad.health}", detail=log, hint="mend it first"
            )
        if found and all(c.running and c.health in {"healthy", "none"} for c in found):
            break
        if clock.monotonic() > end:
            raise Unhealthy(f"the shared services are not ready: {', '.join(sorted(names))}", hint="`teal status`")
        await clock.sleep(0.25)
    for container in found:
        scene.tell(None, container.service, "healthy")


async def run_once(scene: Scene, service: str, release: int) -> bool:
    """Run one-shot *service* of *release*, unless the journal knows that it ended well."""
    if scene.ports.journal.ran_once(service, release):
        return True
    side = scene.release(release).side
    file = scene.ports.releases.once(release)
    project = once_project(scene.stack.project)
    name = one_shot_name(scene.stack.project, service, release)
    scene.tell(side, service, "running")
    last = _Last(scene)
    status = await scene.ports.compose.run_once(project, file, service, name=name, told=last)
    if status != 0:
        raise Failed(
            f"one-shot {service} ended with status {status}",
            detail=last.text,
            hint="the active release was not touched",
        )
    return False


async def hand_over(scene: Scene, service: str, source: Side | None, to: Side, release: int | None) -> bool:
    """Stop singleton *service* wherever it runs but on *to*, start it there; undone where the new one isn't healthy.

    It may run on a third side: where an earlier release's own failed, the one before it went on.
    """
    others = {side: await scene.containers(side, frozenset({service})) for side in Side if side is not to}
    running = tuple(c for found in others.values() for c in found if c.alive)
    old = running or (others.get(source, ()) if source else ())
    for container in old:
        await _stop_singleton(scene, container)
    try:
        return await start(scene, to, release, (service,))
    except TealError as error:
        await _take_back(scene, service, _one_of(old, source), to, error)
        return False


def _one_of(old: tuple[Container, ...], source: Side | None) -> tuple[Container, ...]:
    """Return those of one side only, the source's if it can be: a hand may have started another one beside it."""
    first = min(old, key=lambda c: (c.side is not source, not c.running), default=None)
    return tuple(container for container in old if first is not None and container.side is first.side)


async def _stop_singleton(scene: Scene, container: Container) -> None:
    """Stop a singleton with the grace that its own release gives it."""
    services = {s.name: s for s in (*scene.stack.rotating, *scene.services(container.release))}
    await lives.end(scene, container, services[container.service], grace=services[container.service].grace)


async def _take_back(scene: Scene, service: str, old: tuple[Container, ...], to: Side, error: TealError) -> None:
    """Stop the new singleton, start the old one again, and leave the rest to a person."""
    for container in await scene.containers(to, frozenset({service})):
        await scene.ports.engine.stop(container.id, grace=GRACE)
    for container in old:
        await scene.ports.engine.start(container.id)
    scene.spared.add(service)
    scene.worries.append(f"{error.message}; the old {service} runs again")
    scene.note(f"{error.message}\n{error.detail}".rstrip(), warning=True)


async def follow(scene: Scene, side: Side, release: int | None, names: tuple[str, ...]) -> bool:
    """Start the workers after the switch; one that fails is stopped, and the old ones go on."""
    try:
        return await start(scene, side, release, names)
    except TealError as error:
        for container in await scene.containers(side, frozenset(names)):
            await scene.ports.engine.stop(container.id, grace=GRACE)
        scene.spared.update(names)
        scene.worries.append(f"{error.message}; the old {', '.join(names)} go on")
        scene.note(f"{error.message}\n{error.detail}".rstrip(), warning=True)
        return False


async def run_hooks(scene: Scene, when: Moment, facts: dict[str, str]) -> bool:
    """Run the owner's commands for *when*; before the switch a failure stops the deploy, later it worries."""
    for hook in scene.stack.hooks:
        if hook.when == when:
            await _run_hook(scene, hook, facts)
    return False


async def _run_hook(scene: Scene, hook: Hook, facts: dict[str, str]) -> None:
    last = _Last(scene)
    status = await scene.ports.machine.hook(hook.command, facts, told=last)
    if status == 0:
        return
    message = f"hook {hook.when} `{' '.join(hook.command)}` ended with status {status}"
    if hook.when in BEFORE_SWITCH:
        raise CheckFailed(message, detail=last.text, hint="the active release was not touched")
    scene.worries.append(message)
    scene.note(message, warning=True)

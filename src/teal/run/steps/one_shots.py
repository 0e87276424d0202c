"""Does: what happens once: shared services, one-shots, singletons that change hands, the owner's hooks."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable

from teal.core.choices import BEFORE_SWITCH, Moment
from teal.core.model.side import Side, once_project
from teal.core.model.stack import Hook
from teal.core.names import one_shot_name
from teal.errors import CheckFailed, Failed, Refused, Unhealthy
from teal.run.context import Scene
from teal.run.observe import outdated
from teal.run.observing import observe
from teal.run.steps.evidence import TAIL


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
        )
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
        raise CheckFailed(message, detail=last.text)
    scene.worries.append(message)
    scene.note(message, warning=True)

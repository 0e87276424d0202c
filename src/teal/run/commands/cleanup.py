"""Does: cleanup removes what no longer serves; up starts or updates shared services, never a color."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from teal.core.checks.host_ports import refuse_held
from teal.core.model.observed import Observed
from teal.core.model.side import Side
from teal.core.model.stack import Stack
from teal.core.model.traffic import PLAIN
from teal.core.planning.cleanup import plan_cleanup, refuse_unknown, removal, staying
from teal.core.planning.rollback_floor import freed
from teal.core.planning.steps import Plan
from teal.core.planning.wording import say
from teal.core.roles import Role
from teal.errors import ConfigError, TealError
from teal.run.api import Cleaned, Upped, UpPlan
from teal.run.context import Scene
from teal.run.execute import execute
from teal.run.observe import outdated
from teal.run.observing import observe
from teal.run.ports import Ports, Watch
from teal.run.proxy_restart import gap
from teal.run.recovery import heal
from teal.run.steps.one_shots import refuse_outdated, start_shared
from teal.run.steps.proxy import prove_reading


async def cleanup(ports: Ports, stack: Stack, watch: Watch, *, dry_run: bool) -> Cleaned:
    """Remove inactive containers, failed colors and releases beyond the policy; never what serves or is shared."""
    if dry_run:
        observed = await observe(ports, stack)
        return _cleaned(plan_cleanup(observed, stack), observed, stack, "planned")
    with ports.lock.hold("cleanup"):
        healed, observed = await heal(ports, stack, watch)
        refuse_unknown(observed)
        plan = plan_cleanup(observed, stack)
        if plan.steps:
            run = ports.journal.begin("cleanup", observed.active, None, None)
            await execute(plan, Scene(ports, stack, watch, key=ports.machine.secret()), run)
        return _cleaned(plan, observed, stack, "done", healed=healed)


def _cleaned(
    plan: Plan, observed: Observed, stack: Stack, outcome: Literal["done", "planned"], *, healed: str = ""
) -> Cleaned:
    gone = removal(plan, observed, stack)
    said = tuple(say(step) for step in plan.steps)
    notes = tuple(
        f"contract {name} waits for no older release any more: `teal migrate contract {name}`"
        for name in freed(observed, frozenset(gone.releases))
    )
    notes = (*staying(observed, stack), *notes)
    return Cleaned(stack.project, outcome, gone.containers, gone.releases, gone.networks, said, healed, notes)


def _named(stack: Stack, names: Sequence[str]) -> tuple[str, ...]:
    """Return the shared services that are meant; raise ``ConfigError`` for any other name."""
    shared = tuple(service.name for service in stack.having(Role.SHARED))
    for name in names:
        if name not in shared:
            raise ConfigError(f"{name} is not a shared service", hint=f"shared are: {', '.join(shared) or 'none'}")
    return tuple(names) or shared


async def plan_up(ports: Ports, stack: Stack, names: Sequence[str]) -> UpPlan:
    """Return what ``up`` of *names* would build, and, of what is running, restart by the images of now."""
    wanted = _named(stack, names)
    observed = await observe(ports, stack)
    running = {c.service for c in observed.on(Side.PLAIN, frozenset(wanted)) if c.running}
    changed = (await outdated(ports, stack, observed, wanted)).services
    due = tuple(name for name in changed if name in running)
    return UpPlan(_built(stack, wanted), due, await gap(ports, stack) if stack.proxy in due else None)


def _built(stack: Stack, names: Sequence[str]) -> tuple[str, ...]:
    return tuple(name for name in names if stack.service(name).builds)


async def build_shared(ports: Ports, stack: Stack, names: Sequence[str], watch: Watch) -> None:
    """Build those of the shared services *names* that have a build; what runs goes on with the image that it has."""
    wanted = _named(stack, names)
    with ports.lock.hold("up"):
        await _build(Scene(ports, stack, watch, key=""), _built(stack, wanted))


async def _build(scene: Scene, names: tuple[str, ...]) -> None:
    for name in names:
        scene.tell(None, name, "building")
    if names:
        await scene.ports.compose.build(names, told=scene.tool)
    for name in names:
        scene.tell(None, name, "built")


async def up(ports: Ports, stack: Stack, names: Sequence[str], watch: Watch, *, built: bool = False) -> Upped:
    """Start the shared services *names* (all where none is named), and update those that have changed.

    Those with a build are built first, unless that was just done: *built*.
    """
    wanted = _named(stack, names)
    with ports.lock.hold("up"):
        _, observed = await heal(ports, stack, watch)
        if not built:
            await _build(Scene(ports, stack, watch, key=""), _built(stack, wanted))
        before = observed.on(Side.PLAIN, frozenset(wanted))
        running = {c.service for c in before if c.running}
        changed = tuple((await outdated(ports, stack, observed, wanted)).services)
        scene = Scene(ports, stack, watch, key=ports.machine.secret())
        if observed.traffic is None:  # a proxy without a state file serves the plain names, and logs that it has none
            ports.proxy.write(PLAIN)
        if stack.proxy in (*changed, *(name for name in wanted if name not in running)):
            refuse_held(observed, stack)
        await refuse_outdated(scene)
        await _update(scene, changed)
        await start_shared(scene, wanted)
        old = {c.id for c in before}
        made = {c.service for c in await scene.containers(Side.PLAIN, frozenset(wanted)) if c.id not in old}
        started = tuple(name for name in wanted if name not in running)
        updated = tuple(name for name in wanted if name in running and name in made)
        if stack.proxy in (*started, *updated) and stack.evidence.routes:
            await _await_proxy(scene)
        untouched = tuple(name for name in wanted if name not in (*started, *updated))
        return Upped(stack.project, started, updated, untouched)


async def _update(scene: Scene, changed: tuple[str, ...]) -> None:
    """Make *changed* anew, the proxy last, with a short stop unless its definition gives it a time to stop."""
    compose, proxy = scene.ports.compose, scene.stack.proxy
    others = tuple(name for name in changed if name != proxy)
    if others:
        await compose.up_shared(others, update=True, told=scene.tool)
    if proxy in changed:
        found = await gap(scene.ports, scene.stack)
        grace = round(found.stop) if found is not None and not found.own else 0
        await compose.up_shared((proxy,), update=True, told=scene.tool, grace=grace)


async def _await_proxy(scene: Scene) -> None:
    """Wait until the proxy, just started, answers and reads the state file; say so where it doesn't."""
    try:
        await prove_reading(scene)
    except TealError as error:
        scene.note(f"{error.message}: {error.hint}", warning=True)

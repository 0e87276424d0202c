"""``restart``, ``stop`` and ``down``: what a person does to a side by hand; what a restart of the proxy costs users."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from teal.core.checks.host_ports import refuse_held
from teal.core.model.observed import Container, running_plain
from teal.core.model.side import COLORS, Side
from teal.core.model.stack import Role, Service, Stack
from teal.core.model.traffic import PLAIN
from teal.core.model.units import Seconds
from teal.core.planning.cleanup import plan_down
from teal.core.planning.step_names import Command
from teal.errors import ConfigError, Refused, TealError
from teal.run.api import Gap, ServiceResult, UpPlan, UpResult
from teal.run.context import EventSink, Ports, RunContext, run_context
from teal.run.execute import execute
from teal.run.observe import observe, outdated
from teal.run.recovery import heal
from teal.run.steps import containers, lifecycle, own_proxy, start
from teal.run.steps.prepare import refuse_outdated
from teal.run.steps.proxy import verify_proxy_reads_state
from teal.run.steps.shared import start_shared


async def restart(
    ports: Ports, stack: Stack, side: Side, names: Sequence[str], watch: EventSink, *, cut: bool
) -> ServiceResult:
    """Restart services of the color *side*, one container after the other, each waited for.

    Raises ``Refused`` where users would be cut off meanwhile, unless *cut* accepts that.
    """
    with ports.lock.hold("restart"):
        context = _context(ports, stack, watch)
        found, services = await _meant(context, side, names)
        serves = await _serves(context, side)
        if stack.strategy == "recreate" and not serves:
            raise Refused(
                f"no users are on {side}, and two releases must not run at once: data of this stack have one writer",
                hint="`teal rollback` brings the previous release back",
            )
        lone = _lone(found, services) if serves else ()
        if lone and not cut:
            raise Refused(
                f"{', '.join(lone)} on {side} serve{'s' * (len(lone) == 1)} users and would be away meanwhile",
                hint="`teal deploy --force` replaces it without a gap; `--yes` restarts it anyway",
            )
        for container in found:
            try:
                await _again(context, side, container, services[container.service])
            except TealError as error:
                noticed = f"users on {side} miss it" if serves else f"no users are on {side}"
                error.hint = f"{container.service} was stopped for this, and {noticed}; `teal logs {container.service}`"
                raise
        return ServiceResult(stack.project, "restart", side, tuple(dict.fromkeys(c.service for c in found)))


async def _again(context: RunContext, side: Side, container: Container, service: Service) -> None:
    """Stop *container* and start it again; return once its service has passed the gate."""
    context.reporter.tell(side, service.name, "stopping")
    await lifecycle.end(context, container, service, grace=service.grace)
    await start.start(context, side, container.release, (service.name,))


async def stop(
    ports: Ports, stack: Stack, side: Side, names: Sequence[str], watch: EventSink, *, cut: bool
) -> ServiceResult:
    """Stop services of the color *side*, each with its own grace; ``Refused`` where they serve, unless *cut*."""
    with ports.lock.hold("stop"):
        context = _context(ports, stack, watch)
        found, services = await _meant(context, side, names)
        serving = [name for name, service in services.items() if service.before_switch]
        if serving and not cut and await _serves(context, side):
            raise Refused(
                f"{', '.join(serving)} on {side} serve{'s' * (len(serving) == 1)} users",
                hint="`--yes` stops it anyway; `teal leave` and `teal down` end the whole color",
            )
        await containers.retire(context, side, services)
        return ServiceResult(stack.project, "stop", side, tuple(dict.fromkeys(c.service for c in found)))


async def down(ports: Ports, stack: Stack, watch: EventSink) -> ServiceResult:
    """Remove both colors, volumes excepted, and forget which one was active; the shared services stay."""
    with ports.lock.hold("down"):
        while (unfinished := ports.journal.unfinished()) is not None:
            ports.journal.end(unfinished.run, "aborted", "the stack was taken down")
        observed = await observe(ports, stack)
        context = _context(ports, stack, watch)
        await execute(plan_down(observed), context, context.begin(Command.DOWN, observed.active, None, None))
        services = {c.service: None for color in COLORS for c in observed.on(color)}
        return ServiceResult(stack.project, "down", observed.active, tuple(services))


def _context(ports: Ports, stack: Stack, watch: EventSink) -> RunContext:
    return run_context(ports, stack, watch, key=ports.machine.secret())


async def _serves(context: RunContext, side: Side) -> bool:
    """Tell whether users are sent to *side* now."""
    traffic = context.ports.proxy.read()
    return traffic is not None and traffic.side is side


async def _meant(
    context: RunContext, side: Side, names: Iterable[str]
) -> tuple[tuple[Container, ...], dict[str, Service]]:
    """Return the containers of *names* (of all, where none is named) on *side*, and the services that they are."""
    every = await context.containers(side)
    known = {container.service for container in every}
    wanted = tuple(names) or tuple(sorted(known))
    for name in wanted:
        if name not in known:
            raise ConfigError(f"{side} has no container of {name}", hint=f"there are: {_listed(known)}")
    found = tuple(container for container in every if container.service in wanted)
    numbers = {container.release for container in found}
    services = {s.name: s for number in numbers for s in context.services(number) if s.name in wanted}
    return found, services


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "none"


def _lone(containers: Iterable[Container], services: dict[str, Service]) -> tuple[str, ...]:
    """Return the services that users need and of which no second container would go on meanwhile."""
    running = [container.service for container in containers if container.running]
    return tuple(name for name, service in services.items() if service.before_switch and running.count(name) == 1)


STOP = 1  # seconds that open requests have to end: however long they take, Caddy lets nobody else in meanwhile


async def gap(ports: Ports, stack: Stack) -> Gap | None:
    """Return what a restart of the running proxy means to its users; None where it doesn't run."""
    proxy = await _running(ports, stack)
    return None if proxy is None else await _gap(ports, proxy)


async def plan_restart(ports: Ports, stack: Stack, *, cut: bool) -> Gap | None:
    """Return the same; raise ``Refused`` where the proxy would not start again, unless *cut* accepts that."""
    proxy = await _running(ports, stack)
    if proxy is None:
        return None
    if not cut:
        await _refuse_broken(ports, proxy)
    return await _gap(ports, proxy)


async def _running(ports: Ports, stack: Stack) -> Container | None:
    return running_plain(await ports.engine.containers(stack.project), stack.proxy)


async def _gap(ports: Ports, proxy: Container) -> Gap:
    """Return the time that its definition gives it to stop, or a short one where Docker's 10 s would hold."""
    return Gap(proxy.service, Seconds(proxy.grace or STOP), await ports.proxy.open(proxy), own=bool(proxy.grace))


async def proxy_restarted(ports: Ports, stack: Stack, watch: EventSink) -> None:
    """Let whoever stands in front of Teal's own proxy look it up anew: its address may be another one now."""
    if stack.own:
        await own_proxy.reload_fronts(run_context(ports, stack, watch, key=""))


async def _refuse_broken(ports: Ports, proxy: Container) -> None:
    try:
        broken = (await ports.proxy.drift(proxy)).broken
    except TealError:
        return  # what can't be asked forbids nothing
    if broken:
        raise Refused(
            f"{proxy.service} would not start again: {broken}",
            hint=f"`teal check` says what to do; where its mounts have changed, that is `teal up {proxy.service}`; "
            "`--yes` restarts it anyway",
        )


def _named(stack: Stack, names: Sequence[str]) -> tuple[str, ...]:
    """Return the shared services that are meant; raise ``ConfigError`` for any other name."""
    shared = tuple(service.name for service in stack.having(Role.SHARED))
    for name in names:
        if name not in shared:
            raise ConfigError(
                f"{name} is not a shared service", hint=f"the shared services are: {', '.join(shared) or 'none'}"
            )
    return tuple(names) or shared


async def plan_up(ports: Ports, stack: Stack, names: Sequence[str]) -> UpPlan:
    """Return what ``up`` of *names* would build, and, of what is running, restart with today's images."""
    wanted = _named(stack, names)
    observed = await observe(ports, stack)
    running = observed.running(Side.PLAIN, frozenset(wanted))
    changed = (await outdated(ports, stack, observed, wanted)).services
    due = tuple(name for name in changed if name in running)
    return UpPlan(_built(stack, wanted), due, await gap(ports, stack) if stack.proxy in due else None)


def _built(stack: Stack, names: Sequence[str]) -> tuple[str, ...]:
    return tuple(name for name in names if stack.service(name).builds)


async def build_shared(ports: Ports, stack: Stack, names: Sequence[str], watch: EventSink) -> None:
    """Build those of the shared services *names* that have a build; what runs goes on with the image that it has."""
    wanted = _named(stack, names)
    with ports.lock.hold("up"):
        await _build(run_context(ports, stack, watch, key=""), _built(stack, wanted))


async def _build(context: RunContext, names: tuple[str, ...]) -> None:
    for name in names:
        context.reporter.tell(None, name, "building")
    if names:
        await context.ports.compose.build(names, on_line=context.reporter.tool)
    for name in names:
        context.reporter.tell(None, name, "built")


async def up(ports: Ports, stack: Stack, names: Sequence[str], watch: EventSink, *, built: bool = False) -> UpResult:
    """Start the shared services *names* (all where none is named), and update those that have changed.

    Those with a build are built first, unless that was just done: *built*.
    """
    wanted = _named(stack, names)
    with ports.lock.hold("up"):
        _, observed = await heal(ports, stack, watch)
        if not built:
            await _build(run_context(ports, stack, watch, key=""), _built(stack, wanted))
        before = observed.on(Side.PLAIN, frozenset(wanted))
        running = {c.service for c in before if c.running}
        changed = tuple((await outdated(ports, stack, observed, wanted)).services)
        context = run_context(ports, stack, watch, key=ports.machine.secret())
        if observed.traffic is None:  # a proxy without a state file serves the plain names, and logs that it has none
            ports.proxy.write(PLAIN)
        if stack.proxy in (*changed, *(name for name in wanted if name not in running)):
            refuse_held(observed, stack)
        await refuse_outdated(context)
        await _update(context, changed)
        await start_shared(context, wanted)
        old = {c.id for c in before}
        made = {c.service for c in await context.containers(Side.PLAIN, frozenset(wanted)) if c.id not in old}
        started = tuple(name for name in wanted if name not in running)
        updated = tuple(name for name in wanted if name in running and name in made)
        if stack.proxy in (*started, *updated) and stack.evidence.routes:
            await _await_proxy(context)
        untouched = tuple(name for name in wanted if name not in (*started, *updated))
        return UpResult(stack.project, started, updated, untouched)


async def _update(context: RunContext, changed: tuple[str, ...]) -> None:
    """Make *changed* anew, the proxy last, with a short stop unless its definition gives it a time to stop."""
    compose, proxy = context.ports.compose, context.stack.proxy
    others = tuple(name for name in changed if name != proxy)
    if context.stack.own and proxy in changed:
        await own_proxy.update(context)
        changed = others
    if others:
        await compose.up_shared(others, update=True, on_line=context.reporter.tool)
    if proxy in changed:
        found = await gap(context.ports, context.stack)
        grace = round(found.stop) if found is not None and not found.own else 0
        await compose.up_shared((proxy,), update=True, on_line=context.reporter.tool, grace=grace)


async def _await_proxy(context: RunContext) -> None:
    """Wait until the proxy, just started, answers and reads the state file; say so where it doesn't."""
    try:
        await verify_proxy_reads_state(context)
    except TealError as error:
        context.reporter.note(f"{error.message}: {error.hint}", warning=True)

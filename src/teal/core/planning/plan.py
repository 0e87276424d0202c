"""The steps of deploy, rollback and leave, in their order.

1. Prepare: shared services up, room on the machine, images built or pulled.
2. Fill the target: keep the release, run one-shots, judge and expand the schema, create the containers.
3. Take over: start what routes need, check it through the proxy, switch, confirm.
4. After the switch: workers and singletons change hands; drain, retire and remove what served; prune.

- What fails up to the confirmed switch is undone (``Plan.undo``). After it nothing goes back.
- A side is drained before it is emptied, also one that should serve nobody: a kill may have left users there.
- Strategy ``recreate`` holds users and retires the source before the target starts.
- Where nothing of the application runs, the schema changes between stop and start, in place of before.
- A rollback starts the containers that still stand, and creates them anew only where one is missing or another one.
- Leave is a deploy to the plain side; the colors are removed at its end.
"""

from __future__ import annotations

from dataclasses import replace

from teal.core.model.migrations import Migrations, Phase
from teal.core.model.observed import Container, Observed
from teal.core.model.release import Release
from teal.core.model.side import COLORS, Side, key_of, project_of
from teal.core.model.stack import Images, Role, Service, Stack
from teal.core.model.traffic import HELD
from teal.core.planning.images import images_due
from teal.core.planning.retention import superfluous
from teal.core.planning.steps import (
    Backfill,
    BringBack,
    Build,
    Check,
    Clear,
    CloseWindow,
    Confirm,
    Create,
    Drain,
    Expand,
    HandOver,
    Hold,
    Judge,
    Keep,
    Part,
    Plan,
    Preflight,
    PutBack,
    Recheck,
    RecordContracts,
    Remove,
    Retire,
    RunHook,
    RunOnce,
    RunWindow,
    Settle,
    Singleton,
    Start,
    StartShared,
    Step,
    Switch,
)
from teal.core.planning.transition import Change

WINDOW = "migrate-window"  # the command that makes a window


def plan_prepare(
    stack: Stack, *, build: Images, absent: frozenset[str] = frozenset(), force_memory: bool = False
) -> tuple[Step, ...]:
    """Return the steps that come before it is known whether anything changed: shared services, images.

    *absent*: the images that are not on the engine.
    """
    hooks = {hook.when for hook in stack.hooks}
    shared = tuple(service.name for service in stack.having(Role.SHARED))
    steps: list[Step] = [StartShared(shared)] if shared else []
    steps.append(Preflight(force_memory=force_memory))
    if "pre-build" in hooks:
        steps.append(RunHook("pre-build", Side.PLAIN, None))
    images = images_due(stack, build, absent)
    return (*steps, images) if images else tuple(steps)


def plan_deploy(observed: Observed, stack: Stack, change: Change) -> Plan:
    """Return the plan that fills *change.target* with a new release of *stack* and gives it the traffic."""
    release = change.release
    assert release is not None, "a deploy always makes a release"
    fill: list[Step] = [Keep(release, change.target)]
    if "pre-deploy" in change.hooks:
        fill.append(RunHook("pre-deploy", change.target, release))
    expand = stack.migrations.one_shot if stack.migrations else ""
    fill += [RunOnce(service.name, release) for service in stack.having(Role.ONE_SHOT) if service.name != expand]
    between = _between(stack.migrations, change, release)
    judged = (Phase.EXPAND, Phase.BACKFILL, Phase.WINDOW)
    fill += [Judge(release, judged)] if between else _expansion(stack.migrations, change, release)
    fill += emptied(observed, change.target)  # not before: what fails until here takes no release that stands there
    fill.append(Create(change.target, release, apart=change.source is Side.PLAIN))
    prune = superfluous(observed, active=release, keep=stack.settings.keep_releases)
    plan = _take_over(change, tuple(fill), undo=(Clear(change.target, logs=True),), prune=prune, between=between)
    return plan if stack.migrations is None else _with_migrations(plan, stack.migrations, release)


def _expansion(migrations: Migrations | None, change: Change, release: int) -> list[Step]:
    """Return how the schema is changed before anything of the new release starts."""
    if migrations is None:
        return []
    steps: list[Step] = [Judge(release), Expand(release, migrations.how(Phase.EXPAND))]
    if change.source is not None and change.checks and not change.held:
        steps.append(Recheck(change.source, change.source_release))
    backfill = migrations.how(Phase.BACKFILL)
    return [*steps, Backfill(release, backfill)] if backfill and migrations.backfill == "before" else steps


def _between(migrations: Migrations | None, change: Change, release: int) -> tuple[Step, ...]:
    """Return how the schema is changed while nothing of the application runs; nothing where something does."""
    if migrations is None or (change.source is not None and not change.window):
        return ()
    steps: list[Step] = [Expand(release, migrations.how(Phase.EXPAND))]
    if migrations.files or (change.command == WINDOW and migrations.how(Phase.WINDOW)):
        steps.append(RunWindow(release))
    backfill = migrations.how(Phase.BACKFILL)
    return (*steps, *([Backfill(release, backfill)] if backfill and migrations.backfill == "before" else []))


def _with_migrations(plan: Plan, migrations: Migrations, release: int) -> Plan:
    """Return *plan* with what is owed noted before its switch, and with a backfill that comes last of all."""
    at = next(n for n, step in enumerate(plan.before) if isinstance(step, Hold | Switch))  # before anybody waits
    before = (*plan.before[:at], RecordContracts(release), *plan.before[at:])
    how = migrations.how(Phase.BACKFILL)
    last = (Backfill(release, how),) if how and migrations.backfill == "after" else ()
    return replace(plan, before=before, after=(*plan.after, *last))


def plan_rollback(observed: Observed, stack: Stack, change: Change, release: Release) -> Plan:
    """Return the plan that brings *release* back: by start and switch where its containers still stand."""
    fill: tuple[Step, ...] = ()
    if not reusable(observed, change.target, release):
        fill = (*emptied(observed, change.target), Create(change.target, release.number))
    undo = (Retire(change.target, tuple(service.name for service in release.rotating)),)
    prune = superfluous(observed, active=release.number, keep=stack.settings.keep_releases)
    return _take_over(change, fill, undo=undo, prune=prune)


def emptied(observed: Observed, side: Side) -> tuple[Step, ...]:
    """Return how *side*, which gets no new requests, is emptied: what still runs there may not have been drained.

    A command may have been killed right after its switch, and the journal that knew of it lost.
    """
    drain = (Drain(side),) if any(container.running for container in observed.on(side)) else ()
    return (*drain, Clear(side))


def plan_leave(change: Change, images: tuple[Build | PutBack, ...] = ()) -> Plan:
    """Return the plan that goes back to the plain stack; the colors are removed at its end.

    *images*: how those come about that the plain stack lacks, and those of the active release come back to their names.
    """
    staying, change = change.spared, replace(change, spared=(), left=())  # they are of the side that comes
    fill = (*images, Create(Side.PLAIN, None))
    plan = _take_over(change, fill, undo=emptied_plainly(change.coming, staying), prune=None)
    return replace(plan, after=(*plan.after, *(Clear(color) for color in COLORS)))


def emptied_plainly(services: tuple[Service, ...], spared: tuple[str, ...]) -> tuple[Step, ...]:
    """Return how the plain side is emptied, but for the jobs of *spared*, which run nowhere else."""
    names = tuple(service.name for service in services if service.name not in spared)
    return (Retire(Side.PLAIN, names), Remove(names)) if spared else (Clear(Side.PLAIN),)


def plan_forward(observed: Observed, stack: Stack, change: Change) -> Plan:
    """Return what is left of a run that was killed after its switch; what is true already is passed over."""
    prune = None
    if change.release is not None:
        prune = superfluous(observed, active=change.release, keep=stack.settings.keep_releases)
    after = _after(change, prune)
    if change.target is Side.PLAIN:
        after = (*after, *(Clear(color) for color in COLORS))
    again = (Switch(change.target, change.release), Confirm(change.target))  # so that the journal knows it, too
    return Plan("heal", change.source, change.target, change.release, again, after, ())


def _take_over(
    change: Change,
    fill: tuple[Step, ...],
    *,
    undo: tuple[Step, ...],
    prune: Step | None,
    between: tuple[Step, ...] = (),
) -> Plan:
    """Put the common body around *fill*: start, check, switch and what follows; *between* has the database alone."""
    opening = tuple(service.name for service in change.coming if service.opens)
    start: tuple[Step, ...] = (*between, Start(change.target, change.release, opening, change.beside))
    if change.strategy == "recreate" and change.source is not None:
        leaving = tuple(service.name for service in change.leaving)
        limit = HELD if change.window and not change.page else 0.0
        start = (Hold(page=change.page, limit=limit), Drain(change.source), Retire(change.source, leaving), *start)
    before: list[Step] = [*fill, *start]
    if change.checks:
        before.append(Check(change.target, change.release))
    if "pre-switch" in change.hooks:
        before.append(RunHook("pre-switch", change.target, change.release))
    before += [Switch(change.target, change.release), Confirm(change.target)]
    after = _after(change, prune)
    back = _back(change, undo)
    return Plan(change.command, change.source, change.target, change.release, tuple(before), after, back)


def _back(change: Change, undo: tuple[Step, ...]) -> tuple[Step, ...]:
    """Return the way back to the source, with *undo* emptying the target once nothing is in flight there any more.

    Where the proxy did not confirm its switch, users may have been on the target for a moment.
    """
    if change.strategy == "recreate" and change.source is not None and not change.held:
        leaving = tuple(service for service in change.leaving if service.name not in change.spared)
        again = started_again(change.source, change.source_release, leaving)
        if change.window:
            names = tuple(service.name for service in leaving)
            again = (BringBack(change.source, change.source_release, names),)
        return (Hold(), Drain(change.target), *undo, *again)
    settle = () if change.held else (Settle(change.source),)
    return (*settle, Drain(change.target), *undo, *settle)


def started_again(side: Side, release: int | None, services: tuple[Service, ...]) -> tuple[Step, ...]:
    """Return how *side*, which was stopped, serves again: users come back before its jobs do."""
    opening = tuple(service.name for service in services if service.opens)
    jobs = tuple(service.name for service in services if not service.opens)
    return (Start(side, release, opening), Settle(side), *([Start(side, release, jobs)] if jobs else []))


def _after(change: Change, prune: Step | None) -> tuple[Step, ...]:
    """Return what follows the switch: workers, singletons, drain, retire, settle, prune."""
    source, target, release = change.source, change.target, change.release
    steps: list[Step] = [CloseWindow(release)] if change.window and release is not None else []
    if "post-switch" in change.hooks:
        steps.append(RunHook("post-switch", target, release))
    if change.idle is not None:
        steps += [Drain(change.idle), Clear(change.idle)]
    steps += _handing_over(change)
    steps += _leftovers(change)
    if source is not None:
        steps += _farewell(change, source)
    steps.append(Settle(target))
    if prune is not None:
        steps.append(prune)
    if "post-deploy" in change.hooks:
        steps.append(RunHook("post-deploy", target, release))
    return tuple(steps)


def _handing_over(change: Change) -> list[Step]:
    """Return how the jobs come to run on the target."""
    workers = tuple(s.name for s in change.coming if s.role is Role.WORKER and not s.opens)
    giver = None if change.window else change.source  # old code doesn't come back onto a database that has changed
    singletons = tuple(
        Singleton(s.name, Side.PLAIN if s.name in change.spared else giver)
        for s in change.coming
        if s.role is Role.SINGLETON
    )
    return [HandOver(change.target, change.release, workers, singletons)] if workers or singletons else []


def _leftovers(change: Change) -> list[Step]:
    """Return what ends the plain containers that stand beside a color."""
    retire: list[Step] = [Retire(Side.PLAIN, change.spared)] if change.spared else []
    return [*retire, Remove((*change.spared, *change.left))] if change.spared or change.left else []


def _farewell(change: Change, source: Side) -> list[Step]:
    """Return how the source steps back; plain containers are removed, since nothing may revive them."""
    leaving = change.leaving
    if change.keep and source.is_color:
        leaving = tuple(service for service in leaving if not service.opens)
    names = tuple(service.name for service in leaving)
    steps: list[Step] = [Drain(source), *([Retire(source, names)] if names else [])]
    if source is Side.PLAIN and change.release is not None:
        steps.append(Remove(names))
    return [*steps, Part(source)] if change.guests else steps


def reusable(observed: Observed, side: Side, release: Release) -> bool:
    """Tell whether every container of *release* still stands on *side*, on all its networks, still the same ones.

    An adoption by an older Teal whose last steps failed has left a color apart from the stack's own networks.
    """
    containers = observed.on(side)
    for service in release.rotating:
        mine = [c for c in containers if c.service == service.name and c.release == release.number]
        if len(mine) != service.replicas or any(c.image != release.images[service.name] for c in mine):
            return False
        if not all(_placed(release, side, container) for container in mine):
            return False
    attached = [pair for container in containers for pair in container.networks.items()]
    return all(observed.networks.get(name) == id_ for name, id_ in attached)


def _placed(release: Release, side: Side, container: Container) -> bool:
    """Tell whether *container* is where its release puts it: on each network, under the name that others call."""
    name = container.service
    wanted = dict.fromkeys(release.meets.get(name, {}), key_of(name, side))
    if release.remembered is not None:
        project = project_of(release.remembered.project, side)
        wanted |= {f"{project}_{key}": name for key in release.own.get(name, ())}
    return all(alias in container.aliases.get(network, ()) for network, alias in wanted.items())

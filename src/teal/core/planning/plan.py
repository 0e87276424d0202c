"""The order of a deploy, of a rollback and of a leave.

1. Prepare (``plan_prepare``): shared services up, room on the machine, images built or pulled.
2. Until the switch (``_until_switch``): fill the target, start what routes need, check it, switch, confirm.
3. After it (``_after_switch``): workers and singletons change hands; drain, retire and remove what served; prune.

- A deploy has all of this order; of a rollback and a leave some parts are empty (``_Parts``).
- What fails up to the confirmed switch aborts, and ``_back`` is the way back; so it is up to the end of a bake, where
  one was asked for. After it nothing goes back: the plan says beside each step what its failure leads to.
- A side is drained before it is emptied, also one that should serve nobody: a kill may have left users there.
- Strategy ``recreate`` holds users and retires the source before the target starts; one-shots that write what has one
  writer run between.
- Where nothing of the application runs, the schema changes between stop and start, in place of before.
- A rollback starts the containers that still stand, and creates them again only where one is missing or differs.
- Leave is a deploy to the plain side; the colors are removed at its end.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from msgspec import structs

from teal.core.model.migrations import Migrations, Phase
from teal.core.model.observed import Container, Observed
from teal.core.model.own_proxy import OWN
from teal.core.model.release import Release
from teal.core.model.side import COLORS, Side, key_of, project_of
from teal.core.model.stack import HookMoment, ImageSource, Role, Service, Stack
from teal.core.model.traffic import HELD
from teal.core.model.units import ReleaseId, Seconds
from teal.core.planning.images import images_due
from teal.core.planning.order import OnFailure, Plan, Planned, planned
from teal.core.planning.retention import prune_step
from teal.core.planning.step_names import Command
from teal.core.planning.steps import (
    Backfill,
    Bake,
    Build,
    CheckActive,
    CheckStandby,
    Confirm,
    Create,
    Drain,
    EmptySide,
    Expand,
    GiveBack,
    HandOver,
    Hold,
    JudgeMigrations,
    KeepPages,
    LeaveNetworks,
    Preflight,
    PutBack,
    RecordActive,
    RecordContracts,
    RecordWindow,
    RemovePlain,
    RestoreAfterWindow,
    Retire,
    RunCanary,
    RunHook,
    RunOnce,
    RunWindow,
    SaveRelease,
    Singleton,
    Start,
    StartShared,
    Step,
    Switch,
    TakeOver,
    TidyProxy,
)
from teal.core.planning.transition import Transition
from teal.core.services.mounts import one_shots_of_one_writer

Steps = tuple[Step, ...]


def plan_prepare(
    stack: Stack,
    *,
    build: ImageSource,
    absent: frozenset[str] = frozenset(),
    force_memory: bool = False,
    source: Side | None = None,
    target: Side = Side.PLAIN,
    hooks: bool = True,
) -> Steps:
    """Return the steps that come before it is known whether anything changed: shared services, images.

    *absent*: the images that are not on the engine.
    """
    shared = tuple(service.name for service in stack.having(Role.SHARED))
    images = images_due(stack, build, absent)
    return (
        *([StartShared(shared)] if shared else ()),
        Preflight(force_memory, source),
        *([RunHook("pre-build", Side.PLAIN, None)] if hooks and _has(stack, "pre-build") else ()),
        *([structs.replace(images, side=target)] if images else ()),
    )


@dataclass(frozen=True, slots=True)
class _Schema:
    """How a deploy changes the database, by where that stands in its order."""

    beside: Steps = ()  # while the source serves: both releases can live with it
    noted: Steps = ()  # what is owed, before anybody waits
    alone: Steps = ()  # while nothing of the application runs
    last: Steps = ()  # when users are on the target


@dataclass(frozen=True, slots=True)
class _Parts:
    """What one change of hands has of its own."""

    made: Steps  # how what comes is made
    filled: Steps  # how it comes to stand on the target
    emptied: Steps  # how the target is emptied where it fails
    prune: Step | None = None
    schema: _Schema = _Schema()
    alone: Steps = ()  # while nothing of the application runs: it writes what has one writer
    last: Steps = ()


def plan_deploy(observed: Observed, stack: Stack, transition: Transition) -> Plan:
    """Return the plan that fills *transition.target* with a new release of *stack* and gives it the traffic."""
    release, target = transition.release, transition.target
    assert release is not None, "a deploy always makes a release"
    expand = stack.migrations.one_shot if stack.migrations else ""
    ones = [service.name for service in stack.having(Role.ONE_SHOT) if service.name != expand]
    late = one_shots_of_one_writer(stack) if _stops(transition) else frozenset()
    parts = _Parts(
        made=(
            SaveRelease(release, target),
            *_hook(transition, "pre-deploy"),
            *(RunOnce(name, release) for name in ones if name not in late),
        ),
        # Not emptied before: what fails until here takes no release that stands there.
        filled=(*emptied(observed, target), Create(target, release, apart=transition.source is Side.PLAIN)),
        emptied=(EmptySide(target, logs=True),),
        prune=prune_step(observed, active=release, keep=stack.settings.keep_releases),
        schema=_schema(stack.migrations, transition, release),
        alone=tuple(RunOnce(name, release) for name in ones if name in late),
    )
    return _plan(stack, transition, parts)


def plan_rollback(observed: Observed, stack: Stack, transition: Transition, release: Release) -> Plan:
    """Return the plan that brings *release* back: by start and switch where its containers still stand."""
    stands = reusable(observed, transition.target, release)
    parts = _Parts(
        made=_proxied(stack),
        filled=() if stands else (*emptied(observed, transition.target), Create(transition.target, release.number)),
        emptied=(Retire(transition.target, tuple(service.name for service in release.rotating)),),
        prune=prune_step(observed, active=release.number, keep=stack.settings.keep_releases),
    )
    return _plan(stack, transition, parts)


def plan_leave(stack: Stack, transition: Transition, images: tuple[Build | PutBack, ...] = ()) -> Plan:
    """Return the plan that goes back to the plain stack; the colors are removed at its end.

    *images*: how those come about that the plain stack lacks, and those of the active release come back to their names.
    """
    parts = _Parts(
        made=(*_proxied(stack), *images),
        filled=(Create(Side.PLAIN, None), *(() if _stops(transition) else _giving_back(transition))),
        emptied=(
            *emptied_plainly(transition.target_services, transition.kept_plain_jobs),
            *([TakeOver(transition.taken)] if transition.taken else ()),
        ),
        last=_left(transition.taken),
    )
    return _plan(
        stack, replace(transition, kept_plain_jobs=(), stopped_plain=()), parts
    )  # they are of the side that comes


def _proxied(stack: Stack) -> Steps:
    """Return what sees to it that Teal's own proxy runs: nobody else starts it where it was ended by hand."""
    return (StartShared((OWN,)),) if stack.proxy == OWN else ()


def plan_forward(observed: Observed, stack: Stack, transition: Transition) -> Plan:
    """Return what is left of a run that was killed after its switch; what is done already is skipped."""
    release = transition.release
    prune = prune_step(observed, active=release, keep=stack.settings.keep_releases) if release is not None else None
    last = _left(transition.taken) if transition.target is Side.PLAIN else ()
    if (
        stack.own
        and transition.target is Side.PLAIN
        and not any(c.service == OWN and c.running for c in observed.containers)
    ):
        # Teal's own proxy is gone already: there is nobody to ask, and the color has been drained and stopped.
        ended = planned(OnFailure.RESUME, RecordActive(Side.PLAIN), *last)
        return Plan(transition.command, transition.source, transition.target, release, ended)
    # So that the journal knows it, too; the window in which pages stay ends with the run that was killed.
    again = (
        structs.replace(_switch(transition), again=True, older=None),
        _confirm(transition),
        *_bake(transition),
    )
    order = (*planned(OnFailure.ABORT, *again), *_after_switch(transition, _Parts((), (), (), prune, last=last)))
    undo = _told(stack, transition)
    if transition.bake:  # until it was watched to the end, the way back is open
        emptied_again = (EmptySide(transition.target, logs=True),)
        undo = (*planned(OnFailure.RESUME, *_back(transition, emptied_again)), *undo)
    return Plan(Command.HEAL, transition.source, transition.target, release, order, undo)


def _left(taken: tuple[str, ...]) -> Steps:
    """Return how a leave ends: nothing of the colors is left, nor of Teal's own proxy."""
    return (*([TidyProxy(Side.PLAIN)] if taken else ()), *(EmptySide(color) for color in COLORS))


def _plan(stack: Stack, transition: Transition, parts: _Parts) -> Plan:
    order = (*_until_switch(transition, parts), *_after_switch(transition, parts))
    undo = (*planned(OnFailure.RESUME, *_back(transition, parts.emptied)), *_told(stack, transition))
    return Plan(transition.command, transition.source, transition.target, transition.release, order, undo)


def _until_switch(transition: Transition, parts: _Parts) -> tuple[Planned, ...]:
    """Return the steps that prove the target and give it the traffic; a failure is undone, and the source goes on."""
    target, release, schema = transition.target, transition.release, parts.schema
    opening = tuple(service.name for service in transition.target_services if service.before_switch)
    stops = _stops(transition)  # strategy recreate: from here on users wait
    return planned(
        OnFailure.ABORT,
        *parts.made,
        *schema.beside,
        *parts.filled,
        *(schema.noted if stops else ()),
        *stops,
        *parts.alone,
        *schema.alone,
        Start(target, release, opening, transition.beside),
        *([CheckStandby(target, release)] if transition.checks else ()),
        *_hook(transition, "pre-switch"),
        *(() if stops else schema.noted),
        *(_taking_over(transition) if not stops else ()),
        *_canary(transition),
        _switch(transition),
        _confirm(transition),
        *_bake(transition),
    )


def _canary(transition: Transition) -> Steps:
    """Return how some users come to the target before all do: only where both sides run."""
    source, release = transition.source, transition.release
    beside = transition.strategy != "recreate" and not transition.taken
    if not transition.canary or source is None or release is None or not beside:
        return ()
    return (RunCanary(transition.target, release, source, transition.canary),)


def _bake(transition: Transition) -> Steps:
    """Return how the release is watched while the source is still there, its workers beside the old ones.

    Where the source has stopped, what has one writer is the target's already, and nobody can be asked what fails there.
    """
    source, target, release = transition.source, transition.target, transition.release
    if not transition.bake or source is None:
        return ()
    stopped = transition.strategy == "recreate"
    jobs = tuple(
        each.name
        for each in transition.target_services
        if not each.before_switch and (stopped or each.role is Role.WORKER)
    )
    warm = None if stopped or (transition.taken and source is Side.PLAIN) else source
    return (
        *([Start(target, release, (), jobs)] if jobs else ()),  # nobody waits: the watch sees them, too
        Bake(target, release, warm, transition.bake, back=not transition.window),
    )


def _after_switch(transition: Transition, parts: _Parts) -> tuple[Planned, ...]:
    """Return what follows: users are on the target, so that whatever fails is told, and the others still happen."""
    target, release, idle = transition.target, transition.release, transition.third_side
    close = (
        RecordWindow(release, unseen=transition.command == Command.HEAL)
        if transition.window and release is not None
        else None
    )
    again = "`teal migrate backfill` goes on"
    return (
        *planned(OnFailure.RESUME, *([close] if close else ())),
        *planned(OnFailure.REPORT, *_hook(transition, "post-switch", each=True)),
        *planned(OnFailure.RESUME, *([Drain(idle), EmptySide(idle)] if idle else ())),
        *planned(OnFailure.KEEP_PREVIOUS, *_handing_over(transition)),
        *planned(OnFailure.RESUME, *_leftovers(transition)),
        *planned(OnFailure.REPORT, *_window_of_pages(transition)),
        *planned(OnFailure.RESUME, *_farewell(transition)),
        *planned(OnFailure.RESUME, RecordActive(target)),
        *planned(OnFailure.RESUME, *([TidyProxy(target)] if transition.taken and target.is_color else ())),
        *planned(OnFailure.RESUME, *([parts.prune] if parts.prune else ())),
        *planned(OnFailure.REPORT, *_hook(transition, "post-deploy", each=True)),
        *(Planned(step, OnFailure.REPORT, again) for step in parts.schema.last),
        *planned(OnFailure.RESUME, *parts.last),
    )


def _has(stack: Stack, moment: HookMoment) -> bool:
    return any(hook.when == moment for hook in stack.hooks)


def _hook(transition: Transition, moment: HookMoment, *, each: bool = False) -> Steps:
    return (RunHook(moment, transition.target, transition.release, each),) if moment in transition.hooks else ()


def _told(stack: Stack, transition: Transition) -> tuple[Planned, ...]:
    """Return how the owner is told of a change of hands that was undone."""
    hook = RunHook("on-failure", transition.target, transition.release, each=True)
    return planned(OnFailure.REPORT, hook) if _has(stack, "on-failure") else ()


def _switch(transition: Transition) -> Switch:
    """Return the switch; where pages stay on their release it leads those of the source to it for a while."""
    release = transition.release if transition.target.is_color and transition.pages else None
    source, older = transition.source, transition.source_release
    stays = release is not None and source in COLORS and older is not None and not _stops(transition)
    old = (source, older) if stays and source is not None and older is not None else None
    return Switch(transition.target, transition.release, pages=release is not None, older=old)


def _window_of_pages(transition: Transition) -> Steps:
    older = _switch(transition).older
    again = transition.command == Command.HEAL
    return (KeepPages(older[0], transition.pages),) if older and not again else ()


def _confirm(transition: Transition) -> Confirm:
    release = transition.release if transition.target.is_color else None
    return Confirm(transition.target, release, transition.source)


def _schema(migrations: Migrations | None, transition: Transition, release: ReleaseId) -> _Schema:
    """Return how the schema is changed: alone with the database where nothing of the application runs, else beside."""
    if migrations is None:
        return _Schema()
    expand, how = Expand(release, migrations.how(Phase.EXPAND)), migrations.how(Phase.BACKFILL)
    backfill: Steps = (Backfill(release, how),) if how else ()
    early, late = (backfill, ()) if migrations.backfill == "before" else ((), backfill)
    noted = (RecordContracts(release),)
    if transition.source is None or transition.window:
        window = migrations.files or (transition.command == Command.MIGRATE_WINDOW and migrations.how(Phase.WINDOW))
        judged = JudgeMigrations(release, (Phase.EXPAND, Phase.BACKFILL, Phase.WINDOW))
        return _Schema((judged,), noted, (expand, *([RunWindow(release)] if window else ()), *early), late)
    rechecked = transition.checks and not transition.starts_held
    recheck = CheckActive(transition.source, transition.source_release) if rechecked else None
    judge = JudgeMigrations(release, no_window=True)
    beside = (judge, structs.replace(expand, serving=recheck), *([recheck] if recheck else ()), *early)
    return _Schema(beside, noted, (), late)


def emptied(observed: Observed, side: Side) -> Steps:
    """Return how *side*, which gets no new requests, is emptied: what still runs there may not have been drained.

    A command may have been killed right after its switch, and the journal that knew of it lost.
    """
    drain = (Drain(side),) if observed.running(side) else ()
    return (*drain, EmptySide(side))


def emptied_plainly(services: tuple[Service, ...], spared: tuple[str, ...]) -> Steps:
    """Return how the plain side is emptied, but for the jobs of *spared*, which run nowhere else."""
    names = tuple(service.name for service in services if service.name not in spared)
    return (Retire(Side.PLAIN, names), RemovePlain(names)) if spared else (EmptySide(Side.PLAIN),)


def _stops(transition: Transition) -> Steps:
    """Return how the source stops before the target starts (strategy recreate); nothing where both run beside."""
    if transition.strategy != "recreate" or transition.source is None:
        return ()
    leaving = tuple(service.name for service in transition.source_services)
    limit = HELD if transition.window and not transition.page else Seconds(0.0)
    return (
        Hold(page=transition.page, limit=limit),
        Drain(transition.source),
        *_taking_over(transition),  # with the ports in its hands, the proxy holds requests while nothing else runs
        Retire(transition.source, leaving),
        *_giving_back(transition),  # so late that requests are held while the source stops
    )


def _taking_over(transition: Transition) -> Steps:
    return (TakeOver(transition.taken),) if transition.taken and transition.target.is_color else ()


def _giving_back(transition: Transition) -> Steps:
    return (GiveBack(),) if transition.taken and not transition.target.is_color else ()


def _back(transition: Transition, undo: Steps) -> Steps:
    """Return the way back to the source, with *undo* emptying the target once nothing is in flight there any more.

    Where the proxy did not confirm its switch, users may have been on the target for a moment.
    """
    if transition.strategy == "recreate" and transition.source is not None and not transition.starts_held:
        leaving = tuple(
            service for service in transition.source_services if service.name not in transition.kept_plain_jobs
        )
        again = started_again(transition.source, transition.source_release, leaving)
        if transition.window:
            names = tuple(service.name for service in leaving)
            again = (RestoreAfterWindow(transition.source, transition.source_release, names),)
        return (
            Hold(),
            Drain(transition.target),
            *undo,
            *([GiveBack()] if transition.taken and transition.target.is_color else ()),
            *again,
        )
    settle = () if transition.starts_held else (RecordActive(transition.source),)
    if transition.taken and transition.target.is_color:  # what served plainly was stopped for the proxy
        again = started_again(Side.PLAIN, None, transition.source_services)
        return (Hold(), Drain(transition.target), GiveBack(), *again, *undo)
    return (*settle, Drain(transition.target), *undo, *settle)


def started_again(side: Side, release: ReleaseId | None, services: tuple[Service, ...]) -> Steps:
    """Return how *side*, which was stopped, serves again: users come back before its jobs do."""
    opening = tuple(service.name for service in services if service.before_switch)
    jobs = tuple(service.name for service in services if not service.before_switch)
    return (Start(side, release, opening), RecordActive(side), *([Start(side, release, jobs)] if jobs else []))


def _handing_over(transition: Transition) -> Steps:
    """Return how the jobs come to run on the target."""
    workers = tuple(s.name for s in transition.target_services if s.role is Role.WORKER and not s.before_switch)
    # Old code doesn't come back onto a database that has changed.
    giver = None if transition.window else transition.source
    singletons = tuple(
        Singleton(s.name, Side.PLAIN if s.name in transition.kept_plain_jobs else giver)
        for s in transition.target_services
        if s.role is Role.SINGLETON
    )
    return (HandOver(transition.target, transition.release, workers, singletons),) if workers or singletons else ()


def _leftovers(transition: Transition) -> Steps:
    """Return what ends the plain containers that stand beside a color."""
    retire: Steps = (Retire(Side.PLAIN, transition.kept_plain_jobs),) if transition.kept_plain_jobs else ()
    return (
        (*retire, RemovePlain((*transition.kept_plain_jobs, *transition.stopped_plain)))
        if transition.kept_plain_jobs or transition.stopped_plain
        else ()
    )


def _farewell(transition: Transition) -> Steps:
    """Return how the source steps back; plain containers are removed, since nothing may revive them."""
    source, leaving = transition.source, transition.source_services
    if source is None:
        return ()
    if transition.keep and source.is_color:
        leaving = tuple(service for service in leaving if not service.before_switch)
    names = tuple(service.name for service in leaving)
    return (
        Drain(source),
        *([Retire(source, names)] if names else ()),
        *([RemovePlain(names)] if source is Side.PLAIN and transition.release is not None else ()),
        *([LeaveNetworks(source)] if transition.guests else ()),
    )


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
    wanted = dict.fromkeys(release.shared_networks.get(name, {}), key_of(name, side))
    if release.stack is not None:
        project = project_of(release.stack.project, side)
        wanted |= {f"{project}_{key}": name for key in release.network_keys.get(name, ())}
    return all(alias in container.aliases.get(network, ()) for network, alias in wanted.items())

"""``deploy``, ``rollback`` and ``leave``: heal, observe, plan, execute, report."""

from __future__ import annotations

from collections.abc import Coroutine, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any, Literal

from msgspec import structs

from teal.core.checks.admission import by_sight
from teal.core.model.observed import Observed, Unfinished
from teal.core.model.own_proxy import OWN
from teal.core.model.problem import Problem, demand
from teal.core.model.side import Side
from teal.core.model.stack import Role, Stack
from teal.core.model.units import Moment, ReleaseId, Seconds
from teal.core.planning.events import Message
from teal.core.planning.images import services_due
from teal.core.planning.leave import changed_by_leaving, named, own_names
from teal.core.planning.order import Plan
from teal.core.planning.past import release_at
from teal.core.planning.plan import Steps, plan_deploy, plan_leave, plan_prepare, plan_rollback
from teal.core.planning.rollback import rollback_release, way_back
from teal.core.planning.rollback_floor import is_below
from teal.core.planning.step_names import Command
from teal.core.planning.steps import Build, EmptySide, PutBack, Step
from teal.core.planning.transition import Transition, jobs_going_on, leave_transition, plan_transition
from teal.core.planning.wording import say
from teal.core.rendering.diff import Difference
from teal.core.rendering.diff_wording import in_short
from teal.core.services.unhealthy import ailing
from teal.core.status import same_release
from teal.core.telling.endings import ASKED
from teal.errors import Failed, Locked, NeedsPerson, Refused, TealError
from teal.run.api import DeployOptions, DeployResult, Doubtful, Noticed
from teal.run.commands.check import refuse
from teal.run.commands.diff import present, since_active
from teal.run.context import EventSink, Ports, RunContext, run_context
from teal.run.execute import execute, prepare, uninterruptible
from teal.run.measure import Measuring, keep, noticed_by
from teal.run.migrations import window
from teal.run.migrations.open_changes import open_rows
from teal.run.observe import Outdated, differences, observe, outdated, proxy_drift
from teal.run.recovery import close_open_runs, heal
from teal.run.steps import release as release_steps


async def deploy(ports: Ports, stack: Stack, options: DeployOptions, watch: EventSink) -> DeployResult:
    """Bring a new release of *stack* beside the active one, prove it, give it all traffic, retire the old one."""
    warnings = await refuse(ports, stack)
    if options.dry_run:
        return await _planned_deploy(ports, stack, options)
    with ports.lock.hold("deploy"):
        began = ports.clock.monotonic()
        healed, observed = await heal(ports, stack, watch, go_on=True)
        if options.window:
            await window.refuse_idle(run_context(ports, stack, watch, key=""))
        told = demand(by_sight(observed, stack))
        if options.asks:
            _ask(await since_active(ports, stack, observed, {}), options, built=False)
        transition = _deploy_change(observed, stack, options)
        run = _Run(ports, stack, watch, transition, began, healed)
        if options.window and not options.page:
            window.warn_long(run.context)
        for problem in (*warnings, *(each for each in told if not (options.told and each.service == OWN))):
            run.context.reporter.note(problem.text, warning=problem.level == "warning")
        return await run.measured(_deployed(run, observed, options, told))


async def _deployed(run: _Run, observed: Observed, options: DeployOptions, told: Sequence[Problem]) -> DeployResult:
    ports, stack, transition = run.context.ports, run.context.stack, run.change
    absent = await release_steps.absent(ports, stack)
    forced = options.force_memory or _needs_no_room(transition)
    first = _first(stack, transition, options, absent, forced=forced)
    await prepare(first, _bare(transition), run.context, run.id)
    if not options.force and await _unchanged(observed, stack, run.context):
        run.context.end(run.id, "unchanged")
        return await run.outcome("unchanged", observed.release_on(transition.source) if transition.source else None)
    if not options.force:
        await _refuse_taken_back(observed, stack, run)
    await run.compare(observed, options)
    plan = plan_deploy(observed, stack, transition)
    run.say_what_ends(observed, plan)
    await run.through(plan)
    await _tell_of_shared(run.context, told)
    return await run.outcome("done", transition.release)


def _ask(found: Difference | None, options: DeployOptions, *, built: bool) -> None:
    """Raise ``Doubtful`` where a person is to be asked about what differs, and has not agreed to it before."""
    if not options.asks or found is None:
        return
    open_ = [each for each in found.warnings if each.said not in options.agreed]
    if open_:
        raise Doubtful(structs.replace(found, warnings=tuple(open_)), built=built)


async def _tell_of_shared(context: RunContext, told: Iterable[Problem]) -> None:
    """Say which shared services are unhealthy by now, and where they differ from today's files: none is touched."""
    names = tuple(service.name for service in context.stack.having(Role.SHARED))
    observed = await observe(context.ports, context.stack)
    known = {problem.service for problem in told}
    for problem in ailing(observed, context.stack):
        if problem.service not in known:
            context.reporter.note(problem.text, warning=True)
    try:
        found = await outdated(context.ports, context.stack, observed, names)
    except TealError as error:  # the deploy is done, whatever Compose says of the shared services
        found = Outdated()
        context.reporter.note(error.message, warning=True)
    proxy = context.stack.proxy
    drifted = await proxy_drift(context.ports, context.stack, observed, changed=found.services.get(proxy, ""))
    for problem in (*drifted, *(each for each in differences(found) if each.service != proxy)):
        context.reporter.note(problem.text, warning=True)


def _needs_no_room(transition: Transition) -> bool:
    """Tell whether only one color runs at a time, or nothing serves yet."""
    return transition.strategy == "recreate" or transition.source is None


def _deploy_change(observed: Observed, stack: Stack, options: DeployOptions) -> Transition:
    command = Command.MIGRATE_WINDOW if options.window else Command.DEPLOY
    transition = plan_transition(observed, stack, command=command, keep=options.keep, strategy=options.strategy)
    if transition.canary and transition.strategy == "recreate" and transition.source is not None:
        raise Refused(
            "a canary needs two releases side by side, and here one stops before the other starts (recreate)",
            hint="leave `--canary`, or `canary` in teal.yml, out: `bake` watches the release all the same",
        )
    return replace(transition, page=options.page)


async def _planned_deploy(ports: Ports, stack: Stack, options: DeployOptions) -> DeployResult:
    """Return what a deploy would do; nothing is changed."""
    observed = await observe(ports, stack)
    demand(by_sight(observed, stack))
    transition = _deploy_change(observed, stack, options)
    absent = await release_steps.absent(ports, stack)
    first = _first(stack, transition, options, absent, forced=options.force_memory)
    plan = _planned(stack, transition, (*first, *plan_deploy(observed, stack, transition).steps))
    there = {each.name: each for each in stack.pinned if not each.builds}
    images = await present(ports, there if options.build == "build" else {})
    return structs.replace(plan, changes=await since_active(ports, stack, observed, images))


def _first(
    stack: Stack, transition: Transition, options: DeployOptions, absent: frozenset[str], *, forced: bool
) -> Steps:
    """Return the steps that come before it is known whether anything changed."""
    return plan_prepare(
        stack,
        build=options.build,
        absent=absent,
        force_memory=forced,
        source=transition.source,
        target=transition.target,
        hooks=not options.built,
    )


async def _unchanged(observed: Observed, stack: Stack, context: RunContext) -> bool:
    """Tell whether the active release is whole, up, and just what a deploy would bring."""
    kept = same_release(observed, stack)
    if kept is None or kept.images != await release_steps.image_ids(context, stack.pinned):
        return False
    return kept.mounted_images == await release_steps.mounted(context)


async def _refuse_taken_back(observed: Observed, stack: Stack, run: _Run) -> None:
    """Raise ``Refused`` where this deploy would bring just what was taken back after it had served users."""
    for number, why in observed.past.taken_back.items():
        kept = observed.kept(number)
        if kept is None or kept.fingerprint != stack.fingerprint:
            continue
        images = await release_steps.image_ids(run.context, stack.pinned)
        if kept.images == images and kept.mounted_images == await release_steps.mounted(run.context):
            run.context.end(run.id, "aborted", "the same was taken back before")
            raise Refused(
                f"this is just what was taken back before: {why}",
                hint="change what was wrong; `teal deploy --force` tries the same once more",
            )


async def rollback(
    ports: Ports,
    stack: Stack,
    to: ReleaseId | None,
    watch: EventSink,
    *,
    at: Moment | None = None,
    dry_run: bool = False,
    keep: bool = False,
) -> DeployResult:
    """Bring the previous release, or release *to*, or the one that served *at* a moment, back exactly as it was."""
    if at is not None:
        to = _served_at(ports, at)
    if dry_run:
        observed = await observe(ports, stack)
        plan, transition, remark = _rollback_plan(observed, stack, to, keep=keep)
        return structs.replace(_planned(stack, transition, plan.steps), notes=remark)
    with _held_for_rollback(ports):
        began = ports.clock.monotonic()
        left = ports.journal.unfinished()
        watched = left if left and left.watched else None  # to go back means: to take back what is watched
        healed, observed = await heal(ports, stack, watch, go_on=True, decided="abort" if watched else "")
        if watched and observed.active is watched.source and to in {None, observed.active_release}:
            return _went_back(stack, watched, observed, Seconds(ports.clock.monotonic() - began), healed)
        plan, transition, remark = _rollback_plan(observed, stack, to, keep=keep)
        run = _Run(ports, stack, watch, transition, began, healed)
        for each in remark:
            run.context.reporter.note(each, warning=True)
        run.say_what_ends(observed, plan)
        return await run.measured(run.to_the_end(plan, transition.release))


def _served_at(ports: Ports, at: Moment) -> ReleaseId:
    """Return the release that served at that moment, by the journal; raise ``Refused`` where it knows of none."""
    found = release_at(ports.journal.turns(), at)
    if found is None:
        raise Refused(
            "no release served then, as far as the journal knows",
            hint="`teal history` lists what served when; `teal rollback N` brings release N back",
        )
    return found


@contextmanager
def _held_for_rollback(ports: Ports) -> Iterator[None]:
    """Hold the lock; where a release is just being watched, say what takes it back at once."""
    try:
        with ports.lock.hold("rollback"):
            yield
    except Locked as error:
        unfinished = ports.journal.unfinished()
        if unfinished is not None and unfinished.watched:
            error.hint = f"release {unfinished.release} is being watched: `teal abort` takes it back at once"
        raise


def _went_back(stack: Stack, watched: Unfinished, observed: Observed, took: Seconds, healed: str) -> DeployResult:
    """Return how a rollback ended that took back what was still being watched."""
    return DeployResult(
        command=Command.ROLLBACK,
        project=stack.project,
        outcome="done",
        release=observed.active_release,
        previous=None,
        source=watched.target,
        target=watched.source,
        done=took,
        healed=healed,
    )


def _rollback_plan(
    observed: Observed, stack: Stack, to: ReleaseId | None, *, keep: bool
) -> tuple[Plan, Transition, tuple[str, ...]]:
    """Return the plan, what it changes, and what is to be known of the release that it brings back."""
    kept = rollback_release(observed, to)
    transition = plan_transition(observed, stack, command=Command.ROLLBACK, release=kept.release, keep=keep)
    if transition.source is Side.PLAIN and stack.proxy == OWN:
        raise Refused(
            "users are on the plain containers, which hold what Teal's own proxy would need",
            hint="`teal deploy` lets it take that over; then `teal rollback` works",
        )
    return plan_rollback(observed, stack, transition, kept.release), transition, kept.remark


async def leave(
    ports: Ports, stack: Stack, watch: EventSink, *, dry_run: bool = False, agreed: bool = False
) -> DeployResult:
    """Go back to the plain stack by the same switch and drain, with the images of the active release.

    Raises ``Refused`` where users would get anything else than now, unless that was *agreed* to.
    """
    if dry_run:
        observed = await observe(ports, stack)
        plan, transition, differs = await _leave_plan(ports, stack, observed)
        return structs.replace(_planned(stack, transition, plan.steps), differs=differs)
    with ports.lock.hold("leave"):
        began = ports.clock.monotonic()
        healed, observed = await heal(ports, stack, watch)
        plan, transition, differs = await _leave_plan(ports, stack, observed)
        if differs and not agreed:
            raise Refused(
                f"the plain stack would not be what users have now: {'; '.join(differs)}",
                hint="deploy, or take the edits back; `teal leave --yes` leaves anyway",
            )
        run = _Run(ports, stack, watch, transition, began, healed)
        for each in differs:
            run.context.reporter.note(f"changed by today's files: {each}", warning=True)
        try:
            return await run.measured(run.to_the_end(plan, None))
        except Failed as error:
            back = (
                "fix what fails there, then `teal leave` again; `teal leave --dry-run` names what today's files change"
            )
            error.hint = f"{error.hint}; {back}"
            raise


async def _leave_plan(ports: Ports, stack: Stack, observed: Observed) -> tuple[Plan, Transition, tuple[str, ...]]:
    """Return the plan, what it changes, and what users would get otherwise than now."""
    transition = leave_transition(observed, stack)
    number = observed.active_release
    release = observed.kept(number)
    own = own_names(release, stack) if release else {}
    absent = await release_steps.absent(ports, stack)
    others = [each for each in stack.rotating if named(each.image) not in own and each.image in absent]
    images: tuple[Build | PutBack | None, ...] = (services_due(others, "build", absent),)
    if release and (moved := await release_steps.moved(ports, release, stack)):
        images = (*images, PutBack(release.number, moved))
    plan = plan_leave(stack, transition, tuple(each for each in images if each))
    return plan, transition, changed_by_leaving(release, number, stack)


def _bare(transition: Transition) -> Plan:
    """Return the plan's frame before its steps are known."""
    return Plan(transition.command, transition.source, transition.target, transition.release)


def _planned(stack: Stack, transition: Transition, steps: tuple[Step, ...]) -> DeployResult:
    """Return the outcome of a dry run."""
    return DeployResult(
        transition.command,
        stack.project,
        "planned",
        transition.release,
        transition.source_release,
        transition.source,
        transition.target,
        steps=tuple(say(step) for step in steps),
    )


class _Run:
    """One journaled run of a change of hands."""

    def __init__(
        self, ports: Ports, stack: Stack, watch: EventSink, transition: Transition, began: float, healed: str
    ) -> None:
        self.context = run_context(ports, stack, watch, key=ports.machine.secret())
        close_open_runs(ports, "could not be finished; a later command took its place")
        # A deploy's number is taken once its release is kept: one that brings nothing, or can't be built, takes none.
        number = None if transition.command == Command.DEPLOY else transition.release
        self.id = self.context.begin(transition.command, transition.source, transition.target, number)
        self.change, self._began, self._healed = transition, began, healed
        self._done = 0.0  # monotonic seconds
        self._changes: Difference | None = None

    async def compare(self, observed: Observed, options: DeployOptions) -> None:
        """Say what differs from the release that serves; raise ``Doubtful`` where a person is to be asked first."""
        context = self.context
        images = await release_steps.images(context, context.stack.pinned)
        self._changes = found = await since_active(context.ports, context.stack, observed, images)
        if found is None:
            return
        try:
            _ask(found, options, built=True)
        except Doubtful:
            context.end(self.id, "aborted", ASKED)
            raise
        context.reporter.watch(Message("note", f"since {found.before}: {in_short(found)}"))
        for each in found.warnings:
            context.reporter.note(each.said, warning=True)

    def say_what_ends(self, observed: Observed, plan: Plan) -> None:
        """Say which jobs (kept running since the active color's own failed) end when *plan* refills their color."""
        target = self.change.target
        jobs = jobs_going_on(observed, self.context.stack, target)
        if jobs and EmptySide(target) in plan.before:
            self.context.reporter.note(
                f"ending now on {target}, to run again after the switch: {', '.join(jobs)}", warning=True
            )

    async def measured(self, work: Coroutine[Any, Any, DeployResult]) -> DeployResult:
        """Await *work*, and measure meanwhile what it does to users; what it returns or raises says so, too."""
        change = self.change
        looks = change.command not in {Command.ROLLBACK, Command.LEAVE}
        measuring = Measuring(self.context, self.id, change.source, change.target, looks=looks)
        measuring.begin()
        try:
            result = await work
        except NeedsPerson as error:
            noticed = await self._reported(measuring)
            if isinstance(error.report, DeployResult):
                error.report = structs.replace(error.report, run=self.id, noticed=noticed)
            raise
        except BaseException:
            noticed = await self._reported(measuring)
            if noticed is not None and self.context.traffic.moves:
                self.context.reporter.note(noticed.said.removesuffix("."), warning=True)
            raise
        noticed = await self._reported(measuring)
        notes = tuple(self.context.reporter.notes)
        return structs.replace(result, run=self.id, noticed=noticed, notes=notes)

    async def _reported(self, measuring: Measuring) -> Noticed | None:
        """End measuring and keep the report; None where nothing has happened that is worth one."""
        await uninterruptible(measuring.end(), self.context)
        if measuring.outcome == "unchanged":
            return None
        change = self.change
        release = change.release if change.command != Command.LEAVE else None
        diff = (in_short(self._changes),) if self._changes is not None else ()
        report = measuring.report(change.command, release, change.source_release, diff)
        keep(self.context, report)
        return noticed_by(report)

    async def to_the_end(self, plan: Plan, release: ReleaseId | None) -> DeployResult:
        """Execute *plan*; return what was done."""
        await self.through(plan)
        return await self.outcome("done", release)

    async def through(self, plan: Plan) -> None:
        """Execute *plan*; ``NeedsPerson`` carries the report of what was done."""
        try:
            self._done = await execute(plan, self.context, self.id)
        except NeedsPerson as error:
            if self.context.traffic.live_at is not None:  # else nothing of it came to users
                error.report = await self.outcome("needs-person", plan.release)
            raise

    async def outcome(
        self, how: Literal["done", "unchanged", "needs-person"], release: ReleaseId | None
    ) -> DeployResult:
        """Return the report; times count from the moment at which the lock was taken."""
        transition, context = self.change, self.context
        return DeployResult(
            command=transition.command,
            project=context.stack.project,
            outcome=how,
            release=release,
            previous=await self._way_back(),
            source=transition.source,
            target=transition.target,
            live=None if context.traffic.live_at is None else Seconds(context.traffic.live_at - self._began),
            done=Seconds((self._done or context.ports.clock.monotonic()) - self._began),
            phases=context.reporter.phases,
            drained=context.traffic.drained,
            baked=context.reporter.baked,
            healed=self._healed,
            notes=tuple(context.reporter.notes),
            open=open_rows(context.ports, context.stack),
            changes=self._changes,
        )

    async def _way_back(self) -> ReleaseId | None:
        """Return the release to go back to: after a rollback the one that was left, else what a rollback would mean."""
        context, left = self.context, self.change.source_release
        if self.change.command == Command.ROLLBACK:
            return None if is_below(left, context.ports.journal.contracts()) else left
        with suppress(TealError):  # users are served: an engine that is away now takes nothing from that
            back = way_back(await observe(context.ports, context.stack))
            return back.release.number if back and back.state == "served" else None
        return None

"""Executes a plan, each step between its two entries in the journal, and follows what it says of a step that fails.

- ``abort``: what was begun is undone, by the plan's undo, and the error is raised.
- ``resume``: it is told, the others still happen, and the run stays open, so that the next command takes it up.
- ``report``: it is told, and the others still happen.
- ``keep_previous``: what the step was to replace goes on, and no later step ends it.
- Until the switch a signal undoes; from then on it waits until all is done.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from contextlib import suppress
from typing import TypeVar

from teal.core.model.side import Side
from teal.core.model.traffic import AWAY, Mode
from teal.core.model.units import Seconds
from teal.core.planning.events import StepFinished, StepStarted
from teal.core.planning.order import OnFailure, Plan, Planned, planned, sparing
from teal.core.planning.step_names import Command
from teal.core.planning.steps import Bake, Hold, RestoreAfterWindow, Retire, RunCanary, Start, Step, Switch, TakeOver
from teal.errors import Held, Interrupted, NeedsPerson, RolledBack, TealError, Unavailable
from teal.run.context import RunContext
from teal.run.steps.handover import KeptPrevious
from teal.run.steps.start import failed_since_gate

T = TypeVar("T")
GLANCE = Seconds(1.0)  # between two looks at the state file while a step works


async def execute(plan: Plan, context: RunContext, run: int) -> float:
    """Execute *plan* as journal run *run*; return when its last step was done, in monotonic seconds.

    Raises what a step raised, after the undo; ``NeedsPerson`` where something after the switch failed. Cancelled
    before the switch, it undoes and raises ``Interrupted``; after it, it finishes first.
    """
    begun = list[Step]()
    context.traffic.users, context.facts = _users_of(plan), _facts(plan, context.stack.project)
    try:
        await _until_confirmed(plan, context, run, begun)
    except asyncio.CancelledError:
        left = await uninterruptible(_undo(plan, context, run, begun, "interrupted"), context)
        hint = left or context.schema.back or await _cost(plan, context, begun)
        when = "while the release was watched" if context.traffic.live_at is not None else "before the switch"
        raise Interrupted(f"interrupted {when}", hint=hint) from None
    except Held:  # the run stays open: whoever comes next goes on watching
        raise
    except Exception as error:  # a bug of Teal's undoes, too: whatever it is, the active release goes on
        message = error.message if isinstance(error, TealError) else f"a bug in Teal: {type(error).__name__}"
        outcome = "rolled-back" if isinstance(error, RolledBack) else "aborted"
        left = await uninterruptible(_undo(plan, context, run, begun, outcome, message), context)
        if isinstance(error, TealError):
            error.hint = "; ".join(filter(None, (await _cost(plan, context, begun), error.hint)))
        if context.schema.back:
            _end_window(context, error, message)
        if isinstance(error, TealError) and left:
            error.hint = f"{error.hint}; {left}"
        raise
    resume = await uninterruptible(_rest(plan, context, run), context)
    if context.reporter.problems_after_switch:
        raise _needs_person(plan, context, run, resume=resume)
    context.end(run, "done")
    return context.ports.clock.monotonic()


def _users_of(plan: Plan) -> Mode:
    """Return where users are when *plan* begins, should the state file be lost.

    A run that goes forward after its switch begins with that again; one that starts a stopped side again keeps them
    away until it serves.
    """
    first = next(iter(plan.before), None)
    if plan.command == Command.HEAL and isinstance(first, Start | RestoreAfterWindow):
        return Mode.HOLD
    return Mode(first.to if isinstance(first, Switch) else plan.source or Side.PLAIN)


def _facts(plan: Plan, project: str) -> dict[str, str]:
    """Return what a hook finds in its environment."""
    return {
        "TEAL_PROJECT": project,
        "TEAL_COMMAND": plan.command,
        "TEAL_COLOR": str(plan.target or ""),
        "TEAL_PREVIOUS_COLOR": str(plan.source or ""),
        "TEAL_RELEASE": "" if plan.release is None else str(plan.release),
    }


def _needs_person(plan: Plan, context: RunContext, run: int, *, resume: bool) -> NeedsPerson:
    """Return the error that tells what went wrong after the switch.

    Where a step is to be taken up again (*resume*), the run stays open: the next command goes on with it.
    """
    message = "; ".join(dict.fromkeys(context.reporter.problems_after_switch))
    error = NeedsPerson(message, hint="users are served; see `teal status` and `teal logs`, or `teal rollback`")
    if resume:
        error.hint = "users are served; the next command takes up what could not be done: see `teal status`"
        error.again = True
    if not error.again or plan.command == Command.HEAL:
        context.end(run, "needs-person", message)
    return error


def _end_window(context: RunContext, error: Exception, message: str) -> None:
    """Say how a window that failed has left users; raise ``NeedsPerson`` where nothing serves them."""
    if context.traffic.users in AWAY:
        raise NeedsPerson(message, hint=context.schema.back, detail=getattr(error, "detail", "")) from error
    if isinstance(error, TealError):
        error.hint = context.schema.back


async def _until_confirmed(plan: Plan, context: RunContext, run: int, begun: list[Step]) -> None:
    """Perform what may still be undone.

    From the switch on a signal waits, since users are on the new release already; while it is watched, one takes it
    back, as before the switch: nobody else would see how it does.
    """
    switched = False
    for each in plan.order:
        if each.on_failure is not OnFailure.ABORT:
            break
        begun.append(each.step)
        work = _one(each, context, run, context.reporter.phases)
        await (uninterruptible(work, context) if switched and not isinstance(each.step, Bake) else work)
        switched = switched or isinstance(each.step, Switch)


async def prepare(steps: Sequence[Step], plan: Plan, context: RunContext, run: int) -> None:
    """Execute *steps*, which come before anything of the plan needs an undo."""
    context.traffic.users, context.facts = Mode(plan.source or Side.PLAIN), _facts(plan, context.stack.project)
    try:
        for each in planned(OnFailure.ABORT, *steps):
            await _one(each, context, run, context.reporter.phases)
    except asyncio.CancelledError:
        context.end(run, "interrupted")
        hint = await _cost(plan, context, ())
        raise Interrupted("interrupted before anything was started", hint=hint) from None
    except TealError as error:
        context.end(run, "aborted", error.message)
        error.hint = "; ".join(filter(None, (error.hint, await _cost(plan, context, ()))))
        raise


async def _rest(plan: Plan, context: RunContext, run: int) -> bool:
    """Perform what follows the switch, each step whatever became of the others; tell whether one is to be resumed."""
    resume, kept = False, set[str]()
    for each in plan.order:
        if each.on_failure is OnFailure.ABORT:
            continue
        try:
            await _one(each, context, run, context.reporter.phases, kept)
        except TealError as error:
            resume = True
            context.reporter.problems_after_switch.append(error.message)
            context.reporter.note(error.message, warning=True)
    try:
        await _recheck_target(plan, context)
    except Unavailable as error:
        resume = True
        context.reporter.problems_after_switch.append(error.message)
    return resume


async def _recheck_target(plan: Plan, context: RunContext) -> None:
    """Say at once where the new release has fallen after its switch; the way back is still open."""
    if plan.target is None or not plan.after:
        return
    error = await failed_since_gate(context, plan.target, plan.release, context.before_switch(plan.release))
    if error is not None:
        context.reporter.problems_after_switch.append(f"{error.message}, after the switch")
        context.reporter.note(f"{error.message}\n{error.detail}", warning=True)


async def _one(
    each: Planned, context: RunContext, run: int, phases: dict[str, Seconds], kept: set[str] | None = None
) -> None:
    """Perform one step between its two journal entries, so that it ends none of the services *kept*, and add to them.

    A failure that is only reported ends the step, as its success does.
    """
    from teal.run.perform import perform  # --dry-run only plans, and need not wait for all that performs

    clock, journal, step = context.ports.clock, context.ports.journal, each.step
    context.reporter.watch(StepStarted(step))
    entry = journal.started(run, step)
    context.traffic.restore()
    began = clock.monotonic()
    try:
        passed = await _guarded(perform(sparing(step, frozenset(kept)) if kept else step, context), context)
    except KeptPrevious as error:
        if each.on_failure is not OnFailure.KEEP_PREVIOUS or kept is None:
            raise
        passed = False
        kept |= error.services
        context.reporter.problems_after_switch += error.problems
        if error.then is not None:
            raise error.then from error
    except TealError as error:
        if each.on_failure is not OnFailure.REPORT:
            raise
        passed = False
        context.reporter.problems_after_switch.append("; ".join(filter(None, (error.message, each.remedy))))
        context.reporter.note(f"{error.message}\n{error.detail}".rstrip(), warning=True)
    seconds = Seconds(clock.monotonic() - began)
    journal.finished(entry, passed=passed)
    name = step.name
    phases[name] = Seconds(phases.get(name, 0.0) + seconds)
    context.reporter.watch(StepFinished(step, seconds, passed))


async def _guarded(work: Awaitable[T], context: RunContext) -> T:
    """Await *work*; a state file that is lost meanwhile is written again at once, however long it takes."""
    guard = asyncio.ensure_future(_guard(context))
    try:
        return await work
    finally:
        guard.cancel()


async def _guard(context: RunContext) -> None:
    while True:
        await context.ports.clock.sleep(GLANCE)
        with suppress(TealError):
            context.traffic.restore()


async def _undo(
    plan: Plan, context: RunContext, run: int, begun: Sequence[Step], outcome: str, message: str = ""
) -> str:
    """Perform the undo, each step whatever became of the others; return what could not be undone.

    The run ends with *outcome*, unless engine, proxy or disk were away: then the next command finds it unfinished.
    """
    left: list[TealError] = []
    untouched = context.traffic.users is Mode(plan.source or Side.PLAIN)
    for each in plan.undo_of(begun, untouched=untouched):
        try:
            await _one(each, context, run, {})
        except TealError as error:
            left.append(error)
        if (
            context.traffic.live_at is not None
            and plan.target is not None
            and context.traffic.users is not Mode(plan.target)
        ):
            context.traffic.left_at = context.traffic.left_at or context.ports.clock.monotonic()
    said = "; ".join(dict.fromkeys(error.message for error in left))
    text = f"not undone: {said} (the next command tries again)" if left else ""
    if not any(isinstance(error, Unavailable) for error in left):
        stays = context.schema.back and context.traffic.users in AWAY  # nothing serves: the maintenance page is up
        context.end(run, "needs-person" if stays else outcome, message or text)
    return text


async def uninterruptible(work: Awaitable[T], context: RunContext) -> T:
    """Await *work* to its end whatever signal comes meanwhile."""
    task = asyncio.ensure_future(work)
    while True:
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            if task.cancelled():
                raise
            context.interrupted = True
            context.reporter.note("interrupted: finishing first what can't be left half done", warning=True)


async def _cost(plan: Plan, context: RunContext, begun: Sequence[Step]) -> str:
    """Return what *plan* has cost users once it was undone, by the steps *begun*, the state file and the containers.

    "" for a repair, which does not know what the run that it repairs has cost.
    """
    if plan.command == Command.HEAL:
        return ""
    if plan.source is None:
        return "nothing serves yet"
    now = context.traffic.now()
    if now.users in AWAY:
        return f"users are kept away from {plan.source}: see `teal status`"
    if context.traffic.left_at is not None:
        what = f"release {plan.release}" if plan.release is not None else "the plain stack"
        seconds = context.traffic.left_at - (context.traffic.live_at or context.traffic.left_at)
        where = f"on {plan.source} again" if now.side is plan.source else f"on {now.side}"
        return f"users were on {what} for {seconds:.0f} s, and are {where}"
    if any(isinstance(step, RunCanary) for step in begun) and now.side is plan.source:
        return f"some users were on release {plan.release}; all are on {plan.source} again, which was not stopped"
    if any(isinstance(step, TakeOver) or (isinstance(step, Retire) and step.side is plan.source) for step in begun):
        return f"{plan.source} was stopped, and serves again: users waited meanwhile, or were turned away"
    if any(isinstance(step, Hold) for step in begun):
        return f"users waited for a moment; {plan.source} serves them, and was not stopped"
    return await _standing(context, plan.source)


async def _standing(context: RunContext, side: Side) -> str:
    """Return how *side* stands, which Teal has not touched: somebody else may have stopped a service of it."""
    opening = frozenset(each.name for each in context.stack.rotating if each.before_switch)
    try:
        still = sorted({each.service for each in await context.containers(side, opening) if not each.running})
    except TealError:
        return f"{side} was not touched"
    if still:
        return f"{side} was not touched, but not running there: {', '.join(still)}"
    return f"{side} still serves, untouched"

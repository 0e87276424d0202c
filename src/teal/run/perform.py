"""Performs one step: the one place where a step meets the code that does it.

A step says all that is needed; what its failure leads to is the plan's to say, and for ``execute`` to follow.
"""

from __future__ import annotations

from typing import assert_never

from teal.core.model.side import Side
from teal.core.planning.steps import (
    Backfill,
    Bake,
    Build,
    CheckActive,
    CheckStandby,
    Confirm,
    ContractStep,
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
    OpenGate,
    Preflight,
    Prune,
    PutBack,
    RaiseFloor,
    RecordActive,
    RecordContracts,
    RecordWindow,
    RemovePlain,
    RestoreAfterWindow,
    Retire,
    RunCanary,
    RunContract,
    RunHook,
    RunOnce,
    RunWindow,
    SaveRelease,
    Start,
    StartShared,
    Step,
    Switch,
    TakeBackFloor,
    TakeOver,
    TidyProxy,
    UndoContract,
)
from teal.run.context import RunContext
from teal.run.migrations import backfill, contracts, expand, gate, judge, window
from teal.run.steps import (
    adoption,
    bake,
    checks,
    containers,
    handover,
    one_shots,
    own_proxy,
    prepare,
    shared,
    start,
    traffic,
)
from teal.run.steps import release as release_steps


async def perform(step: Step, context: RunContext) -> bool:  # noqa: C901 - one case a step
    """Perform *step*; return whether it was true already. Performing twice equals performing once."""
    match step:
        case StartShared(services):
            return await shared.start_shared(context, services)
        case TakeOver(services):
            return await own_proxy.take_over(context, services)
        case GiveBack():
            return await own_proxy.give_back(context)
        case TidyProxy(side):
            return await own_proxy.tidy(context, side)
        case Preflight(force_memory, source):
            return await prepare.preflight(context, source, force_memory=force_memory)
        case Build():
            return await release_steps.build(context, step)
        case SaveRelease(release, side):
            return await release_steps.save(context, release, side)
        case EmptySide(side, logs, sparing):
            return await containers.empty(context, side, logs=logs, sparing=sparing)
        case RunOnce(service, release):
            return await one_shots.run_once(context, service, release)
        case JudgeMigrations(release, phases, only, no_window):
            if no_window:
                await window.refuse_due(context)
            return await judge.judge(context, release, phases or judge.NOW, only)
        case Expand(release, _, serving):
            return await expand.expand(context, release, serving)
        case CheckActive():
            return await expand.check_active(context, step)
        case Backfill(release):
            return await backfill.backfill(context, release)
        case RecordContracts(release):
            return await contracts.record(context, release)
        case PutBack(release, images):
            return await release_steps.put_back(context, release, images)
        case Create(side, release, apart):
            return await containers.create(context, side, release, apart=apart)
        case Start(side, release, services, beside):
            return await start.start(context, side, release, services, beside=beside)
        case CheckStandby(side, release):
            await checks.check(context, side, release)
        case RunHook(when, _, _, each):
            return await one_shots.run_hooks(context, when, each=each)
        case Hold(page, limit):
            return await traffic.hold(context, page=page, limit=limit)
        case RunWindow(release):
            return await window.run(context, release)
        case RecordWindow(release, unseen):
            return await window.record(context, release, unseen=unseen)
        case RestoreAfterWindow(side, release, services):
            await window.restore(context, side, release, services)
        case RunCanary():
            await bake.canary(context, step)
        case Switch():
            return await _switch(context, step)
        case Confirm(side, release, source):
            await traffic.confirm(context, side, release, source)
        case Bake():
            await bake.bake(context, step)
        case HandOver():
            return await handover.hand_over(context, step)
        case KeepPages(side, seconds):
            return await traffic.keep_pages(context, side, seconds)
        case Drain(side):
            await _drain(context, side)
        case Retire(side, services):
            return await containers.retire(context, side, services)
        case RemovePlain(services):
            return await containers.remove_plain(context, services)
        case LeaveNetworks(side):
            return await adoption.leave_networks(context, side)
        case RecordActive(side):
            return await traffic.record_active(context, side)
        case Prune(releases):
            return await release_steps.prune(context, releases)
        case OpenGate() | RaiseFloor() | RunContract() | TakeBackFloor() | UndoContract():
            return await _contract(step, context)
        case _:
            assert_never(step)
    return False


async def _contract(step: ContractStep, context: RunContext) -> bool:
    match step:
        case OpenGate(contract, trusted):
            await gate.open_gate(context, contract, trusted)
            return False
        case RaiseFloor(contract):
            return contracts.raise_floor(context, contract)
        case RunContract(contract, release, soft):
            return await contracts.run_contract(context, contract, release, soft=soft)
        case TakeBackFloor(contract):
            return await contracts.take_back_floor(context, contract)
        case UndoContract(contract):
            return await contracts.undo_contract(context, contract)
        case _:
            assert_never(step)


async def _switch(context: RunContext, step: Switch) -> bool:
    """Look once more whether all that passed the gate still stands, then switch."""
    if not step.again:
        opening = context.before_switch(step.release)
        error = await start.failed_since_gate(context, step.to, step.release, opening)
        if error is not None:
            raise error
        await start.start(context, step.to, step.release, opening)  # all of them pass at one and the same time
    pages = await traffic.pages_after(context, step)
    return context.traffic.switch(step.to, pages)


async def _drain(context: RunContext, side: Side) -> None:
    """Drain all that may stand on *side*: by its own release, and by today's files, as which the proxy may see it."""
    numbers = {container.release for container in await context.containers(side)}
    release = numbers.pop() if len(numbers) == 1 and side.is_color else None
    services = (*context.services(release), *context.stack.rotating)
    await traffic.drain(context, side, frozenset(service.name for service in services))

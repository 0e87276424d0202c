"""Puts right what an interrupted command, or a hand, left behind, before anything else is begun."""

from __future__ import annotations

from contextlib import suppress
from typing import Literal

from teal.core.model.observed import Observed
from teal.core.model.stack import Stack
from teal.core.planning.events import Message
from teal.core.planning.recovery import Repair, adopted_from, diagnose
from teal.core.planning.step_names import Command
from teal.errors import Failed, NeedsPerson, Refused, RolledBack
from teal.run.context import EventSink, Ports, RunContext, run_context
from teal.run.execute import execute
from teal.run.observe import observe
from teal.run.steps.proxy import verify_proxy_reads_state

ROUNDS = 3  # a restored state file may show that a command was interrupted, too


async def heal(  # noqa: C901 - each way in which a repair can fail leads elsewhere
    ports: Ports,
    stack: Stack,
    watch: EventSink,
    *,
    go_on: bool = False,
    decided: Literal["", "promote", "abort"] = "",
) -> tuple[str, Observed]:
    """Repair until nothing is due; return in words what was put right, "" for nothing, and how all stands then.

    The lock is held. Raises what the repair raises. *go_on*: where it fails for good, say so and leave the rest to
    the command, which brings the stack into a known state by itself: or else a release that is broken could never be
    replaced. *decided*: what somebody says of a release that was being watched.
    """
    texts: list[str] = []
    failed: set[str] = set()
    for _ in range(ROUNDS):
        observed = await observe(ports, stack)
        repair = diagnose(observed, stack)
        if repair is None:
            return "; ".join(texts), observed
        watch(Message("note", repair.text))
        try:
            await _carry_out(ports, stack, watch, observed, repair, decided)
        except RolledBack as error:  # all is as it was before that deploy
            watch(Message("warning", error.message))
            texts.append(error.message)
            continue
        except (Failed, NeedsPerson) as error:
            again = isinstance(error, NeedsPerson) and error.again
            if go_on and isinstance(error, Failed):
                await _end_plainly(ports, stack, watch, observed)
            if not again and (go_on or isinstance(error, NeedsPerson)):
                _give_up(ports, observed, error.message)
            if not go_on:
                raise
            watch(Message("warning", error.message))
            if again or repair.text in failed:
                break
            failed.add(repair.text)
            continue
        texts.append(repair.text)
    return "; ".join(texts), await observe(ports, stack)


def _give_up(ports: Ports, observed: Observed, why: str) -> None:
    """Close the run that can't be healed."""
    if observed.unfinished is not None:
        ports.journal.end(observed.unfinished.run, "needs-person", why)


def close_open_runs(ports: Ports, why: str) -> None:
    """Close in the journal what healing could not finish, before another change of hands begins."""
    while (unfinished := ports.journal.unfinished()) is not None:
        ports.journal.end(unfinished.run, "needs-person", why)


async def _carry_out(
    ports: Ports,
    stack: Stack,
    watch: EventSink,
    observed: Observed,
    repair: Repair,
    decided: Literal["", "promote", "abort"],
) -> None:
    """Execute the repair as a run of its own, and close the run that it was due to."""
    plan = repair.plan
    context = run_context(ports, stack, watch, key=ports.machine.secret())
    if plan.steps:
        run = context.begin(Command.HEAL, plan.source, plan.target, plan.release)
        if decided:
            ports.lock.ask(decided)  # as another command would, while this one watches
        try:
            await execute(plan, context, run)
        except RolledBack as error:
            if observed.unfinished is not None:
                ports.journal.end(observed.unfinished.run, "rolled-back", error.message)
                _close_heals(ports)
            raise
    if repair.kind == "restore":
        await _prove(context)
    elif observed.unfinished is not None:
        outcome = "healed" if repair.kind == "forward" else "interrupted"
        ports.journal.end(observed.unfinished.run, outcome, repair.text)
        _close_heals(ports)


async def _end_plainly(ports: Ports, stack: Stack, watch: EventSink, observed: Observed) -> None:
    """End the plain containers of an adoption that has switched and can't be finished, where there are any."""
    plan = adopted_from(observed, stack)
    if plan is not None:
        context = run_context(ports, stack, watch, key=ports.machine.secret())
        await execute(plan, context, context.begin(Command.HEAL, plan.source, plan.target, plan.release))


def _close_heals(ports: Ports) -> None:
    """Close what healed before, and was killed itself: what it was about is done."""
    while (left := ports.journal.unfinished()) is not None and left.command == Command.HEAL:
        ports.journal.end(left.run, "interrupted", "the repair was interrupted, and started again")


async def _prove(context: RunContext) -> None:
    """Prove that the proxy reads what was written again; one that doesn't run will, when it starts."""
    with suppress(Refused):
        await verify_proxy_reads_state(context)

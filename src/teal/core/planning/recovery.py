"""What an interrupted command, or a hand, left behind, and the plan that puts it right.

The first case that holds is repaired; then everything is looked at anew:

1. The proxy's state file is lost, and it can be told which color served: users go there again (``restore``).
2. A run has no end in the journal: past its switch it is finished (``forward``), before it undone (``undo``). Of
   migrations what was applied stays. Past its switch, and nothing stands on its target any more: undone, too.
3. Users are still held, or see the maintenance page, though the run that did it has ended: what served before serves
   again (``undo``).
4. A key of an earlier command is still in the state file: it is taken out (``settle``).
5. The state file can't be read by the proxy's user: it is written again (``restore``).
6. Shared services are still on the networks of a color where nothing runs: they leave them (``settle``).

No repair brings back a release below the rollback floor: then nothing is done, and its text says why (``note``).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from teal.core.model.observed import Observed, Unfinished
from teal.core.model.side import COLORS, Side
from teal.core.model.stack import Service, Stack
from teal.core.model.traffic import Mode
from teal.core.model.units import ReleaseId, Seconds
from teal.core.planning.order import OnFailure, Plan, planned
from teal.core.planning.plan import emptied_plainly, plan_forward, started_again
from teal.core.planning.rollback_floor import floor_of, violates_floor
from teal.core.planning.step_names import Command
from teal.core.planning.steps import (
    Drain,
    EmptySide,
    GiveBack,
    LeaveNetworks,
    RecordActive,
    RemovePlain,
    RestoreAfterWindow,
    Retire,
    Step,
    TakeOver,
    TidyProxy,
)
from teal.core.planning.transition import Transition, kept_plain_jobs, lost_traffic, services_on, taken_over


@dataclass(frozen=True, slots=True)
class Repair:
    """What puts right what an interrupted command, or a hand, left behind."""

    kind: Literal["forward", "undo", "restore", "settle", "note"]
    text: str
    plan: Plan


def diagnose(observed: Observed, stack: Stack) -> Repair | None:
    """Return the repair that is due before any other command, or None where all is well.

    A repair never brings back a release below the rollback floor: then nothing is done, and the text says why.
    """
    repair = _due(observed, stack)
    below = violates_floor(repair.plan, observed.contracts) if repair else None
    floor = floor_of(observed.contracts)
    if repair is None or below is None or floor is None:
        return repair
    return Repair(
        "note", f"{repair.text}; but release {below} is not brought back: {floor.why}", _only(Command.HEAL, None)
    )


def _due(observed: Observed, stack: Stack) -> Repair | None:
    lost = lost_traffic(observed, stack)
    if lost is not None:
        how = "as the journal says" if observed.past.last_switch else "the only color that runs whole"
        text = f"the proxy's state file was lost: users go to {lost} again, {how}"
        return Repair("restore", text, _only(Command.HEAL, lost, RecordActive(lost)))
    unfinished = observed.unfinished
    if unfinished is not None:
        return _finish_or_undo(observed, stack, unfinished)
    if observed.traffic is not None and observed.traffic.key:
        if observed.traffic.offline:
            return _let_go(observed, stack)
        text = "the key of an earlier command was still in the proxy's state file: removed"
        return Repair("settle", text, _only(Command.HEAL, observed.traffic.side, RecordActive(observed.traffic.side)))
    if observed.state_file_unreadable and observed.traffic is not None and observed.traffic.side is not None:
        text = "the proxy's user could not read the proxy's state file: made readable again"
        return Repair("restore", text, _only(Command.HEAL, observed.traffic.side, RecordActive(observed.traffic.side)))
    return _visited(observed, stack)


def _visited(observed: Observed, stack: Stack) -> Repair | None:
    """Take shared services off the networks of a color on which nothing runs: an older Teal has put them there."""
    for color in COLORS:
        guests = observed.guests_of(color, stack.project)
        if guests and not any(container.alive for container in observed.on(color)):
            names = ", ".join(sorted({container.service for container in guests}))
            text = f"{names} was still connected to {color}'s own networks, where nothing runs: disconnected"
            return Repair("settle", text, _only(Command.HEAL, observed.active, LeaveNetworks(color)))
    return None


def _let_go(observed: Observed, stack: Stack) -> Repair:
    """Bring back what served before a run that still keeps users away, though it has ended."""
    side, release = observed.past.last_switch or (Side.PLAIN, None)
    page = observed.traffic is not None and observed.traffic.users is Mode.MAINTENANCE
    what = "users still saw the maintenance page" if page else "requests were still held at the proxy"
    text = f"{what}: {side} runs and serves again"
    return Repair("undo", text, _only(Command.HEAL, side, *_again(observed, stack, side, release)))


def _again(observed: Observed, stack: Stack, side: Side, release: ReleaseId | None) -> tuple[Step, ...]:
    """Return how *side* serves again, from which users were kept away: after a window only where it still can."""
    served = _served_by(observed, stack, side)
    page = observed.traffic is not None and observed.traffic.users is Mode.MAINTENANCE
    if page or stack.migrations is not None:
        return (RestoreAfterWindow(side, release, tuple(service.name for service in served)),)
    return started_again(side, release, served)


def _served_by(observed: Observed, stack: Stack, side: Side) -> tuple[Service, ...]:
    """Return the services that ran on *side* before its users were held: not the jobs that go on plainly beside it."""
    spared = kept_plain_jobs(observed, stack, side)
    return tuple(service for service in services_on(observed, stack, side) if service.name not in spared)


def _finish_or_undo(observed: Observed, stack: Stack, unfinished: Unfinished) -> Repair:
    """Go forward where the interrupted command had switched already; else undo what it had begun."""
    source, target = unfinished.source, unfinished.target
    if unfinished.command == Command.HEAL:  # what it was about ended before it, or shows by itself
        return Repair("note", "the repair was interrupted: started again", _only(Command.HEAL, source))
    what = f"{unfinished.command} of release {unfinished.release}" if unfinished.release else unfinished.command
    switched = (
        observed.past.last_switch[0] if observed.past.last_switch else None
    )  # a lost state file says nothing of a switch
    users = observed.traffic.side if observed.traffic else switched
    switched_over = target is not None and users is target and target is not source
    if target is not None and switched_over and _stands_on(observed, stack, target):
        transition = _change_again(observed, stack, unfinished, target)
        said = f"{what} was interrupted after its switch: finished"
        if transition.bake:
            left = f"{transition.bake:.0f} s were left"
            said = f"{what} was interrupted while its release was watched: {left}"
        return Repair("forward", said, plan_forward(observed, stack, transition))
    steps = _undo_steps(observed, stack, unfinished, stopped=switched_over)
    kind: Literal["undo", "note"] = "undo" if steps else "note"
    if unfinished.command.startswith("migrate-"):
        return Repair(kind, f"{what} was interrupted: what it had applied stays", _only(Command.HEAL, source, *steps))
    when = "after its switch, and nothing stands there any more" if switched_over else "before its switch"
    return Repair(kind, f"{what} was interrupted {when}: undone", _only(Command.HEAL, source, *steps))


def _stands_on(observed: Observed, stack: Stack, side: Side) -> bool:
    """Tell whether any rotating service has a container on *side*."""
    return bool(observed.on(side, frozenset(service.name for service in services_on(observed, stack, side))))


def _change_again(observed: Observed, stack: Stack, unfinished: Unfinished, target: Side) -> Transition:
    """Return the change of hands that was interrupted."""
    return Transition(
        command=Command.HEAL,
        source=unfinished.source,
        target=target,
        release=unfinished.release,
        source_services=services_on(observed, stack, unfinished.source),
        target_services=services_on(observed, stack, target),
        keep=stack.settings.retire == "keep",
        # A deploy beside the release that serves makes no change of a window, and needs no database to be finished.
        window=stack.migrations is not None
        and unfinished.held
        and (unfinished.window or stack.strategy != "recreate")
        and unfinished.command in {Command.DEPLOY, Command.MIGRATE_WINDOW},
        strategy=stack.strategy,
        bake=_left_to_watch(stack, unfinished),
        taken=taken_over(stack) if Side.PLAIN in {unfinished.source, target} else (),
        guests=unfinished.source is not None and bool(observed.guests_of(unfinished.source, stack.project)),
        kept_plain_jobs=_plain_jobs(observed, stack) if unfinished.source in COLORS and target in COLORS else (),
    )


def _left_to_watch(stack: Stack, unfinished: Unfinished) -> Seconds:
    """Return for how long its release is still to be watched: all of it where it died before the watch began."""
    if unfinished.baking is not None:
        return unfinished.baking
    begun = unfinished.command == Command.DEPLOY and unfinished.source is not None
    return stack.settings.bake if begun else Seconds(0.0)


def adopted_from(observed: Observed, stack: Stack) -> Plan | None:
    """Return what ends the plain containers of an interrupted adoption that has switched; None where there are none.

    For where it can't be finished, since what it made has fallen: a color that is to replace it must not start while
    plain names mean these.
    """
    unfinished, active = observed.unfinished, observed.active
    if unfinished is None or unfinished.source is not Side.PLAIN or active is None or unfinished.target is not active:
        return None
    spared = kept_plain_jobs(observed, stack, active)
    names = tuple(service.name for service in stack.rotating if service.name not in spared)
    return _only(Command.HEAL, active, Drain(Side.PLAIN), Retire(Side.PLAIN, names), RemovePlain(names))


def _plain_jobs(observed: Observed, stack: Stack) -> tuple[str, ...]:
    """Return the jobs of which a plain container exists."""
    there = {container.service for container in observed.on(Side.PLAIN)}
    return tuple(s.name for s in stack.rotating if s.name in there and not s.before_switch)


def _undo_steps(observed: Observed, stack: Stack, unfinished: Unfinished, *, stopped: bool) -> tuple[Step, ...]:
    """Return what takes an interrupted command back to where it began.

    The source was not touched, unless users were kept away from it, or it may have been *stopped* after the switch.
    """
    source, target = unfinished.source, unfinished.target
    back: list[Step] = []
    away = observed.traffic is not None and observed.traffic.offline
    if source is Side.PLAIN and stack.own:
        back.append(GiveBack())
    if source is not None and (away or unfinished.held or stopped):
        back += _again(observed, stack, source, observed.release_on(source) if source.is_color else None)
    elif observed.traffic is not None and (away or observed.traffic.key):
        back.append(RecordActive(source))
    again: tuple[Step, ...] = ()
    if target is Side.PLAIN and source in COLORS and stack.own:
        again = (TakeOver(taken_over(stack)), TidyProxy(source))
    emptied = _empty(observed, stack, unfinished, target) if target is not None and target is not source else []
    if not emptied or target is None:
        return (*back, *again)
    if stack.strategy == "recreate":  # two releases never run at once, not even for the moment until users are back
        return (Drain(target), *emptied, *(back or [RecordActive(source)]), *again)
    return (*back, Drain(target), *emptied, RecordActive(source), *again)


def _empty(observed: Observed, stack: Stack, unfinished: Unfinished, target: Side) -> list[Step]:
    """Return how the half-filled *target* is emptied; a release that stood there before is not touched."""
    if target is Side.PLAIN:
        return list(emptied_plainly(stack.rotating, kept_plain_jobs(observed, stack, unfinished.source)))
    if not observed.on(target):
        left = observed.networks_of(target, stack.project)  # by a killed clearing
        return [EmptySide(target)] if left else []
    if not any(container.release == unfinished.release for container in observed.on(target)):
        return []
    if unfinished.command == Command.ROLLBACK:
        return [Retire(target, tuple(service.name for service in services_on(observed, stack, target)))]
    return [EmptySide(target, logs=True)]


def _only(command: Command, side: Side | None, *steps: Step) -> Plan:
    """Return a plan of nothing but *steps*."""
    return Plan(command, side, None, None, planned(OnFailure.ABORT, *steps))

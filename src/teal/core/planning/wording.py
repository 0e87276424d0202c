"""What people and programs read alike, in words: steps, readiness, how long users waited."""

from __future__ import annotations

from collections.abc import Sequence
from typing import assert_never

from teal.core.model.side import COLORS, Side
from teal.core.model.stack import HttpProbe, Role, Service, Stage
from teal.core.model.traffic import HELD
from teal.core.model.units import ReleaseId, Seconds
from teal.core.planning import steps as s


def say(step: s.Step) -> str:  # noqa: C901 (one case for each step is the point)
    """Return what *step* does, in the words of the design, for plans and progress."""
    match step:
        case s.StartShared(services):
            return f"start the shared services that are absent: {_listed(services)}"
        case s.TakeOver(services):
            return f"let Teal's own proxy take over the ports and names of {_listed(services)}"
        case s.GiveBack():
            return "let Teal's own proxy give the ports back"
        case s.TidyProxy(side):
            return "remove Teal's own proxy" if side is Side.PLAIN else "remove what Teal's own proxy began with"
        case s.Preflight():
            return "check memory and disk, and that the proxy reads the state file"
        case s.Build():
            return _build(step)
        case s.SaveRelease(release, side):
            return f"pin the images and keep release {release} for {side}"
        case s.EmptySide(side, logs):
            return f"remove {side}'s containers and networks" + (", keeping the last logs" if logs else "")
        case s.RunOnce(service, release):
            return f"run {service} of release {release} to its end"
        case s.JudgeMigrations(release, _, only):
            return f"judge {only or 'the schema changes'} of release {release}"
        case s.Expand(_, how):
            return f"expand the schema: {how}"
        case s.CheckActive(side, release):
            return f"check {_what(side, release)} once more, on the expanded schema"
        case s.Backfill(_, how):
            return f"backfill: {how}"
        case s.RecordContracts(release):
            return f"record the contracts that release {release} brings"
        case s.PutBack(release, images):
            return f"give the names of the images back to those of release {release}: {_listed(images)}"
        case s.Create(side, release, apart):
            return f"create {_what(side, release)}" + (", apart from the plain containers" if apart else "")
        case s.Start(side, _, services, beside):
            more = f"; start {_listed(beside)}, too" if beside else ""
            if not services:
                return f"start {_listed(beside)} on {side}"
            return f"start {_listed(services)} on {side} and wait until healthy{more}"
        case s.CheckStandby(side):
            return f"check {side} through the proxy"
        case s.RunHook(when):
            return f"run the {when} hook"
        case s.Hold(page, limit):
            return _hold(limit, page=page)
        case s.RunWindow(release):
            return f"make the window's changes of release {release} in the database"
        case s.RecordWindow(release):
            return f"raise the rollback floor to release {release}, where a window has changed the database"
        case s.RestoreAfterWindow(side, release):
            return f"bring {_what(side, release)} back, as far as the database allows"
        case s.RunCanary(_, release, _, stages):
            return f"lead {', then '.join(staged(each) for each in stages)} of users to release {release}, and watch it"
        case s.Switch(to, release):
            return f"switch all routes to {_what(to, release)}"
        case s.Confirm(side):
            return f"ask through the proxy whether {side} answers"
        case s.Bake(_, release, _, seconds, back):
            what = f"release {release}" if release is not None else "what serves"
            return f"watch {what} for {seconds:.0f} s" + (", and go back where it is worse" if back else "")
        case s.HandOver(to, _, workers, singletons):
            return _hand_over(to, workers, tuple(each.service for each in singletons))
        case s.KeepPages(side, window):
            return f"let pages of the older release stay on {side} until {window:.0f} s after the switch"
        case s.Drain(side):
            return f"drain {side}"
        case s.Retire(side, services):
            return f"retire {side}: stop {_listed(services)}"
        case s.RemovePlain(services):
            return f"remove the retired plain containers: {_listed(services)}"
        case s.LeaveNetworks(side):
            return f"disconnect the shared services from {side}'s own networks"
        case s.RecordActive(side):
            return f"record {side} as the active color" if side in COLORS else "record that no color is active"
        case s.Prune(releases):
            return f"remove what the policy no longer keeps: release {_listed(releases)}"
        case s.OpenGate() | s.RaiseFloor() | s.RunContract() | s.TakeBackFloor() | s.UndoContract():
            return _of_contract(step)
        case _:
            assert_never(step)


def staged(stage: Stage) -> str:
    """Return a stage of a canary as its owner writes it."""
    return f"{stage.percent:g}%" + (f" for {stage.seconds:g}s" if stage.seconds is not None else "")


def _of_contract(step: s.ContractStep) -> str:
    match step:
        case s.OpenGate(contract):
            return f"look at every condition of the gate before {contract}"
        case s.RaiseFloor(contract):
            return f"raise the rollback floor for {contract}"
        case s.RunContract(contract, release, soft):
            return f"run {contract} from release {release}" + (
                ", as tombstones that can be brought back" if soft else ""
            )
        case s.TakeBackFloor(contract):
            return f"take back the floor of {contract}, if nothing of it was applied"
        case s.UndoContract(contract):
            return f"bring back what {contract} had renamed"
        case _:
            assert_never(step)


def _hand_over(to: Side, workers: Sequence[str], singletons: Sequence[str]) -> str:
    parts = [f"start {_listed(workers)} on {to}"] if workers else []
    parts += [f"hand {_listed(singletons)} over to {to}"] if singletons else []
    return f"{', '.join(parts)}, and wait until healthy"


def _hold(limit: Seconds, *, page: bool) -> str:
    if page:
        return "show users the maintenance page"
    then = f", and after {limit:.0f} s show the maintenance page" if limit else ""
    return f"hold new requests at the proxy{then}"


def _build(step: s.Build) -> str:
    pulled = (*step.pull, *step.absent, *step.mounted)
    parts = [f"{verb} {_listed(names)}" for verb, names in (("build", step.services), ("pull", pulled)) if names]
    return " and ".join(parts)


def _what(side: Side, release: ReleaseId | None) -> str:
    return f"{side}, release {release}" if release is not None else str(side)


def _listed(names: Sequence[object]) -> str:
    return ", ".join(str(each) for each in names) or "nothing"


def ready_by(service: Service) -> str:
    """Return how it is known that *service* is ready."""
    if service.role in {Role.ONE_SHOT, Role.TOOL}:
        return "its end" if service.role is Role.ONE_SHOT else "-"
    if service.health.kind == "engine":
        return "healthcheck"
    if service.health.kind == "probe":
        probe = service.health.probe
        return f"GET {probe.path}" if isinstance(probe, HttpProbe) else "TCP probe"
    return "running" if service.role is Role.SHARED else f"{service.health.min_healthy_time:.0f} s without a restart"


def held(seconds: Seconds) -> str:
    """Return for how long users' new requests waited, and whether that was longer than the proxy waits."""
    late = f"; it gives up on a request after {HELD:.0f} s, so some have failed" if seconds > HELD else ""
    return f"the proxy held requests for {seconds:.0f} s{late}"

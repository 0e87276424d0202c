"""Does: everything that changes or asks the proxy: preview, switch, confirm, drain, settle."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from teal.core.drain import Draining, Open, open_on
from teal.core.model.side import Side, key_of
from teal.core.model.stack import CommandCheck, HttpCheck, Service
from teal.core.model.traffic import Mode, Traffic, to
from teal.core.planning.events import InFlight
from teal.core.roles import Role
from teal.errors import CheckFailed, Failed, Refused, TealError, Unavailable
from teal.run import away
from teal.run.api import Drained
from teal.run.context import Scene
from teal.run.steps import evidence
from teal.run.steps.checks import answers_from
from teal.run.steps.proxy import any_entry, entry_of

SETTLED_IN = 0.5  # seconds after the rename before counts mean anything
POLL = 0.1


def keep_users(scene: Scene) -> None:
    """Write the state file anew where it was lost while this run works: until then requests are held."""
    if scene.users is not Mode.PLAIN and scene.ports.proxy.read() is None:
        scene.ports.proxy.write(Traffic(scene.users))
        scene.note(f"the proxy's state file was lost while this ran: it says {scene.users} again", warning=True)


async def check(
    scene: Scene, side: Side, release: int | None, checks: tuple[HttpCheck | CommandCheck, ...] | None = None
) -> None:
    """Send a request per route to *side* through the real proxy, then run the owner's checks (those of today)."""
    scene.ports.proxy.write(scene.traffic().keyed(side, scene.key))
    routes = [service for service in scene.services(release) if service.role is Role.ROUTE]
    for route in routes:
        await _reach(scene, side, route)
    for each in scene.stack.checks if checks is None else checks:
        match each:
            case HttpCheck():
                await _check_http(scene, side, each)
            case CommandCheck():
                await _check_command(scene, side, each)


def unkey(scene: Scene) -> None:
    """Take the key of a check out of the state file."""
    now = scene.ports.proxy.read()
    if now is not None and now.key:
        scene.ports.proxy.write(now.settled)


async def _reach(scene: Scene, side: Side, route: Service) -> None:
    """Prove that the proxy reaches *route* on *side*, and that its answer comes from there."""
    serving = scene.traffic().side
    seen = await answers_from(scene, side, route, other=serving if serving is not side else None)
    if seen:
        raise CheckFailed(
            f"{side}/{route.name} does not answer through the proxy: {seen}",
            hint=f"the proxy must reach {key_of(route.name, side)}:{route.port}",
        )


async def _check_http(scene: Scene, side: Side, wanted: HttpCheck) -> None:
    """Perform one of the owner's HTTP checks."""
    proxy, _ = await scene.door()
    answer = await scene.ports.proxy.ask(proxy, await entry_of(scene, wanted.route), scene.key, wanted.path)
    if answer.status != wanted.status:
        raise CheckFailed(
            f"check {wanted.path} on {side}/{wanted.route}: status {answer.status}, not {wanted.status}",
        )
    if wanted.contains and wanted.contains not in answer.body:
        raise CheckFailed(
            f"check {wanted.path} on {side}/{wanted.route}: the answer does not contain {wanted.contains!r}",
        )


async def _check_command(scene: Scene, side: Side, wanted: CommandCheck) -> None:
    """Run one of the owner's check commands in a container of the new release."""
    found = await scene.containers(side, frozenset({wanted.service}))
    if not found:
        raise CheckFailed(f"check on {wanted.service}: it has no container on {side}", hint="mend `checks` in teal.yml")
    limit = scene.stack.settings.health_timeout
    ran = await scene.ports.engine.execute(found[0].id, wanted.command, within=limit)
    if ran.status != 0:
        raise CheckFailed(
            f"check `{' '.join(wanted.command)}` in {side}/{wanted.service} ended with status {ran.status}",
            detail=ran.output.rstrip(),
        )


async def switch(scene: Scene, side: Side) -> bool:
    """Send all users to *side* in one rename; Teal's key stays for the confirmation and the drain."""
    passed = scene.traffic().users == to(side).users
    scene.ports.proxy.write(to(side).keyed(side, scene.key))
    scene.users, scene.live_at = Mode(side), scene.ports.clock.monotonic()
    away.tell(scene, scene.live_at)
    return passed


async def confirm(scene: Scene, side: Side, release: int | None, source: Side | None) -> None:
    """Ask through the proxy until every route answers from *side*; raise ``Failed`` where one doesn't in time.

    Users were on *source* before: what is slow there, too, is not the release's fault.
    """
    if scene.traffic() != to(side).keyed(side, scene.key):  # a run that heals begins here
        scene.ports.proxy.write(to(side).keyed(side, scene.key))
    for route in scene.services(release):
        asked = route.role is Role.ROUTE
        seen = await answers_from(scene, side, route, other=source if source is not side else None) if asked else ""
        if seen:
            detail = await evidence.last_words(scene, await scene.containers(side, frozenset({route.name})))
            message = f"after the switch {side}/{route.name} did not answer: {seen}"
            raise Failed(message, hint="its last log lines are above", detail=detail)


async def drain(scene: Scene, side: Side, names: frozenset[str]) -> None:
    """Wait until nothing of the users is in flight on *side*; say what was still open when the time was over.

    *names* are the services that may stand there. What the proxy sends to any of them counts, whatever its role was
    when its release was made: a service may have become a route since.
    """
    began = scene.ports.clock.monotonic()
    serving = [container for container in await scene.containers(side) if container.running]
    if not serving:
        scene.drained = scene.drained or Drained(0.0)  # one color at a time: it was drained before it stopped
        return
    now = scene.traffic()
    if now.key != scene.key:
        scene.ports.proxy.write(now.keyed(now.side or Side.PLAIN, scene.key))
    try:
        await scene.door()
    except Refused:  # no proxy, nothing in flight through it
        scene.drained = Drained(0.0)
        return
    try:
        left = await _count_down(scene, side, names, began)
    except TealError as error:
        await _wait_out(scene, began, str(error))
        return
    scene.drained = Drained(scene.ports.clock.monotonic() - began, left.requests, left.websockets)


async def _count_down(scene: Scene, side: Side, names: frozenset[str], began: float) -> Open:
    """Poll the proxy's counts until the drain is over; return what is still open then."""
    clock, settings = scene.ports.clock, scene.stack.settings
    proxy, loaded = await scene.door()
    entry, state = await any_entry(scene), Draining()
    await clock.sleep(max(0.0, SETTLED_IN - (clock.monotonic() - (scene.live_at or began))))
    while True:
        counts = await scene.ports.proxy.in_flight(proxy, entry, scene.key)
        seen = open_on(side, names, counts, loaded.routes)
        if seen is None:
            raise Unavailable("the proxy counts nothing for a route", hint="`teal check` looks at its settings")
        scene.watch(InFlight(side, seen.requests, seen.websockets))
        elapsed = clock.monotonic() - began
        state = state.polled(seen, websockets_matter=elapsed < settings.websocket_drain)
        if state.over or elapsed >= settings.drain_timeout:
            return seen
        await clock.sleep(POLL)


async def _wait_out(scene: Scene, began: float, why: str) -> None:
    """Wait the whole drain timeout where the proxy can't count what is in flight."""
    scene.note(f"the proxy can't say what is in flight ({why}); waiting the whole drain timeout", warning=True)
    clock = scene.ports.clock
    await clock.sleep(max(0.0, scene.stack.settings.drain_timeout - (clock.monotonic() - began)))
    scene.drained = Drained(clock.monotonic() - began, counted=False)


async def settle(scene: Scene, side: Side | None) -> bool:
    """Write *side* into the state file without any key, and publish it; tell whether both said so already."""
    wanted = to(side or Side.PLAIN)
    scene.users = wanted.users
    away.tell(scene, scene.ports.clock.monotonic())
    passed = scene.ports.proxy.read() == wanted and not scene.ports.proxy.closed()
    if not passed:
        scene.ports.proxy.write(wanted)
    published = "" if side is None else str(side)
    if scene.ports.machine.published() == published:
        return passed
    with suppress(asyncio.CancelledError):
        try:
            scene.ports.machine.publish(published)
        except OSError as error:
            scene.note(f".deployment-color could not be written: {error.strerror}", warning=True)
    return False

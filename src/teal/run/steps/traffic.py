"""Does: everything that changes or asks the proxy: preview, switch, confirm, drain, settle.

Does: keeps users away while nothing serves them: they wait at the proxy, or see the maintenance page.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress

from teal.core.model.side import Side
from teal.core.model.stack import Role
from teal.core.model.traffic import HELD, Draining, Mode, Open, Traffic, open_on, to
from teal.core.planning.events import InFlight
from teal.core.planning.wording import held
from teal.errors import Failed, Refused, TealError, Unavailable
from teal.run.api import Drained
from teal.run.context import Scene
from teal.run.steps import evidence
from teal.run.steps.checks import answers_from
from teal.run.steps.proxy import any_entry, entry_of

TURNED_AWAY = 503


async def hold(scene: Scene, *, page: bool = False, limit: float = 0.0) -> bool:
    """Let users' new requests wait at the proxy, or show the maintenance *page*; tell whether it was so already.

    Whoever sees the page goes on seeing it. After *limit* seconds of waiting new requests see it, too.
    """
    now = scene.traffic()
    mode = Mode.MAINTENANCE if page or now.users is Mode.MAINTENANCE else Mode.HOLD
    _put_away(scene, mode)
    if page:
        await _prove_turned_away(scene)
    if limit and mode is Mode.HOLD and scene.turning is None:
        scene.turning = asyncio.create_task(_turn_away_later(scene, limit))
    return now.users is mode


def _put_away(scene: Scene, mode: Mode) -> None:
    """Write *mode*, and remember since when users are kept away so."""
    now, time = scene.traffic(), scene.ports.clock.monotonic()
    scene.users = mode
    if mode is Mode.HOLD:
        scene.held_at = scene.held_at or time
    else:
        scene.paged_at = scene.paged_at or time
    scene.ports.proxy.write(Traffic(mode).keyed(now.side or now.asked or Side.PLAIN, scene.key))


async def _turn_away_later(scene: Scene, limit: float) -> None:
    """Show the maintenance page where users still wait after *limit* seconds: no request waits in vain any more."""
    await scene.ports.clock.sleep(limit)
    if scene.users is Mode.HOLD:
        turn_away(scene)
        scene.note(f"requests have waited for {limit:.0f} s: new ones see the maintenance page now", warning=True)


def turn_away(scene: Scene) -> None:
    """Show users the maintenance page; Teal's key still opens what it opened."""
    if scene.turning is not asyncio.current_task():
        _let_in(scene)
    _put_away(scene, Mode.MAINTENANCE)


async def _prove_turned_away(scene: Scene) -> None:
    """Ask as a user does, and raise ``Failed`` where anything but the maintenance page comes."""
    proxy, loaded = await scene.door()
    for route in dict.fromkeys(entry.route for entry in loaded.entries):
        answer = await scene.ports.proxy.ask(proxy, await entry_of(scene, route), "")
        if answer.status != TURNED_AWAY or "retry-after" not in answer.headers:
            raise Failed(
                f"the proxy does not show the maintenance page for {route}: status {answer.status}",
                hint="an older snippet may not know it: `teal snippet > teal.caddy`, then reload the proxy",
            )


def tell(scene: Scene, now: float) -> None:
    """Say for how long users' new requests waited or were turned away, and whether some have failed."""
    _let_in(scene)
    if scene.held_at is not None:
        scene.note(held(now - scene.held_at), warning=now - scene.held_at > HELD)
    if scene.paged_at is not None:
        scene.note(f"users saw the maintenance page for {now - scene.paged_at:.0f} s")
    scene.held_at = scene.paged_at = None


def _let_in(scene: Scene) -> None:
    """Stop waiting for the moment at which users would be turned away."""
    if scene.turning is not None:
        scene.turning.cancel()
        scene.turning = None


SETTLED_IN = 0.5  # seconds after the rename before counts mean anything
POLL = 0.1


def keep_users(scene: Scene) -> None:
    """Write the state file anew where it was lost while this run works: until then requests are held."""
    if scene.users is not Mode.PLAIN and scene.ports.proxy.read() is None:
        scene.ports.proxy.write(Traffic(scene.users))
        scene.note(f"the proxy's state file was lost while this ran: it says {scene.users} again", warning=True)


async def switch(scene: Scene, side: Side) -> bool:
    """Send all users to *side* in one rename; Teal's key stays for the confirmation and the drain."""
    passed = scene.traffic().users == to(side).users
    scene.ports.proxy.write(to(side).keyed(side, scene.key))
    scene.users, scene.live_at = Mode(side), scene.ports.clock.monotonic()
    tell(scene, scene.live_at)
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
    tell(scene, scene.ports.clock.monotonic())
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

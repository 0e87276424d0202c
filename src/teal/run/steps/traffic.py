"""Steps that ask the proxy, beside what ``context.traffic`` writes: hold with its page, confirm, drain, the end."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import replace

from teal.core.model.observed import Container
from teal.core.model.side import Side
from teal.core.model.stack import Role
from teal.core.model.traffic import MOUNT, Draining, OpenRequests, Pages, open_on, to
from teal.core.model.units import ReleaseId, Seconds
from teal.core.planning.events import InFlight
from teal.core.planning.steps import Switch
from teal.errors import Failed, Refused, TealError, Unavailable
from teal.ports import Endpoint
from teal.run.api import Drained
from teal.run.context import RunContext
from teal.run.steps import evidence
from teal.run.steps.checks import answers_from
from teal.run.steps.proxy import any_entry, entry_of, require_snippet

TURNED_AWAY = 503


async def hold(context: RunContext, *, page: bool = False, limit: Seconds = Seconds(0.0)) -> bool:
    """Let users' new requests wait at the proxy, or show the maintenance *page*; tell whether it was so already.

    The page is proved by asking for it. After *limit* seconds of waiting new requests see it, too; 0 for none.
    """
    passed = context.traffic.hold(page=page, limit=limit)
    if page:
        await _prove_turned_away(context)
    return passed


async def _prove_turned_away(context: RunContext) -> None:
    """Ask as a user does, and raise ``Failed`` where anything but the maintenance page comes."""
    proxy, loaded = await context.proxy_endpoints()
    for route in dict.fromkeys(endpoint.route for endpoint in loaded.entries):
        answer = await context.ports.proxy.ask(proxy, await entry_of(context, route), "")
        if answer.status != TURNED_AWAY or "retry-after" not in answer.headers:
            raise Failed(
                f"the proxy does not show the maintenance page for {route}: status {answer.status}",
                hint="an older snippet may not know it: `teal snippet > teal.caddy`, then reload the proxy",
            )


SETTLED_IN = 0.5  # seconds after the rename before counts mean anything
POLL = Seconds(0.1)
GLANCE = Seconds(1.0)  # between two looks at the side on which pages stay


async def confirm(context: RunContext, side: Side, release: ReleaseId | None, source: Side | None) -> None:
    """Ask through the proxy until every route answers from *side*; raise ``Failed`` where one doesn't in time.

    Users were on *source* before: what is slow there, too, is not the release's fault.
    """
    now = context.traffic.now()
    if replace(now, pages=None) != to(side).with_key(side, context.traffic.key):  # a run that heals begins here
        context.ports.proxy.write(to(side).with_key(side, context.traffic.key))
    await context.traffic.read_counts()
    for route in context.services(release):
        asked = route.role is Role.ROUTE
        seen = await answers_from(context, side, route, other=source if source is not side else None) if asked else ""
        if seen:
            detail = await evidence.last_words(context, await context.containers(side, frozenset({route.name})))
            message = f"after the switch {side}/{route.name} did not answer: {seen}"
            raise Failed(message, hint="its last log lines are above", detail=detail)


async def pages_after(context: RunContext, switch: Switch) -> Pages | None:
    """Return what the state says of pages after *switch*; None where the snippet that runs knows no such word.

    A deploy was refused then; a rollback or a repair must go on.
    """
    if not switch.pages or switch.release is None:
        return None
    try:
        await require_snippet(context, "pages that stay on their release")
    except TealError as error:
        context.reporter.note(f"pages don't stay on their release: {error.message}", warning=True)
        return None
    return Pages(switch.release, switch.older)


async def keep_pages(context: RunContext, side: Side, window: Seconds) -> bool:
    """Wait until *window* seconds since the switch are over, or a signal comes; then lead all to the new release.

    Where nothing runs on *side* any more it is over at once.
    """
    clock = context.ports.clock
    pages = context.traffic.now().pages
    if pages is None or pages.older is None:
        return True
    end = (context.traffic.live_at or clock.monotonic()) + window
    context.reporter.note(f"pages of release {pages.older[1]} stay on {side} for {window:.0f} s after the switch")
    while clock.monotonic() < end and not context.interrupted:
        if not any(container.running for container in await context.containers(side)):
            context.reporter.note(f"nothing runs on {side} any more: its pages go to the new release", warning=True)
            break
        await clock.sleep(Seconds(min(GLANCE, max(0.0, end - clock.monotonic()))))
    return context.traffic.close_pages()


async def drain(context: RunContext, side: Side, names: frozenset[str]) -> None:
    """Wait until nothing of the users is in flight on *side*; say what was still open when the time was over.

    *names* are the services that may stand there. What the proxy sends to any of them counts, whatever its role was
    when its release was made: a service may have become a route since.
    """
    began = context.ports.clock.monotonic()
    serving = [container for container in await context.containers(side) if container.running]
    if not serving:
        context.traffic.drained = context.traffic.drained or Drained(
            Seconds(0.0)
        )  # one color at a time: it was drained before it stopped
        return
    now = context.traffic.now()
    if now.key != context.traffic.key:
        context.ports.proxy.write(now.with_key(now.side or Side.PLAIN, context.traffic.key))
    try:
        await context.proxy_endpoints()
    except Refused:  # no proxy, nothing in flight through it
        context.traffic.drained = Drained(Seconds(0.0))
        return
    try:
        left = await _count_down(context, side, names, began)
    except TealError as error:
        await _wait_out(context, began, str(error))
        return
    context.traffic.drained = Drained(Seconds(context.ports.clock.monotonic() - began), left.requests, left.websockets)


async def _count_down(context: RunContext, side: Side, names: frozenset[str], began: float) -> OpenRequests:
    """Poll the proxy's counts until the drain is over; return what is still open then."""
    clock, settings = context.ports.clock, context.stack.settings
    proxy, loaded = await context.proxy_endpoints()
    meters = [(proxy, await any_entry(context)), *await _beside(context, proxy)]
    state = Draining()
    await clock.sleep(Seconds(max(0.0, SETTLED_IN - (clock.monotonic() - (context.traffic.live_at or began)))))
    while True:
        counts = [await context.ports.proxy.in_flight(*meter, context.traffic.key) for meter in meters]
        seen = open_on(side, names, counts[0], loaded.routes)
        for other in counts[1:]:
            more = open_on(side, names, other, ())
            seen = seen and more and OpenRequests(seen.requests + more.requests, seen.websockets + more.websockets)
        if seen is None:
            raise Unavailable("the proxy counts nothing for a route", hint="`teal check` looks at its settings")
        context.reporter.watch(InFlight(side, seen.requests, seen.websockets))
        elapsed = clock.monotonic() - began
        state = state.polled(seen, websockets_matter=elapsed < settings.websocket_drain)
        if state.over or elapsed >= settings.drain_timeout:
            return seen
        await clock.sleep(POLL)


async def _beside(context: RunContext, proxy: Container) -> list[tuple[Container, Endpoint]]:
    """Return the other proxies that read the same state file, each with a place at which to ask it."""
    every = await context.ports.engine.containers(context.stack.project)
    folder = context.ports.proxy.folder
    others = [c for c in every if c.running and c.binds.get(MOUNT) == folder and c.id != proxy.id]
    loaded = [(each, await context.ports.proxy.loaded(each)) for each in others]
    return [(each, found.entries[0]) for each, found in loaded if found.entries]


async def _wait_out(context: RunContext, began: float, why: str) -> None:
    """Wait the whole drain timeout where the proxy can't count what is in flight."""
    context.reporter.note(
        f"the proxy can't say what is in flight ({why}); waiting the whole drain timeout", warning=True
    )
    clock = context.ports.clock
    await clock.sleep(Seconds(max(0.0, context.stack.settings.drain_timeout - (clock.monotonic() - began))))
    context.traffic.drained = Drained(Seconds(clock.monotonic() - began), counted=False)


async def record_active(context: RunContext, side: Side | None) -> bool:
    """Write *side* into the state file without any key, and publish it; tell whether both said so already."""
    await context.traffic.read_counts()  # while the key is still there
    passed = context.traffic.record_active(side)
    published = "" if side is None else str(side)
    if context.ports.machine.published() == published:
        return passed
    with suppress(asyncio.CancelledError):
        try:
            context.ports.machine.publish(published)
        except OSError as error:
            context.reporter.note(f".deployment-color could not be written: {error.strerror}", warning=True)
    return False

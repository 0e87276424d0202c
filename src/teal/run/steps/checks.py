"""Asks a route through the proxy until it answers from the side that is meant, or can be said not to."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from teal.core.model.side import Side, key_of
from teal.core.model.stack import CommandCheck, HttpCheck, HttpProbe, Role, Service
from teal.core.model.units import ReleaseId, Seconds
from teal.core.services.answer_time import allowed
from teal.errors import CheckFailed, Unavailable
from teal.run.context import RunContext
from teal.run.steps.proxy import POLL, entry_of

ANSWER = Seconds(5.0)  # for the first answers; later ones may take longer, where the other side is slow, too
LEAST = 1.0  # seconds for any answer
GATEWAY_ERRORS = {502, 503, 504}  # the proxy's own, or an application's that is not ready


async def answers_from(context: RunContext, side: Side, route: Service, *, other: Side | None) -> str:
    """Wait until *route* answers from *side*, and return ""; when the time is over, what came instead and how often.

    One answer that is late, lost or the proxy's own error proves nothing: it is asked again. Before *side* is blamed,
    the same route is asked on the *other* side, where it runs, and then here once more: it gets more time while that
    one is slow or silent, too.
    """
    clock, timeout = context.ports.clock, context.stack.settings.confirm_timeout
    began, limit, until, asked = clock.monotonic(), ANSWER, timeout, 0
    compared, last = "", False
    while True:
        seen, count = await _ask_until(context, side, route, began + until, limit)
        asked, waited = asked + count, clock.monotonic() - began
        said = f"asked {asked} times in {waited:.0f} s, at last {seen}"
        if not seen:
            return ""
        if other is None or last or not await _runs(context, other, route):
            return f"{said}, while {compared}" if compared else said
        took = await _took(context, other, route, limit)
        compared = f"{other} answered within {took:.1f} s" if took is not None else f"{other} gave no answer either"
        until = allowed(timeout, took)
        last = until <= waited
        if not last:
            text = f"{side}/{route.name} has not answered in {waited:.0f} s, and {compared}: it gets more time"
            context.reporter.note(text, warning=True)
            limit = Seconds(2 * limit)


async def _ask_until(context: RunContext, side: Side, route: Service, end: float, limit: Seconds) -> tuple[str, int]:
    """Ask until *route* answers from *side*; return what came at last, "" for an answer, and how often it was asked."""
    proxy, _ = await context.proxy_endpoints()
    clock, place = context.ports.clock, await entry_of(context, route.name)
    asked = 0
    while True:
        began, asked = clock.monotonic(), asked + 1
        try:
            async with asyncio.timeout(min(limit, max(LEAST, end - began))):
                answer = await context.ports.proxy.ask(proxy, place, context.traffic.key, probe_path(route))
            if answer.upstream == f"{key_of(route.name, side)}:{route.port}" and answer.status not in GATEWAY_ERRORS:
                return "", asked
            seen = f"status {answer.status}, from {answer.upstream or 'the proxy itself'}"
        except Unavailable as error:
            seen = error.message
        except TimeoutError:
            seen = f"no answer in {clock.monotonic() - began:.0f} s"
        if clock.monotonic() >= end:
            return seen, asked
        await clock.sleep(POLL)


async def _runs(context: RunContext, side: Side, route: Service) -> bool:
    found = await context.containers(side, frozenset({route.name}))
    return any(container.running for container in found)


async def _took(context: RunContext, side: Side, route: Service, limit: Seconds) -> Seconds | None:
    """Return in how many seconds *route* answers on *side* now, None where it doesn't; users go where they went."""
    proxy, _ = await context.proxy_endpoints()
    place, clock, before = await entry_of(context, route.name), context.ports.clock, context.traffic.now()
    context.ports.proxy.write(before.with_key(side, context.traffic.key))
    try:
        began = clock.monotonic()
        with suppress(Unavailable, TimeoutError):
            async with asyncio.timeout(limit):
                answer = await context.ports.proxy.ask(proxy, place, context.traffic.key, probe_path(route))
            if answer.status not in GATEWAY_ERRORS and answer.upstream.startswith(f"{key_of(route.name, side)}:"):
                return Seconds(clock.monotonic() - began)
        return None
    finally:
        context.ports.proxy.write(before)


def probe_path(route: Service) -> str:
    """Return the path that is cheapest to ask *route* for: its health, where that is known."""
    probe = route.health.probe
    return probe.path if isinstance(probe, HttpProbe) and probe.port == route.port else "/"


async def check(
    context: RunContext,
    side: Side,
    release: ReleaseId | None,
    checks: tuple[HttpCheck | CommandCheck, ...] | None = None,
) -> None:
    """Send a request per route to *side* through the real proxy, then run the owner's checks (those of today)."""
    context.ports.proxy.write(context.traffic.now().with_key(side, context.traffic.key))
    routes = [service for service in context.services(release) if service.role is Role.ROUTE]
    await context.traffic.read_counts()
    for route in routes:
        await _reach(context, side, route)
    for each in context.stack.checks if checks is None else checks:
        match each:
            case HttpCheck():
                await _check_http(context, side, each)
            case CommandCheck():
                await _check_command(context, side, each)


def unkey(context: RunContext) -> None:
    """Take the key of a check out of the state file."""
    now = context.ports.proxy.read()
    if now is not None and now.key:
        context.ports.proxy.write(now.without_key)


async def _reach(context: RunContext, side: Side, route: Service) -> None:
    """Prove that the proxy reaches *route* on *side*, and that its answer comes from there."""
    serving = context.traffic.now().side
    seen = await answers_from(context, side, route, other=serving if serving is not side else None)
    if seen:
        raise CheckFailed(
            f"{side}/{route.name} does not answer through the proxy: {seen}",
            hint=f"the proxy must reach {key_of(route.name, side)}:{route.port}",
        )


async def _check_http(context: RunContext, side: Side, wanted: HttpCheck) -> None:
    """Perform one of the owner's HTTP checks."""
    proxy, _ = await context.proxy_endpoints()
    answer = await context.ports.proxy.ask(
        proxy, await entry_of(context, wanted.route), context.traffic.key, wanted.path
    )
    if answer.status != wanted.status:
        raise CheckFailed(
            f"check {wanted.path} on {side}/{wanted.route}: status {answer.status}, not {wanted.status}",
        )
    if wanted.contains and wanted.contains not in answer.body:
        raise CheckFailed(
            f"check {wanted.path} on {side}/{wanted.route}: the answer does not contain {wanted.contains!r}",
        )


async def _check_command(context: RunContext, side: Side, wanted: CommandCheck) -> None:
    """Run one of the owner's check commands in a container of the new release."""
    found = await context.containers(side, frozenset({wanted.service}))
    if not found:
        raise CheckFailed(
            f"check on {wanted.service}: it has no container on {side}", hint="correct `checks` in teal.yml"
        )
    limit = context.stack.settings.health_timeout
    ran = await context.ports.engine.execute(found[0].id, wanted.command, within=limit)
    if ran.status != 0:
        raise CheckFailed(
            f"check `{' '.join(wanted.command)}` in {side}/{wanted.service} ended with status {ran.status}",
            detail=ran.output.rstrip(),
        )

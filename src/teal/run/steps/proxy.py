"""Finds where Teal's own requests reach the routes through the proxy, and proves that the proxy reads the state.

Every question here is put to the snippet itself, with a key that only the state file names: nothing of it needs the
proxy's admin endpoint, and no application sees it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from teal.core.checks.proxy import newer_snippet, running, site
from teal.core.model.problem import Problem
from teal.core.model.side import Side
from teal.core.model.stack import Role
from teal.core.model.traffic import WITH_TWO_SIDES, Traffic
from teal.core.model.units import Seconds
from teal.errors import CheckFailed, Failed, Refused, Unavailable
from teal.ports import Endpoint, Loaded
from teal.run.context import RunContext
from teal.run.observe import observe, outdated, way

POLL = Seconds(0.1)
YOUNG = 10.0  # seconds within which a proxy that was just started may not answer yet
_SITE = 8090  # port of the first site that is proposed for Teal alone


@dataclass(frozen=True, slots=True)
class _Refusal:
    """Why the snippet was not heard at one place."""

    place: str
    words: str
    kind: str  # silent: nothing came; proxy: its own configuration answered; upstream: whatever is behind it did


async def verify_proxy_reads_state(context: RunContext) -> None:
    """Prove that the proxy reads Teal's state file: at one place at least it answers a key that only this file names.

    Raises ``Failed`` with what came instead, and the way out.
    """
    before = await _before(context)
    try:
        await _prove(context, ())
    finally:
        context.ports.proxy.write(before.without_key)


async def prove_state(context: RunContext) -> None:
    """Return once the proxy, which was just started, reads the state file; the key is in it already."""
    await _prove(context, ())


async def prove_entries(context: RunContext) -> bool:
    """Prove the same, and that Teal's requests reach each route of the stack; raise ``Failed`` where they don't.

    Returns whether the proxy says what is in flight: that alone needs its admin endpoint.
    """
    before = await _before(context)
    try:
        await _prove(context, tuple(route.name for route in context.stack.having(Role.ROUTE)))
        await context.traffic.read_counts()
        return await _counts(context)
    finally:
        context.ports.proxy.write(before.without_key)


async def _counts(context: RunContext) -> bool:
    try:
        await context.ports.proxy.in_flight(await context.proxy(), await any_entry(context), context.traffic.key)
    except Unavailable:
        return False
    return True


async def _before(context: RunContext) -> Traffic:
    """Write the key into the state file; return what the file said before."""
    before = context.traffic.now()
    if (await context.ports.proxy.drift(await context.proxy())).blind:
        raise Failed(
            "the proxy does not see Teal's state file: its directory was removed and created again",
            hint=f"this mounts it again: `teal restart {context.stack.proxy}`",
        )
    context.ports.proxy.write(before.with_key(before.side or Side.PLAIN, context.traffic.key))
    return before


async def _prove(context: RunContext, names: tuple[str, ...]) -> None:
    """Find a place for each of *names*, or for any route where none is named; the key is in the state file."""
    end = context.ports.clock.monotonic() + YOUNG
    while True:
        _, loaded = await context.proxy_endpoints()
        if not loaded.entries:
            raise Failed("the proxy has no route through Teal's snippet", hint="`teal check` prints the lines to add")
        refused = await _refused(context, loaded, names)
        if not refused:
            return
        silent = all(each.kind == "silent" for found in refused.values() for each in found)
        if not silent or not await _is_young(context) or context.ports.clock.monotonic() >= end:
            raise _failure(context, loaded, refused)
        await context.ports.clock.sleep(POLL)


async def _is_young(context: RunContext) -> bool:
    return context.ports.clock.now() - (await context.proxy()).started < YOUNG


async def _refused(context: RunContext, loaded: Loaded, names: tuple[str, ...]) -> dict[str, list[_Refusal]]:
    """Return the routes of *names* that Teal does not reach anywhere, with what it met; none for one of any route."""
    found: dict[str, list[_Refusal]] = {}
    for name in names or dict.fromkeys(endpoint.route for endpoint in loaded.entries):
        refusals = await _look_for(context, name, (each for each in loaded.entries if each.route == name))
        if refusals:
            found[name] = refusals
        elif not names:
            return {}
    return found


async def _look_for(context: RunContext, name: str, places: Iterable[Endpoint]) -> list[_Refusal]:
    """Remember the first of *places* where the snippet is heard; return what came instead where there is none."""
    refusals = []
    for place in places:
        refusal = await _heard(context, place)
        if refusal is None:
            context.traffic.entries[name] = place
            return []
        refusals.append(refusal)
    return refusals


async def _heard(context: RunContext, place: Endpoint) -> _Refusal | None:
    """Ask for the state at *place*; return what came instead of it."""
    try:
        heard = await context.ports.proxy.state(await context.proxy(), place, context.traffic.key)
    except Unavailable as error:
        return _Refusal(place.url, error.message, "silent")
    behind = heard.passed_on and not place.guarded
    return None if heard.said else _Refusal(place.url, heard.words, "upstream" if behind else "proxy")


async def require_snippet(context: RunContext, what: str, needed: int = WITH_TWO_SIDES) -> None:
    """Raise ``Refused`` where the snippet that runs does not know *what*: it would take the new words for none at all.

    It is asked itself, before any such word is written; where the configuration says already that it is an older one,
    it isn't, since that one would pass the question on to the application.
    """
    proxy, loaded = await context.proxy_endpoints()
    version = loaded.snippet
    if version >= needed:
        before = await _before(context)
        try:
            version = await context.ports.proxy.snippet(proxy, await any_entry(context), context.traffic.key)
        finally:
            context.ports.proxy.write(before)
    context.traffic.snippet = version
    if version < needed:
        raise Refused(
            f"the proxy runs an older snippet of Teal's, which does not know {what}",
            hint=newer_snippet(context.stack, context.ports.proxy.reload),
        )


async def entry_of(context: RunContext, route: str) -> Endpoint:
    """Return the place at which to ask *route*: one where the snippet hears Teal's key, which is in the state file."""
    _, loaded = await context.proxy_endpoints()
    places = [place for place in loaded.entries if place.route == route]
    if not places:
        raise CheckFailed(
            f"the proxy's Caddyfile has no line `import teal {route} PORT`", hint="`teal check` prints it"
        )
    if route not in context.traffic.entries and len(places) > 1:
        await _look_for(context, route, places)
    return context.traffic.entries.get(route, places[0])


async def any_entry(context: RunContext) -> Endpoint:
    """Return a place at which to ask the snippet itself."""
    _, loaded = await context.proxy_endpoints()
    if not loaded.entries:
        raise Unavailable("the proxy has no route through Teal's snippet", hint="`teal check` prints the lines to add")
    known = next(iter(context.traffic.entries.values()), None)
    return known or await entry_of(context, loaded.entries[0].route)


async def refuse_unswitchable(context: RunContext) -> None:
    """Raise ``Refused`` where the running proxy has loaded what no deploy could switch."""
    _, loaded = await context.proxy_endpoints()
    if not any(_unswitchable(context, loaded, "")):
        return
    observed, grasp = (
        await observe(context.ports, context.stack),
        await context.ports.proxy.drift(await context.proxy()),
    )
    changed = (await outdated(context.ports, context.stack, observed, [context.stack.proxy])).services
    applied = way(context.stack, grasp, context.ports.proxy.reload, changed=changed.get(context.stack.proxy, ""))
    for problem in _unswitchable(context, loaded, applied):
        raise Refused(problem.message, hint=problem.remedy)


def _unswitchable(context: RunContext, loaded: Loaded, applied: str) -> Iterator[Problem]:
    found = running(context.stack, loaded.routes, loaded.dials, applied)
    return (problem for problem in found if problem.level == "error")


def _failure(context: RunContext, loaded: Loaded, refused: dict[str, list[_Refusal]]) -> Failed:
    """Return the error that says what answered, and the way out."""
    kinds = {each.kind for found in refused.values() for each in found}
    said = "; ".join(f"{name}: {_list(found)}" for name, found in refused.items())
    if "upstream" in kinds:
        return Failed(
            f"the proxy does not read Teal's state file: Teal's own requests went on to the application ({said})",
            hint="`teal check` says what is missing; where its directory was created again, this mounts it: "
            f"`teal restart {context.stack.proxy}`",
        )
    free = (port for port in range(_SITE, 65536) if port not in loaded.listens)
    ports = {endpoint.route: endpoint.port for endpoint in loaded.entries}
    sites = "\n".join(site(next(free), name, ports.get(name, 0)) for name in refused)
    reload = f"`teal exec {context.stack.proxy} {context.ports.proxy.reload}`"
    if not loaded.admin:  # which a reload needs
        reload = f"`teal restart {context.stack.proxy}`"
    way = f"give Teal a site that nobody else reaches, at a port that is not published; add to the Caddyfile:\n{sites}"
    if kinds == {"silent"}:
        hint = f"see `teal logs {context.stack.proxy}`; or {way}\nthen {reload}"
        return Failed(f"the proxy gives Teal no answer: {said}", hint=hint)
    message = f"the proxy turns Teal's requests away before they reach Teal's snippet: {said}"
    return Failed(message, hint=f"{way}\nthen {reload}")


def _list(found: list[_Refusal]) -> str:
    return ", ".join(f"{each.words} at {each.place}" for each in found)

"""Does: keeps users away while nothing serves them: they wait at the proxy, or see the maintenance page."""

from __future__ import annotations

import asyncio

from teal.core.model.side import Side
from teal.core.model.traffic import HELD, Mode, Traffic
from teal.core.planning.wording import held
from teal.errors import Failed
from teal.run.context import Scene
from teal.run.steps.proxy import entry_of

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

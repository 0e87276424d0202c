"""``promote``, ``abort``, ``canary``: what a person decides about a release that is being watched."""

from __future__ import annotations

from typing import Literal

from teal.core.model.observed import Unfinished
from teal.core.model.stack import Stack
from teal.core.model.units import Seconds
from teal.errors import Locked, Refused, Unavailable
from teal.run.api import DecideResult
from teal.run.context import EventSink, Ports
from teal.run.observe import observe
from teal.run.recovery import heal

POLL = Seconds(0.3)
TAKEN_UP_WITHIN = Seconds(60.0)  # by the command that watches: it may be asking the old release just now
Word = Literal["promote", "abort", "canary"]


async def decide(ports: Ports, stack: Stack, word: Word, watch: EventSink, *, percent: float = 0.0) -> DecideResult:
    """Keep the release that is watched (*promote*), take it back (*abort*), or lead *percent* of users to it.

    The command that watches is told; where it was killed, what is left of it is done here. Raises ``Refused`` where
    nothing is watched.
    """
    try:
        with ports.lock.hold(word):
            watched = _watched(ports, word)
            healed, _ = await heal(ports, stack, watch, decided="promote" if word == "promote" else "abort")
    except Locked:
        watched, healed = _watched(ports, word), ""
        ports.lock.ask(f"{word} {percent:g}" if word == "canary" else word)
        await _taken_up(ports, watched, word)
    return await _decided(ports, stack, word, watched, healed)


def _watched(ports: Ports, word: Word) -> Unfinished:
    """Return the run whose release is being watched; raise ``Refused`` where *word* is to be said of none."""
    unfinished = ports.journal.unfinished()
    if unfinished is None or not unfinished.watched:
        raise Refused(
            "no release is being watched now: nothing was changed",
            hint="`teal rollback` brings the previous release back; `teal status` shows what serves",
        )
    if word == "canary" and not unfinished.canary:
        raise Refused("no canary goes on: all users are on one release", hint="`teal promote`, or `teal abort`")
    return unfinished


async def _taken_up(ports: Ports, watched: Unfinished, word: Word) -> None:
    """Return once the command that watches has followed: on *abort* once users are back."""
    end = ports.clock.monotonic() + TAKEN_UP_WITHIN
    while ports.clock.monotonic() < end:
        if _followed(ports, watched, word):
            return
        await ports.clock.sleep(POLL)
    raise Unavailable(
        f"the command that watches has not followed within {TAKEN_UP_WITHIN:.0f} s",
        hint="`teal status` shows how far it is",
    )


def _followed(ports: Ports, watched: Unfinished, word: Word) -> bool:
    """Tell whether the command that watches has done what was asked, or has ended in whatever way."""
    now = ports.journal.unfinished()
    if now is None or now.run != watched.run:
        return True
    if ports.lock.waits() or word == "abort":
        return False
    if word == "canary":
        return True
    if not watched.canary:
        return not now.baking
    traffic = ports.proxy.read()
    return traffic is not None and traffic.side is watched.target


async def _decided(ports: Ports, stack: Stack, word: Word, watched: Unfinished, healed: str) -> DecideResult:
    """Return what became of the release; raise ``Refused`` where it came otherwise, before anybody could follow."""
    observed = await observe(ports, stack)
    tried, serves = watched.release, observed.active_release
    if word == "abort" and serves == tried:
        raise Refused(
            f"the watch over release {tried} had ended: it serves", hint="`teal rollback` brings the previous one back"
        )
    if healed and watched.canary and word != "abort":  # whoever led them is gone, so that this command has undone it
        raise Refused(
            f"the command that led some users to release {tried} was killed, and all are back",
            hint="`teal deploy` begins anew",
        )
    if word == "promote" and serves != tried:
        raise Refused(f"release {tried} was taken back all the same", hint="`teal history` says why")
    return DecideResult(stack.project, word, tried, serves, observed.active, healed)

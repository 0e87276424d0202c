"""``promote`` and ``abort``: what a person decides about a release that is being watched."""

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
            watched = _watched(ports)
            healed, observed = await heal(ports, stack, watch, decided="promote" if word == "promote" else "abort")
            if word != "abort" and observed.active_release != watched.release:
                raise Refused(
                    f"the command that led some users to release {watched.release} was killed, and all are back",
                    hint="`teal deploy` begins anew",
                )
            return await _decided(ports, stack, word, watched, healed)
    except Locked:
        watched = _watched(ports)
        if word == "canary" and (not watched.canary or watched.baking is not None):
            raise Refused(
                "no canary goes on: all users are on one release", hint="`teal promote`, or `teal abort`"
            ) from None
        ports.lock.ask(f"{word} {percent:g}" if word == "canary" else word)
        await _taken_up(ports, watched, word)
        return await _decided(ports, stack, word, watched)


def _watched(ports: Ports) -> Unfinished:
    """Return the run whose release is being watched; raise ``Refused`` where there is none."""
    unfinished = ports.journal.unfinished()
    if unfinished is None or not (unfinished.baking or (unfinished.canary and unfinished.baking is None)):
        raise Refused(
            "no release is being watched now: nothing was changed",
            hint="`teal rollback` brings the previous release back; `teal status` shows what serves",
        )
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
    now, traffic = ports.journal.unfinished(), ports.proxy.read()
    if now is None or now.run != watched.run:
        return True
    if ports.lock.waits() or word == "abort":
        return False
    if word == "canary":
        return True
    switched = traffic is not None and traffic.side is watched.target and traffic.canary is None
    return not now.baking if watched.baking else switched


async def _decided(ports: Ports, stack: Stack, word: str, watched: Unfinished, healed: str = "") -> DecideResult:
    observed = await observe(ports, stack)
    return DecideResult(stack.project, word, watched.release, observed.active_release, observed.active, healed)

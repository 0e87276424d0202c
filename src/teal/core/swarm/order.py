"""The order of a command on a Swarm, from the lock to its return: ``deploy`` and ``rollback``, and what heals.

Each write of the truth is a compare-and-set with the version that this command wrote last; where another command came
between, it has taken the lock, and this one ends at once: nothing that it does later counts.

Before the decision everything is undone where something fails; after it the next command goes on from there.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from teal.core.model.side import Side
from teal.core.model.units import ReleaseId, Seconds
from teal.core.swarm.asking import (
    Drain,
    Fill,
    Lingers,
    Lost,
    Make,
    Note,
    Order,
    Pause,
    Prepare,
    Retire,
    Seen,
    Swap,
    Tell,
    by_edge,
    gated,
    hear,
    names,
    read,
)
from teal.core.swarm.register import Mark, Said
from teal.core.swarm.truth import OpenRun, Truth
from teal.errors import Failed, Interrupted, Locked, NeedsPerson, Refused, Unhealthy

PRESUMED_DEAD = 30  # seconds without a sign of life, on the clock of whoever waits
PATIENCE = 40  # seconds for an edge that must be told, until Swarm calls its node down
SETTLING = 10  # seconds for an edge that has just started
_POLL = Seconds(0.5)


@dataclass(frozen=True, slots=True)
class Wish:
    """What a command was asked for: who it is, and which edges it may go on without."""

    me: str
    command: str
    key: str  # by which it asks the proxies what is in flight
    without: frozenset[str] = frozenset()  # away, perhaps only cut off: they may go on serving as they did
    off: frozenset[str] = frozenset()  # a person says that these don't run

    @property
    def absent(self) -> frozenset[str]:
        """Return the edges that the command does not wait for."""
        return self.without | self.off


@dataclass(frozen=True, slots=True)
class Mine:
    """The truth as this command wrote it last: it holds the lock."""

    truth: Truth
    version: int


def deploy(wish: Wish) -> Order[Truth]:
    """Roll to a new release."""
    mine = yield from healed((yield from hold(wish)), wish)
    yield from _free_to_fill(mine.truth, wish)
    yield from _ready(mine.truth, wish)
    mine = yield from _write(mine, mine.truth.with_number)
    yield Make(mine.truth.numbered)  # before anything is touched: a build that fails costs nothing
    return (yield from _to(mine, wish, mine.truth.numbered))


def rollback(wish: Wish) -> Order[Truth]:
    """Bring back the release that stands in the other color."""
    mine = yield from healed((yield from hold(wish)), wish)
    before = mine.truth.releases.get(mine.truth.standby) if mine.truth.active else None
    if before is None:
        raise Refused("there is no release to go back to", hint="`teal swarm status` shows what is kept")
    yield from _free_to_fill(mine.truth, wish)
    yield from _ready(mine.truth, wish)
    return (yield from _to(mine, wish, before))


def heal(wish: Wish) -> Order[Truth]:
    """Put right what an interrupted command left, and no more."""
    mine = yield from healed((yield from hold(wish)), wish)
    return (yield from _write(mine, mine.truth.ended)).truth


def let_go(wish: Wish) -> Order[None]:
    """Leave the lock to others, whatever this command came to; an open run stays open for the next one."""
    seen = yield from read()
    if seen.truth.holder == wish.me:
        yield Swap(seen.truth.held_by(""), seen.version)


def hold(wish: Wish) -> Order[Mine]:
    """Take the lock; from a holder that gives no sign of life, after ``PRESUMED_DEAD`` seconds."""
    first = seen = yield from read()
    for waited in range(PRESUMED_DEAD if first.truth.holder else 0):
        if (seen.version, seen.beat) != (first.version, first.beat):
            raise Locked(f"{first.truth.holder} works on this stack", hint="wait until it has ended")
        if not waited:
            yield Note(f"{seen.truth.holder} holds the lock; waiting {PRESUMED_DEAD} s for a sign of life")
        yield Pause(Seconds(1.0))
        seen = yield from read()
    version = yield Swap(seen.truth.held_by(wish.me), seen.version)
    if not isinstance(version, int) or version == 0:
        raise Locked("another command was quicker", hint="wait until it has ended")
    return Mine(seen.truth.held_by(wish.me), version)


def healed(mine: Mine, wish: Wish) -> Order[Mine]:
    """Go on from what an interrupted command left: what was decided is finished, what was not is undone."""
    mine = yield from _caught_up(mine, wish)
    run = mine.truth.run
    if run is None:
        return mine
    yield Note(f"{run.command} of release {run.release} was interrupted: healing")
    if mine.truth.active is run.side:
        return (yield from _finished(mine, run.side.other, wish))
    yield Retire(run.side, mine.version)
    return (yield from _write(mine, mine.truth.undone))


def switched(mine: Mine, word: str, wish: Wish) -> Order[Mine]:
    """Have all edges follow *word*: prepare, decide, tell. The decision is the point of no return."""
    before = mine.truth
    truth, epoch = before.with_epoch()
    mine = yield from _write(mine, truth)
    mark = Mark(epoch, word)
    present = tuple(edge for edge in truth.edges if edge not in wish.absent)
    if before.decided.epoch:
        answers = yield from by_edge(Prepare(mark, present))
        wrong = {edge: why for edge, why in answers.items() if why}
        if wrong or len(present) * 2 <= len(truth.edges):
            yield from by_edge(Tell(before.decided, epoch, present))
            raise _unready(wrong, truth.edges)
    away = frozenset(truth.edges) - frozenset(present)
    mine = yield from _write(mine, truth.deciding(mark, away))
    return (yield from _followed(mine))


def _to(mine: Mine, wish: Wish, release: ReleaseId) -> Order[Truth]:
    side, old = mine.truth.standby, mine.truth.active
    run = OpenRun(wish.command, side, release, mine.truth.releases.get(side))
    mine = yield from _write(mine, mine.truth.begun(run))
    try:
        yield Fill(side, release, mine.version)
        wrong = yield from gated(side, release)
        if wrong:
            why, _, lines = wrong.partition("\n")
            raise Unhealthy(why, hint="nothing was switched: users noticed nothing", detail=lines)
        mine = yield from _moved(mine, side, old, wish)
    except (Failed, Interrupted):
        mine = yield from _mine(wish)
        if mine.truth.active is not side:
            yield Retire(side, mine.version)
            yield from _write(mine, mine.truth.undone.ended)
        raise
    mine = yield from _finished(mine, old, wish)
    return (yield from _write(mine, mine.truth.ended)).truth


def _moved(mine: Mine, side: Side, old: Side | None, wish: Wish) -> Order[Mine]:
    if old is not None:
        return (yield from switched(mine, f"{side} {old} {wish.key}", wish))
    if wish.absent:
        raise Refused("the first deploy needs all edges", hint="bring them up, or take their label off the nodes")
    mine = yield from switched(mine, str(side), wish)
    return (yield from switched(mine, str(side), wish))  # by the second word every edge becomes a voter


def _finished(mine: Mine, old: Side | None, wish: Wish) -> Order[Mine]:
    """Leave the color *old*, to which users went before: drained, stopped, and its key forgotten."""
    truth = mine.truth
    side = truth.active
    if old in truth.releases and old is not None and side is not None:
        yield Drain(old, tuple(edge for edge in truth.edges if edge not in truth.behind))
        yield Retire(old, mine.version)
        try:
            mine = yield from switched(mine, str(side), replace(wish, without=wish.without | truth.behind))
        except Refused:  # an edge was lost meanwhile: the key stays in the word, and leads to nothing that runs
            mine = yield from _mine(wish)
    return (yield from _write(mine, replace(mine.truth, run=None)))


def _caught_up(mine: Mine, wish: Wish) -> Order[Mine]:
    """Have all edges follow what was decided last, and forget of those that were behind whom is seen to follow now."""
    truth = mine.truth
    if truth.followed < truth.decided.epoch:
        mine = yield from _followed(mine)
        truth = mine.truth
    elif truth.decided.epoch:
        yield from by_edge(Tell(truth.decided, truth.allocated, truth.edges))
    for _ in range(SETTLING * 2):
        awaited = truth.behind - wish.absent
        said = yield from hear(tuple(sorted(truth.behind)))
        still = frozenset(edge for edge in truth.behind if not _shows(said.get(edge), truth.decided))
        truth = replace(truth, behind=still)
        if not awaited & still or not awaited & frozenset(said):
            break
        yield Pause(_POLL)
    return mine if truth == mine.truth else (yield from _write(mine, truth))


def _followed(mine: Mine) -> Order[Mine]:
    """Tell all edges what was decided, until each shows it or Swarm calls its node down."""
    truth = mine.truth
    waiting = tuple(edge for edge in truth.edges if edge not in truth.behind)
    for _ in range(round(PATIENCE / _POLL)):
        yield from by_edge(Tell(truth.decided, truth.allocated, waiting))
        said = yield from hear(waiting)
        waiting = tuple(edge for edge in waiting if not _shows(said.get(edge), truth.decided))
        gone = ((yield from names(Lost(waiting))) - frozenset(said)) if waiting else frozenset()
        if gone:
            yield Note(f"going on without {', '.join(sorted(gone))}: Swarm calls the node down")
            truth = replace(truth, behind=truth.behind | gone)
            waiting = tuple(edge for edge in waiting if edge not in gone)
        if not waiting:
            return (yield from _write(mine, replace(truth, followed=truth.decided.epoch)))
        yield Pause(_POLL)
    raise NeedsPerson(
        f"{', '.join(waiting)} did not follow: its users get the old release, or wait",
        hint="bring the node back, or switch it off; the next `teal deploy` goes on from here",
    )


def _shows(said: Said | None, mark: Mark) -> bool:
    return said is not None and said.shown is not None and said.shown.epoch >= mark.epoch


def _free_to_fill(truth: Truth, wish: Wish) -> Order[None]:
    """Raise ``Refused`` where something may still live of what stood in the standby color before.

    A node that was only cut off, and not restarted, goes on as it was: its edge may send users to the color of before,
    and its tasks in that color come back with the network. Filled with a third release, the color would mix two of them
    in that moment. Only a person can know that a node does not run.
    """
    unseen = truth.behind - wish.off
    lingering = (yield from names(Lingers(truth.standby))) - wish.off
    if unseen:
        found = f"{', '.join(sorted(unseen))} has not followed the last switch: users may still be sent"
    elif lingering:
        found = f"{', '.join(sorted(lingering))} was not seen to end what it ran: it may still belong"
    else:
        return
    said = " ".join(f"--off {node}" for node in sorted(unseen | lingering))
    raise Refused(
        f"{found} to the {truth.standby} color, which is to be filled",
        hint=f"bring the node back; if it does not run, say so: {said}",
    )


def _ready(truth: Truth, wish: Wish) -> Order[None]:
    """Raise ``Refused`` where an edge could not switch: before anything is started, so that nothing is undone."""
    if not truth.decided.epoch:
        return
    present = tuple(edge for edge in truth.edges if edge not in wish.absent)
    wrong: dict[str, str] = {}
    for _ in range(SETTLING * 2):
        said = yield from hear(present)
        wrong = {edge: _why_not(said.get(edge)) for edge in present if not _shows(said.get(edge), truth.decided)}
        if not wrong or not frozenset(wrong) <= frozenset(said):
            break
        yield Pause(_POLL)
    if wrong or len(present) * 2 <= len(truth.edges):
        raise _unready(wrong, truth.edges)


def _why_not(said: Said | None) -> str:
    return "it does not answer" if said is None else "it has not yet heard what is true now"


def _unready(wrong: dict[str, str], edges: tuple[str, ...]) -> Refused:
    if not wrong:
        return Refused(
            f"those left are not more than half of {len(edges)} edges: nothing was changed",
            hint="a switch needs more than half of them: bring one back",
        )
    said = "; ".join(f"{edge}: {why}" for edge, why in sorted(wrong.items()))
    left_out = " ".join(f"--without {edge}" for edge in sorted(wrong))
    return Refused(
        f"{len(wrong)} of {len(edges)} edges can't switch, users noticed nothing ({said})",
        hint=f"`docker node ls` shows which node is down; go on without it: {left_out}",
    )


def _write(mine: Mine, truth: Truth) -> Order[Mine]:
    version = yield Swap(truth, mine.version)
    if not isinstance(version, int) or version == 0:
        raise Locked(
            "another command has taken the lock meanwhile: this one was presumed dead",
            hint="it has changed nothing since; `teal swarm status` shows what is so now",
        )
    return Mine(truth, version)


def _mine(wish: Wish) -> Order[Mine]:
    """Return the truth as it is now, where this command still has the lock."""
    seen: Seen = yield from read()
    if seen.truth.holder != wish.me:
        raise Locked("another command has taken the lock meanwhile", hint="`teal swarm status` shows what is so now")
    return Mine(seen.truth, seen.version)

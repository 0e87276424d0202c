"""What past runs did to users: where they are now, which releases have served, which could not come back."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from teal.core.model.observed import Past
from teal.core.model.side import COLORS, Side
from teal.core.model.traffic import AWAY, Mode
from teal.core.model.units import Moment, ReleaseId
from teal.core.planning.steps import Confirm, Hold, RecordActive, RestoreAfterWindow, Step, Switch

Move = Switch | Confirm | RecordActive | Hold | RestoreAfterWindow  # the steps that users notice
_UNDONE = frozenset({"aborted", "interrupted", "rolled-back"})


@dataclass(frozen=True, slots=True)
class Turn:
    """One run as users noticed it: whether it switched them to a release, and where its last step left them."""

    command: str
    release: ReleaseId | None  # that it was about
    outcome: str  # "" while it is open
    message: str = ""
    switched: tuple[Side, ReleaseId | None] | None = None  # side and release of its last finished switch
    confirmed: bool = False  # the proxy has confirmed that switch
    users: Mode | None = None  # where its last finished step left users; None where it moved nobody
    ended: Moment | None = None

    @property
    def serving(self) -> bool:
        """Tell whether it ended with its release serving users: a switch that was taken back doesn't count."""
        stayed = self.switched is not None and self.users == Mode(self.switched[0])
        ended = self.outcome in {"done", "healed"} or (self.outcome == "needs-person" and self.confirmed)
        return stayed and ended


def turn_of(command: str, release: ReleaseId | None, outcome: str, message: str, moves: Iterable[Step]) -> Turn:
    """Return the run that *moves*, its finished steps in order, make up."""
    switched: tuple[Side, ReleaseId | None] | None = None
    confirmed, users = False, None
    for move in moves:
        match move:
            case Switch(to, number):
                switched, confirmed, users = (to, number), False, Mode(to)
            case Confirm(side):
                confirmed = switched is not None and switched[0] is side
            case RecordActive(side):
                users = Mode(side or Side.PLAIN)
            case RestoreAfterWindow(side):
                users = Mode(side)
            case Hold(page):
                users = Mode.MAINTENANCE if page else Mode.HOLD
            case _:
                pass
    return Turn(command, release, outcome, message, switched, confirmed, users)


def release_at(turns: Iterable[Turn], when: Moment) -> ReleaseId | None:
    """Return the release that served users at *when*; None for the plain stack, and where *turns* don't reach back."""
    found: ReleaseId | None = None
    for turn in turns:
        if turn.ended is not None and turn.ended > when:
            break
        if turn.serving:
            found = turn.release if turn.switched and turn.switched[0] in COLORS else None
    return found


def past_of(turns: Iterable[Turn]) -> Past:
    """Return what *turns*, the oldest first, come to."""
    stands: dict[Side, ReleaseId | None] = {}
    last: Side | None = None
    served: dict[ReleaseId, None] = {}
    failed: dict[ReleaseId, str] = {}
    taken_back: dict[ReleaseId, str] = {}
    known: set[ReleaseId] = set()
    for turn in turns:
        if turn.release is not None:
            known.add(turn.release)
            if turn.outcome in {"aborted", "rolled-back"}:
                failed[turn.release] = turn.message
            if turn.outcome == "rolled-back":
                taken_back[turn.release] = turn.message
        if turn.switched is not None:
            side, release = turn.switched
            stands[side] = release
            if turn.serving and release is not None:
                served.pop(release, None)
                served[release] = None
                failed.pop(release, None)
                taken_back.pop(release, None)
        if turn.users is not None and turn.users not in AWAY and not _taken_back(turn):
            last = Side(turn.users)
    return Past(
        (last, stands.get(last)) if last is not None else None, tuple(served), failed, frozenset(known), taken_back
    )


def _taken_back(turn: Turn) -> bool:
    """Tell whether the run's switch was undone: users are not where it sent them, even if the way back is unknown."""
    return turn.switched is not None and turn.outcome in _UNDONE and turn.users == Mode(turn.switched[0])

"""The mix of requests and its schedule, fixed in advance: pure values."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from proof.load.sample import Action

Way = str  # protocol and connection: "h1 kept", "h1s fresh", "h2 kept"

WAYS: tuple[Way, ...] = (
    "h1 kept", "h2 kept", "h1s kept", "h1 kept", "h2 kept", "h1 fresh",
    "h1 kept", "h2 kept", "h1s fresh", "h1s kept", "h2 fresh", "h1 fresh",
)  # fmt: skip
LONG_WAYS: tuple[Way, ...] = ("h1 kept", "h2 kept", "h1s kept", "h2 kept", "h1 fresh")
SOCKET_WAYS: tuple[Way, ...] = ("h1 fresh", "h1s fresh")


@dataclass(frozen=True, slots=True)
class Mix:
    """How many of 1000 requests do what, and how long the long ones last (seconds)."""

    get: int = 440
    post: int = 430
    chain: int = 80
    slow: int = 20
    upload: int = 8
    events: int = 12
    ws: int = 10
    job: int = 0  # only of a stack with a queue
    body_bytes: tuple[int, int] = (16, 8192)
    slow_seconds: float = 2.0
    upload_bytes: int = 1_000_000
    upload_seconds: tuple[float, float] = (2.0, 3.0)
    events_seconds: tuple[float, float] = (2.0, 15.0)
    events_interval: float = 0.25
    ws_seconds: tuple[float, float] = (3.0, 10.0)
    ws_interval: float = 0.25
    standing_ws: int = 0  # WebSockets held open until the end, and opened again when the server ends one
    standing_events: int = 0  # event streams without end, likewise
    participants: int = 5  # services that answer in /chain
    prefix: str = ""  # before every path
    job_path: str = "/api/jobs"  # takes {"id", "seconds"} by POST
    job_seconds: tuple[float, float] = (0.0, 1.0)
    plain_only: bool = False  # leave out TLS: for a server without it
    kept_only: bool = False  # leave out fresh connections: for a probe each millisecond

    def weight(self, action: Action) -> int:
        """Return how many of the deck's requests do *action*."""
        return int(getattr(self, action.value))

    def ways(self, action: Action) -> tuple[Way, ...]:
        """Return the ways that *action* takes, in turn."""
        ways = SOCKET_WAYS if action is Action.WS else WAYS
        ways = LONG_WAYS if action in (Action.UPLOAD, Action.EVENTS) else ways
        return tuple(way for way in ways if self._has(way)) or ways

    def _has(self, way: Way) -> bool:
        protocol, connection = way.split()
        return (protocol == "h1" or not self.plain_only) and (connection == "kept" or not self.kept_only)


@dataclass(frozen=True, slots=True)
class Slot:
    """One request of the schedule: *due* seconds after the start."""

    number: int
    due: float
    action: Action
    way: Way
    endless: bool = False  # until the load stops


@lru_cache(maxsize=2)
def deck(mix: Mix, seed: int, block: int) -> tuple[tuple[Action, Way], ...]:
    """Return one block of the schedule: the mix's exact counts, shuffled by *seed* and *block*."""
    cards: list[tuple[Action, Way]] = []
    for action in Action:
        ways, count = mix.ways(action), mix.weight(action)
        cards += [(action, ways[(block * count + n) % len(ways)]) for n in range(count)]
    random.Random(f"{seed}/{block}").shuffle(cards)
    return tuple(cards)


def schedule(mix: Mix, *, rate: float, seed: int = 0, worker: int = 0, of: int = 1) -> Iterator[Slot]:
    """Yield without end every *of*-th request, this *worker*'s; all together make *rate* a second."""
    number = worker
    while True:
        size = len(deck(mix, seed, 0))
        action, way = deck(mix, seed, number // size)[number % size]
        yield Slot(number, number / rate, action, way)
        number += of


def standing(mix: Mix, *, worker: int = 0, of: int = 1) -> list[Slot]:
    """Return this *worker*'s share of the connections that stay open from the start to the end."""
    ways = {Action.WS: ("h1", "h1s"), Action.EVENTS: ("h1", "h2")}
    wanted = [Action.WS] * mix.standing_ws + [Action.EVENTS] * mix.standing_events
    slots = []
    for number, action in enumerate(wanted):
        protocol = "h1" if mix.plain_only else ways[action][number % 2]
        slots.append(Slot(number, 0.0, action, f"{protocol} standing", endless=True))
    return slots[worker::of]

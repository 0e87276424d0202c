"""Users, who send requests all the time, and what the proxy and the services make of each."""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache, partial
from typing import Literal

from teal.core.model.counts import ColorCounts, Counts
from teal.core.model.side import Side, key_of
from teal.core.model.traffic import ALL, HELD, PLAIN, Mode, Traffic, parse_traffic
from tests.simulated import life
from tests.simulated.world import Box, Happening, World

TRY = 0.25  # seconds between two tries of a request that can't be dialled
Kind = Literal["short", "slow", "stream", "websocket", "chain"]
LASTS: Mapping[str, float] = {"short": 0.03, "slow": 1.5, "stream": 4.0, "websocket": 25.0, "chain": 0.4}
MIX: tuple[Kind, ...] = ("short", "chain", "slow", "short", "chain", "stream", "short", "chain", "slow", "websocket")
Part = tuple[Side | None, int | None]  # side and release
SIDES: Mapping[Mode, Side] = {Mode(side): side for side in Side}


@dataclass(eq=False, slots=True)
class Request:
    """A user's request and what became of it."""

    number: int
    kind: Kind
    route: str
    began: float
    outcome: Literal["", "answered", "lost", "cut", "mixed"] = ""
    why: str = ""
    row: str = ""  # the upstream address that it is in flight on
    led: Side | None = None  # where the state led it when it came, None where it had to wait
    parts: list[Part] = field(default_factory=list)  # who took part in the answer
    box: Box | None = None
    dispatched: float = 0.0


@lru_cache(maxsize=1000)
def traffic_in(text: str | None) -> Traffic | None:
    """Return what the proxy makes of its state file's content: Caddy reads it without one line end."""
    return None if text is None else parse_traffic(text.removesuffix("\n").removesuffix("\r"))


class Users:
    """Everybody who uses the stack; requests begin every *every* virtual seconds while there is a proxy."""

    def __init__(
        self, world: World, proxy: str, routes: Mapping[str, int], chain: tuple[str, ...], every: float
    ) -> None:
        self.world = world
        self.routes = dict(routes)
        self.open: set[Request] = set()
        self.counts: Counter[str] = Counter()
        self.ended_on: dict[Side, Counter[tuple[int, str]]] = {side: Counter() for side in Side}
        self.answered_on: dict[Side, Counter[float]] = {side: Counter() for side in Side}  # seconds until it began
        self.failed: list[Request] = []
        self.ended: list[Callable[[Request], None]] = []
        self.dispatching: list[Callable[[Request, Box, Part], None]] = []
        self.flowing = False
        self._proxy, self._chain, self._every = proxy, chain, every
        self._entrances = (proxy,)
        self._numbers = itertools.count(1)
        world.watchers.append(self._watch)

    def traffic(self) -> Traffic | None:
        """Return what the proxy reads: None for no file, or nothing that it knows."""
        found = traffic_in(self.world.disk.state if self.world.mounted else None)
        return None if found and found.needs > self.world.snippet else found

    def rows(self) -> dict[str, int]:
        """Return the proxy's count of requests in flight per upstream address."""
        rows = {
            f"{key_of(name, side)}{dot}:{port}": 0
            for name, port in self.routes.items()
            for side in Side
            for dot in ("", ".")
        }
        for request in self.open:
            if request.row:
                rows[request.row] += 1
        return rows

    def counted(self) -> Counts:
        """Return what the proxy has counted by color: what was held when it came is counted nowhere."""
        return Counts(self._counted(Side.BLUE), self._counted(Side.GREEN))

    def _counted(self, side: Side) -> ColorCounts:
        requests, answers = self.ended_on[side], self.answered_on[side]
        open_now = sum(request.led is side for request in self.open)
        bounds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, math.inf]
        buckets = tuple((bound, sum(n for late, n in answers.items() if late <= bound)) for bound in bounds)
        return ColorCounts(dict(requests), buckets if answers else (), open_now)

    def flow(self) -> None:
        """Begin to send requests, for ever."""
        self.flowing = True
        self._next()

    def _next(self) -> None:
        if not self.flowing:
            return
        self.send()
        self.world.later(self._every, self._next)

    def send(self, kind: Kind | None = None) -> Request:
        """Send one request: of *kind*, or of the one whose turn it is."""
        number = next(self._numbers)
        routes = tuple(self.routes)
        kind = kind or MIX[number % len(MIX)]
        request = Request(number, kind, routes[number % len(routes)], self.world.loop.time())
        self.open.add(request)
        self._try(request)
        return request

    def _try(self, request: Request) -> None:
        """Let the proxy read its file and dial; where nothing can be dialled the request waits for its next try."""
        if request.outcome:
            return
        proxy = self._entrance()
        if proxy is None:
            self._end(request, "lost", "the proxy does not run")
            return
        traffic = self.traffic()
        traffic = traffic or PLAIN
        users = traffic.users
        if users is Mode.MAINTENANCE:
            self._end(request, "answered", "maintenance")
            return
        older = traffic.pages.older if traffic.pages else None
        page = older[1] if older and request.number % 5 == 0 else None  # one in five comes from a page of that release
        first = traffic.leads(bucket=request.number * 97 % ALL, page=page)
        side = request.led if request.led in traffic.sides else first
        if side and request.began == self.world.loop.time():
            request.led = side
        if side is None or not self._dial(request, proxy, side):
            self._wait(request)

    def _wait(self, request: Request) -> None:
        if self.world.loop.time() - request.began >= HELD:
            self._end(request, "lost", "held for 30 s and nothing to dial")
        else:
            self.world.later(TRY, partial(self._try, request))

    def _entrance(self) -> Box | None:
        return next((box for box in self.world.on(Side.PLAIN, self._entrances) if box.ready), None)

    def _dial(self, request: Request, proxy: Box, side: Side) -> bool:
        name = key_of(request.route, side)
        found = [box for box in self.world.resolve(proxy, name) if box.ready]
        if not found:
            return False
        self._reach(request, found[request.number % len(found)], name)
        return True

    def _reach(self, request: Request, box: Box, name: str) -> None:
        """Let *box*, dialled as *name*, answer."""
        dot = "." if request.kind == "websocket" else ""
        request.row = f"{name}{dot}:{self.routes[request.route]}"
        request.box, request.dispatched = box, self.world.loop.time()
        life.switched(self.world, box)
        if request.led:
            self.answered_on[request.led][round(request.dispatched - request.began + 0.003, 3)] += 1
        self._meet(request, box)
        if request.kind == "chain":
            self._call(request, 0)
            self.world.later(LASTS["chain"], partial(self._call, request, 0))
        self.world.later(LASTS[request.kind] + 0.001, partial(self._end, request, "answered", ""))

    def _meet(self, request: Request, box: Box) -> None:
        """Note that *box* takes part in the answer."""
        part = (self.world.side(box), self.world.release(box))
        request.parts.append(part)
        for each in self.dispatching:
            each(request, box, part)
        if len(set(request.parts)) > 1:
            self._end(request, "mixed", f"{request.parts}")

    def _call(self, request: Request, step: int) -> None:
        """Let the route call the next service of the chain by its plain name."""
        if request.outcome or request.box is None or step >= len(self._chain):
            return
        name = self._chain[step]
        found = [box for box in self.world.resolve(request.box, name) if box.ready]
        if not found:
            self._end(request, "lost", f"{request.box.name} could not reach {name}")
            return
        self._meet(request, found[request.number % len(found)])
        self._call(request, step + 1)

    def _end(self, request: Request, outcome: Literal["answered", "lost", "cut", "mixed"], why: str) -> None:
        if request.outcome:
            return
        request.outcome, request.why = outcome, why
        self.open.discard(request)
        self.counts[outcome] += 1
        if request.led:
            self.ended_on[request.led][(200 if outcome == "answered" else 502, "GET")] += 1
        if outcome != "answered":
            self.failed.append(request)
        for each in self.ended:
            each(request)

    def _watch(self, happening: Happening) -> None:
        """Break what was in flight in a process that stops, ends or is removed."""
        box = happening.box
        if happening.kind == "state":
            self._sent(traffic_in(happening.what))
        if box is None or happening.kind not in {"stopping", "ended", "removed", "unready"}:
            return
        gone = box is self._broken_entrance(box)
        for request in tuple(self.open):
            if (request.box is box or gone) and request.row:
                self._end(request, "lost", f"{happening.what} {happening.kind} by {happening.by or 'itself'}")

    def _sent(self, traffic: Traffic | None) -> None:
        """Silence what does not bear that users are sent to it."""
        for box in self.world.on(traffic.side) if traffic and traffic.side else ():
            if box.ready and self.world.behaviour(box).mute_for_users:
                life.mute(self.world, box)

    def _broken_entrance(self, box: Box) -> Box | None:
        is_proxy = self.world.service(box) == self._proxy and self.world.side(box) is Side.PLAIN
        return box if is_proxy else None

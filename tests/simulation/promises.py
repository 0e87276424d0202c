"""The ten promises of the design as invariants: looked at after everything that happens, not only at the end."""

from __future__ import annotations

from collections import Counter
from typing import Any

from teal.core.model.side import COLORS, Side
from teal.core.model.traffic import Mode, Traffic, parse_traffic
from teal.errors import TealError
from teal.run.api import Status
from tests.simulated import Behaviour, Box, Happening, Killed, Process, Request, Users, World
from tests.simulation.said import untrue
from tests.simulation.settled import amiss
from tests.simulation.stack import CHAIN, JOBS, OPENING, ROTATING, SECRET, SETTINGS, SHARED

INSTANT = 0.05  # seconds between Teal's last look and the switch
Part = tuple[Side | None, int | None]


class Promises:
    """Watches the world, and notes every promise that is broken."""

    def __init__(self, world: World, users: Users) -> None:
        self.world, self.users = world, users
        self.violations: list[str] = []
        self.checked: Counter[str] = Counter()  # how often each promise was looked at
        self.excused_until = 0.0  # a fault itself takes users' services down: what is lost is not Teal's
        self.shaken_until = 0.0  # containers may have fallen in the last instant: no gate could see it
        self.stray = False  # somebody has started a plain copy beside a color
        self.robbed = False  # somebody has removed containers by hand
        self.sick = False  # what serves has failed by itself, after the switch
        self.stateless = False  # the state file was lost, and no command has restored it yet
        self.side: Side | None = None  # where users were last sent
        self.before: Side | None = None  # where they were sent before that
        self.left_sick = False  # there something had fallen, or failed by itself, when they were sent away
        self.going: Side | None = None  # as ``side``, but None while users are held
        self.held_until = 0.0  # when users were last held by a recreate, which has a gap by design
        self.half_back = False  # its undo met an engine that was away: what it stopped waits for the next command
        self.stirred_at = 0.0  # when anything happened to a container last
        self.moved_at = 0.0  # when users last ceased to be sent where they were: a switch, or a hold
        self.confirmer = ""  # the process that last sent users where they are
        self.served: set[Part] = set()
        self.taken_back: set[int] = (
            set()
        )  # releases that users were taken from by the very run that had sent them there
        self.made: dict[tuple[int, str, float], object] = {}  # release, service -> image and configuration at first
        self.forgetful = False  # journal or kept releases were lost
        self.images: dict[str, str] = {}  # service -> image that users had on the color before
        self.stopped: set[tuple[str, str]] = set()  # (process, container) that it has stopped: it may take it back
        self.commands: dict[str, str] = {}  # process -> command
        self.cut = 0
        world.watchers.insert(0, self._happened)  # before the users: they judge by what it knows
        users.dispatching.append(self._dispatched)
        users.ended.append(self._request_ended)

    def broken(self, promise: str, detail: str) -> None:
        """Note that *promise* is broken."""
        self.violations.append(f"[{promise}] at {self.world.loop.time():.3f} s: {detail}")

    def excuse(self, seconds: float) -> None:
        """Note that what is lost in the next *seconds* is the fault's doing."""
        self.excused_until = max(self.excused_until, self.world.loop.time() + seconds)

    def shake(self, seconds: float) -> None:
        """Note that for the next *seconds* containers may have fallen when nobody could have seen it."""
        self.shaken_until = max(self.shaken_until, self.world.loop.time() + seconds)

    def lost_records(self) -> None:
        """Note that journal or kept releases are lost: numbers may come again."""
        self.forgetful = True

    def lost_state(self) -> None:
        """Note that the state file is lost: a request that is held for its 30 s was not lost by Teal."""
        self.stateless = True

    def begins(self, process: Process, command: str) -> None:
        """Note that *process* begins."""
        self.commands[process.name] = command

    def ends(self, process: Process, error: BaseException | None) -> None:
        """Look at how *process* ended."""
        if error is not None and not isinstance(error, TealError | Killed):
            self.broken("traceback", f"{process.name}: {error!r}")

    # 1 and 2: every request is answered, by one release

    def _request_ended(self, request: Request) -> None:
        self.checked["lost"] += 1
        self.checked["mixed"] += 1
        if request.outcome == "mixed" and not self.stray and not self._left_while_it_died(request):
            self.broken("mixed", f"request {request.number} ({request.kind}) was answered by {request.parts}")
        excused = self.world.loop.time() <= self.excused_until or self.sick or self.stray
        if request.why.endswith("by itself") and request.box:
            # What answered it was a release that fails, or was started as one.
            excused = excused or request.box.doomed or self.world.behaviour(request.box) != Behaviour()
        if request.why.endswith(CHAIN) and request.box:
            boxes = self.world.on(self.world.side(request.box) or Side.PLAIN, CHAIN)
            excused = excused or any(self.world.behaviour(box) != Behaviour() for box in boxes)  # it ends by itself
        if request.box is None:  # it was held: nobody has restored the state, or ended a recreate, in its 30 s
            waits = self.going is None or self.half_back or request.began < self.held_until
            excused = excused or self.stateless or waits
        if request.outcome == "lost" and not excused and not self._may_be_cut(request):
            self.broken("lost", f"request {request.number} ({request.kind}, {request.row}): {request.why}")

    def _left_while_it_died(self, request: Request) -> bool:
        """Tell whether a service of the color died during `leave`: then its name means a plain one (docs/limits.md)."""
        leaving = any(run["command"] == "leave" and run["ended"] is None for run in self.world.disk.runs)
        (first, _), (last, _) = request.parts[0], request.parts[-1]
        dead = first in COLORS and any(not box.ready for box in self.world.on(first, CHAIN))
        return leaving and dead and last is Side.PLAIN

    def _may_be_cut(self, request: Request) -> bool:
        """Tell whether its drain had lasted as long as the settings say."""
        if request.box is None or self.world.side(request.box) is self._users():
            return False
        limit = SETTINGS.websocket_drain if request.kind == "websocket" else SETTINGS.drain_timeout
        over = self.world.loop.time() - self.moved_at >= limit - 0.001
        self.cut += over
        return over

    # 3: nothing before its time

    def _dispatched(self, request: Request, box: Box, part: Part) -> None:
        self.checked["early"] += 1
        side = self._users()
        traffic = self.users.traffic()
        sides = traffic.sides if traffic else (side,)  # of two, each user has one
        if part[0] not in sides and len(request.parts) == 1 and not self.stray and self.world.mounted:
            self.broken("early", f"request {request.number} went to {box.name} while users belong to {side}")

    def _users(self) -> Side | None:
        """Return where the proxy sends users now; None while it holds them."""
        traffic = self.users.traffic() or Traffic(Mode.PLAIN)
        return traffic.side

    def _owner(self) -> Side | None:
        """Return the side that users belong to, a lost state file or not."""
        return self.going if self.stateless else self._users()

    def _state(self, happening: Happening) -> None:
        traffic = parse_traffic(happening.what)
        side = traffic.side if traffic else None
        self._judge_switch(traffic, happening.by)
        if self.going is None:
            self.held_until = self.world.loop.time()
        if side is not self.going:
            self.half_back = self.going is None and side is not None and not self.world.engine_up
            self.going, self.moved_at = side, self.world.loop.time()
        if side is None or traffic is None:
            return
        self.stateless = False
        if side is not self.side:
            if side.is_color:
                self._gate(side, happening.by)
            self._left(side, happening.by)
            self.left_sick = self.sick or (self.side is not None and self._fallen(self.side))
            self.before, self.side, self.sick = self.side, side, self._fallen(side)
            self.confirmer = happening.by
        elif traffic.preview is side and traffic.key:
            self.confirmer = happening.by
        self.served |= {(side, self.world.release(box)) for box in self.world.on(side, ROTATING)}

    def _left(self, side: Side, by: str) -> None:
        """Look whether a leave brings users what they had; the images of a release kept no more are unknown."""
        if side is Side.PLAIN and self.commands.get(by) == "leave":
            self.checked["left"] += 1
            now = {self.world.service(box): box.image for box in self.world.on(side, OPENING)}
            left = {self.world.release(box) for box in self.world.on(self.side, OPENING)} if self.side else set()
            if now != self.images and left <= self.world.disk.releases.keys():
                self.broken("left", f"{by} brought users to {now}, and they had {self.images}")
        self.images = {self.world.service(box): box.image for box in self.world.on(side, OPENING)}

    def _judge_switch(self, traffic: Traffic | None, by: str) -> None:
        """Note which release has served once this state is written, and which was taken back before it had."""
        if traffic is None or self.side is None or not self.side.is_color:
            return
        there = {self.world.release(box) for box in self.world.on(self.side, ROTATING)} - {None}
        releases = {number for number in there if number is not None}
        if traffic.side is self.side and not traffic.key:
            self.taken_back -= releases
        elif traffic.side is not self.side and by == self.confirmer:
            self.taken_back |= {run["release"] for run in self.world.disk.runs if run["ended"] is None} & releases

    def _fallen(self, side: Side) -> bool:
        return not all(box.ready for box in self.world.on(side, OPENING))

    def _gate(self, side: Side, by: str) -> None:
        """Look whether everything that a route needs is ready on *side*, whole and of one release."""
        self.checked["gate"] += 1
        boxes = self.world.on(side, OPENING)
        ready = sorted(self.world.service(box) for box in boxes if box.ready)
        releases = {self.world.release(box) for box in self.world.on(side, ROTATING)}
        now = self.world.loop.time()
        shaken = now <= self.shaken_until or any(box.fell >= now - INSTANT for box in boxes)
        goes_back = (self.robbed or self.left_sick) and side is self.before and by == self.confirmer  # to what it found
        if ready != sorted(OPENING) and not shaken and not goes_back:
            self.broken("gate", f"{by} sent users to {side}, where only {ready} are ready")
        if len(releases) != 1:
            self.broken("gate", f"{by} sent users to {side}, where releases {releases} stand")

    def _job(self, happening: Happening, box: Box) -> None:
        """Look whether a worker or singleton may begin now."""
        self.checked["job"] += 1
        side, by = self.world.side(box), happening.by
        if by not in self.commands or side is self._owner() or not self.world.mounted:
            return
        taken_back = (
            by == self.confirmer
            and (side is self.before or (by, box.id) in self.stopped)
            and (side, self.world.release(box)) in self.served
        )
        held = self._users() is None and side is self.side
        if not taken_back and not held and self._anything_serves():
            self.broken("job", f"{by} started {box.name} while users belong to {self._users()}")

    def _anything_serves(self) -> bool:
        """Tell whether there is anything where users belong: before a first release a route may wait for a job."""
        side = self._owner() or Side.PLAIN
        there = self.world.on(side, ROTATING)
        return any(box.up for box in there) if side is Side.PLAIN else bool(there)

    def _singletons(self, started: Box) -> None:
        self.checked["singletons"] += 1
        up = [box.name for box in self.world.boxes.values() if box.up and self.world.service(box) == "clock"]
        if started.name in up and len(up) > 1 and not self.stray:
            self.broken("singletons", f"{' and '.join(sorted(up))} run at once")

    # 4 and 5: what serves is not touched

    def _touched(self, happening: Happening, box: Box) -> None:
        self.checked["touched"] += 1
        side, service = self.world.side(box), self.world.service(box)
        if side is None or side is not self._owner() or service not in ROTATING:
            return
        if self.world.mounted and (service in OPENING or happening.by != self.confirmer):
            self.broken("touched", f"{happening.by}: {box.name} {happening.kind} while users belong to {side}")

    # 6: a release is always the same

    def _exact(self, box: Box) -> None:
        release, service = self.world.release(box), self.world.service(box)
        if release is None or self.world.side(box) not in COLORS:
            return
        self.checked["exact"] += 1
        environment = {k: v for k, v in box.environment.items() if k != "TEAL_COLOR"}
        now = (box.image, environment)
        kept = self.world.disk.releases.get(release)
        stamp = kept.created if kept and self.forgetful else 0.0  # where its number was given again, it is another one
        first = self.made.setdefault((release, service, stamp), now)
        if first != now and (stamp or not self.forgetful):
            self.broken("exact", f"{box.name} of release {release} was {first}, and is {now}")

    # 7: shared services are left alone

    def _shared(self, happening: Happening, box: Box) -> None:
        self.checked["shared"] += 1
        mine = self.world.side(box) is Side.PLAIN and self.world.service(box) in SHARED
        if mine and self.commands.get(happening.by) != "up":
            self.broken("shared", f"{happening.by}: {box.name} {happening.kind}")

    # 8: one at a time

    def _alone(self, happening: Happening) -> None:
        self.checked["alone"] += 1
        holder = self.world.holder
        if holder is None or holder.name != happening.by:
            who = holder.name if holder else "nobody"
            self.broken("alone", f"{happening.by} did {happening.kind} {happening.what} while {who} held the lock")

    # 9: what status says is what is so

    def status(self, status: Status, asked_at: float) -> None:
        """Compare what ``status``, *asked_at* a time, has just said with the world, unless that has moved since."""
        self.checked["status"] += 1
        moved, stirred = self.moved_at >= asked_at, self.stirred_at >= asked_at
        if status.previous in self.taken_back and not self.forgetful:
            self.broken("offered", f"status offers release {status.previous}, whose own run took users back from it")
        for wrong in untrue(status, self.world, self._users(), moved=moved, stirred=stirred, stateless=self.stateless):
            self.broken("status", wrong)

    def settled(self, what: str) -> None:
        """Look whether everything is as it must be once a command has ended and nothing is amiss."""
        self.checked["settled"] += 1
        for wrong in amiss(self.world, robbed=self.robbed):
            self.broken("settled", f"after {what}: {wrong}")

    # 10: no secret leaves

    def heard(self, said: list[Any], value: object, error: BaseException | None) -> None:
        """Look for planted secrets in everything that a command says."""
        self.checked["secret"] += 1
        words = [repr(each) for each in said] + [repr(value), repr(self.world.disk.runs)]
        if isinstance(error, TealError):
            words += [error.message, error.hint, error.detail]
        if any(SECRET in each or "k3y" in each for each in words):
            self.broken("secret", "a planted secret was said")

    def _stirred(self) -> None:
        self.stirred_at = self.world.loop.time()
        if self.half_back and self.side and not self._fallen(self.side):
            self.half_back, self.held_until = False, self.stirred_at

    def _happened(self, happening: Happening) -> None:
        box = happening.box
        by_teal = happening.by in self.commands
        if by_teal and happening.kind != "ended":
            self._alone(happening)
        if happening.kind == "state":
            self._state(happening)
        if box is None:
            return
        self._stirred()
        if happening.kind in {"ended", "unready"} and not happening.by and self.world.side(box) is self._owner():
            self.sick = self.sick or self.world.behaviour(box) != Behaviour()
        if happening.kind == "started":
            self._exact(box)
            self._singletons(box)
            if self.world.service(box) in JOBS:
                self._job(happening, box)
        if by_teal and happening.kind in {"stopping", "removed"}:
            self.stopped.add((happening.by, box.id))
            self._touched(happening, box)
            self._shared(happening, box)

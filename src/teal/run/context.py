"""What the steps of one run share: the ports, the stack, who is told, and where users are.

What only one step needs is its argument, not a field here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from teal.core.model.counts import Counts
from teal.core.model.observed import Container, running_plain
from teal.core.model.release import Release
from teal.core.model.side import COLORS, Side
from teal.core.model.stack import Role, Service, Stack
from teal.core.model.traffic import HELD, WITH_TWO_SIDES, Mode, Pages, Traffic, to
from teal.core.model.units import ReleaseId, Seconds
from teal.core.planning.events import Event, Message, RunBegan, RunEnded, ServiceChanged
from teal.core.planning.step_names import Command
from teal.core.planning.wording import held
from teal.errors import Refused, TealError
from teal.ports import (
    Clock,
    Compose,
    Databases,
    Endpoint,
    Engine,
    Journal,
    Loaded,
    Lock,
    Machine,
    Proxy,
    Releases,
    Reports,
    RunLogs,
)
from teal.run.api import Baked, Drained

if TYPE_CHECKING:  # looking needs nothing of migrations
    from teal.core.migrations.contracts import PendingState
    from teal.core.report.make import Reading

EventSink = Callable[[Event], None]  # is told what happens; must not raise or block


@dataclass(frozen=True, slots=True)
class Ports:
    """Everything outside of Teal that a command touches."""

    engine: Engine
    compose: Compose
    proxy: Proxy
    releases: Releases
    journal: Journal
    logs: RunLogs
    reports: Reports
    lock: Lock
    clock: Clock
    machine: Machine
    databases: Databases


@dataclass(slots=True)
class Reporter:
    """Tells whoever watches what happens, and keeps for the summary what is worth a line there."""

    watch: EventSink
    notes: list[str] = field(default_factory=list)
    problems_after_switch: list[str] = field(default_factory=list)  # what went wrong after the switch
    phases: dict[str, Seconds] = field(default_factory=dict)  # by the name of the step, in order
    baked: Baked | None = None  # how the watch over the new release ended
    run: int = 0  # in the journal

    def keep(self, logs: RunLogs, run: int) -> None:
        """Write all that is told from now on to the log of *run*, too."""
        tell = self.watch

        def both(event: Event) -> None:
            logs.append(run, event)
            tell(event)

        logs.begin(run)
        self.watch, self.run = both, run

    def tell(self, side: Side | None, service: str, state: str) -> None:
        """Report a service's new state."""
        self.watch(ServiceChanged(side, service, state))

    def tool(self, line: str) -> None:
        """Report a line of a tool's output."""
        self.watch(Message("tool", line))

    def note(self, text: str, *, warning: bool = False) -> None:
        """Report something worth a line, and keep it for the summary."""
        self.notes.append(text)
        self.watch(Message("warning" if warning else "note", text))


@dataclass(slots=True)
class TrafficControl:
    """Where this run has sent users, since when, and how it asks the proxy: all that writes the state file.

    What also looks at containers, or asks the proxy as a user does, is a step: ``run.steps.traffic``. Times are
    monotonic, in seconds.
    """

    proxy: Proxy
    clock: Clock
    reporter: Reporter
    key: str  # opens the standby color, and the proxy's counts, to Teal alone, while a state names it
    users: Mode = Mode.PLAIN  # where this run knows that users belong, should the state file be lost meanwhile
    live_at: float | None = None  # when the switch was done
    left_at: float | None = None  # when the undo had taken users away from where the switch had sent them
    held_at: float | None = None  # since when the proxy holds users' requests
    paged_at: float | None = None  # since when the proxy shows the maintenance page
    turning: asyncio.Task[None] | None = None  # turns users away when they have waited long enough
    drained: Drained | None = None
    pages: bool = False  # pages bear the number of their release, and stay on it for a while
    snippet: int = 1  # the version that the running snippet has said, once it was asked
    moves: list[tuple[float, str]] = field(default_factory=list)  # when this run sent users where
    waited: float = 0.0  # seconds for which new requests were held
    turned_away: float = 0.0  # seconds for which users saw the maintenance page
    readings: list[Reading] = field(default_factory=list)  # of the proxy's counts, while it could be asked
    uncounted: str = ""  # why it could not
    measured: bool = False  # what this run does to users is wanted
    entries: dict[str, Endpoint] = field(default_factory=dict)  # route -> where the snippet hears Teal's key
    found: tuple[Container, Loaded] | None = None  # the proxy and what it has loaded, looked up once a run

    def now(self) -> Traffic:
        """Return what the proxy does now, or, where its state file is lost, what it did as far as this run knows."""
        return self.proxy.read() or Traffic(self.users)

    async def counts(self) -> Counts | None:
        """Return what the proxy has counted of users by color; None where it can't be asked or does not count.

        It can be asked from the moment at which a place was found where the snippet hears Teal's key, and while the
        state names that key. A proxy that does not answer raises ``Unavailable``.
        """
        if self.found is None or self.now().key != self.key:
            return None
        proxy, loaded = self.found
        open_ = next((each for each in loaded.entries if not each.guarded), None)
        place = next(iter(self.entries.values()), open_)
        if place is None or not loaded.metrics or loaded.snippet < WITH_TWO_SIDES:
            return None
        return await self.proxy.counts(proxy, place, self.key)

    async def read_counts(self) -> None:
        """Take a reading of what the proxy has counted, where it can be asked now; that it can't harms nothing."""
        if not self.measured:
            return
        try:
            counts = await self.counts()
        except TealError as error:
            self.uncounted = error.message
            return
        if counts is not None:
            from teal.core.report.make import Reading  # looking measures nothing

            self.readings.append(Reading(self.clock.monotonic(), counts))
        elif self.found is not None and self.found[1].snippet < WITH_TWO_SIDES:
            self.uncounted = "the proxy's snippet is an older one that does not count: `teal check` says more"
        elif self.found is not None and not self.found[1].metrics:
            self.uncounted = "`metrics` is missing in the proxy's global options: `teal check` says more"

    def restore(self) -> None:
        """Write the state file anew where it was lost while this run works: until then requests are held."""
        if self.users is not Mode.PLAIN and self.proxy.read() is None:
            self.proxy.write(Traffic(self.users))
            self.reporter.note(
                f"the proxy's state file was lost while this ran: it says {self.users} again", warning=True
            )

    def forget_proxy(self) -> None:
        """Look the proxy up anew when it is asked next: another container stands in its place."""
        self.found = None
        self.entries.clear()

    def hold(self, *, page: bool = False, limit: Seconds = Seconds(0.0)) -> bool:
        """Let users' new requests wait at the proxy, or show the maintenance *page*; tell whether it was so already.

        Whoever sees the page goes on seeing it. After *limit* seconds of waiting new requests see it, too; 0 for none.
        """
        now = self.now()
        mode = Mode.MAINTENANCE if page or now.users is Mode.MAINTENANCE else Mode.HOLD
        self._put_away(mode)
        if limit and mode is Mode.HOLD and self.turning is None:
            self.turning = asyncio.create_task(self._turn_away_later(limit))
        return now.users is mode

    def turn_away(self) -> None:
        """Show users the maintenance page; Teal's key still opens what it opened."""
        if self.turning is not asyncio.current_task():
            self._stop_turning()
        self._put_away(Mode.MAINTENANCE)

    def switch(self, side: Side, pages: Pages | None = None) -> bool:
        """Send all users to *side* in one rename, and tell whether they were there; *pages* says which stay behind.

        Teal's key stays for the confirmation and the drain.
        """
        passed = self.now().users == to(side).users
        self.proxy.write(replace(to(side).with_key(side, self.key), pages=pages))
        self.users, self.live_at = Mode(side), self.clock.monotonic()
        self._moved(str(side))
        self._let_in(self.live_at)
        return passed

    def lead(self, traffic: Traffic, asked: Side) -> None:
        """Lead users as *traffic* says, to two sides maybe; Teal's key opens *asked*.

        Raises ``Refused`` where the snippet is not known to understand it: ``require_snippet`` asks.
        """
        if traffic.needs > self.snippet:
            raise Refused("the proxy was not asked yet whether its snippet knows that", hint="`teal check`")
        self.proxy.write(traffic.with_key(asked, self.key))
        self.users = traffic.users
        self._moved(str(traffic.users))

    def record_active(self, side: Side | None) -> bool:
        """Write *side*, None for the plain stack, without any key; tell whether the state file said so already."""
        wanted = self._remembered(side or Side.PLAIN)
        if self.moves:  # a run that has moved nobody only takes its key away
            self._moved(str(wanted.users))
        self.users = wanted.users
        self._let_in(self.clock.monotonic())
        passed = self.proxy.read() == wanted and not self.proxy.state_file_unreadable()
        if not passed:
            self.proxy.write(wanted)
        return passed

    def _moved(self, users: str) -> None:
        """Remember that users go somewhere else from now on."""
        if not self.moves or self.moves[-1][1] != users:
            self.moves.append((self.clock.monotonic(), users))

    def open_standby(self, side: Side) -> None:
        """Let Teal's key lead to *side*; users go where they went."""
        self.proxy.write(self.now().with_key(side, self.key))

    def close_pages(self) -> bool:
        """Lead what pages of an older release ask for to the new one from now on; tell whether it was so already."""
        now = self.now()
        if now.pages is None or now.pages.older is None:
            return True
        self.proxy.write(replace(now, pages=Pages(now.pages.release)))
        return False

    def _remembered(self, side: Side) -> Traffic:
        """Return the traffic that sends all users to *side*, with the number that its pages bear, where it is known."""
        now = self.proxy.read()
        if not self.pages or now is None or now.pages is None:
            return to(side)
        older = now.pages.older
        known = now.pages.release if now.side is side else older[1] if older and older[0] is side else None
        return replace(to(side), pages=Pages(known) if known else None)

    def _put_away(self, mode: Mode) -> None:
        """Write *mode*, and remember since when users are kept away so."""
        now, time = self.now(), self.clock.monotonic()
        self.users = mode
        self._moved(str(mode))
        if mode is Mode.HOLD:
            self.held_at = self.held_at or time
        else:
            self.paged_at = self.paged_at or time
        self.proxy.write(Traffic(mode).with_key(now.side or now.preview or Side.PLAIN, self.key))

    async def _turn_away_later(self, limit: Seconds) -> None:
        """Show the maintenance page where users still wait after *limit* seconds: no request waits in vain any more."""
        await self.clock.sleep(limit)
        if self.users is Mode.HOLD:
            self.turn_away()
            self.reporter.note(
                f"requests have waited for {limit:.0f} s: new ones see the maintenance page now", warning=True
            )

    def _let_in(self, now: float) -> None:
        """Say for how long users' new requests waited or were turned away, and whether some have failed."""
        self._stop_turning()
        if self.held_at is not None:
            waited = Seconds(now - self.held_at)
            self.waited += waited
            self.reporter.note(held(waited), warning=waited > HELD)
        if self.paged_at is not None:
            self.turned_away += now - self.paged_at
            self.reporter.note(f"users saw the maintenance page for {now - self.paged_at:.0f} s")
        self.held_at = self.paged_at = None

    def _stop_turning(self) -> None:
        """Stop waiting for the moment at which users would be turned away."""
        if self.turning is not None:
            self.turning.cancel()
            self.turning = None


@dataclass(slots=True)
class SchemaRun:
    """What the steps that change the schema learn, and hand on to those that follow them in the same run."""

    asked: PendingState | None = None  # what the owner's ``pending`` says, until a command of the migrations runs
    sick: str = ""  # why the release that serves failed its checks before the schema was touched
    changed: tuple[str, ...] = ()  # what a window has changed in the database, as far as that is known
    back: str = ""  # what a failed window has left, in words


@dataclass(slots=True)
class RunContext:
    """What the steps of one run share: the ports, the stack, who is told, and where users are."""

    ports: Ports
    stack: Stack
    reporter: Reporter
    traffic: TrafficControl
    schema: SchemaRun = field(default_factory=SchemaRun)
    facts: dict[str, str] = field(default_factory=dict)  # what a hook finds in its environment
    interrupted: bool = False  # a signal came that what must be finished waits out

    def begin(self, command: Command, source: Side | None, target: Side | None, release: ReleaseId | None) -> int:
        """Begin a run in the journal, and its log; return its number."""
        run = self.ports.journal.begin(command, source, target, release)
        self.reporter.keep(self.ports.logs, run)
        self.reporter.watch(RunBegan(run, command, source, target, release))
        return run

    def end(self, run: int, outcome: str, message: str = "") -> None:
        """End the run in the journal, and say so."""
        self.ports.journal.end(run, outcome, message)
        self.reporter.watch(RunEnded(run, outcome, message))

    def release(self, number: ReleaseId) -> Release:
        """Return the kept release *number*; raise ``Refused`` where it isn't kept."""
        for release in self.ports.releases.all():
            if release.number == number:
                return release
        raise Refused(f"release {number} is not kept any more", hint="`teal history` shows what was; deploy again")

    def services(self, release: ReleaseId | None) -> tuple[Service, ...]:
        """Return the rotating services of *release*, of today's files on the plain side or where it isn't kept."""
        kept = next((each for each in self.ports.releases.all() if each.number == release), None)
        return kept.rotating if kept else self.stack.rotating

    def before_switch(self, release: ReleaseId | None) -> frozenset[str]:
        """Return the names of what starts before the switch."""
        return frozenset(service.name for service in self.services(release) if service.before_switch)

    async def containers(self, side: Side, names: frozenset[str] | None = None) -> tuple[Container, ...]:
        """Return the containers on *side* now; on the plain side those of the rotating services only."""
        every = await self.ports.engine.containers(self.stack.project)
        if side not in COLORS and names is None:
            names = self.stack.rotating_names
        return tuple(c for c in every if c.side is side and (names is None or c.service in names))

    async def proxy_endpoints(self) -> tuple[Container, Loaded]:
        """Return the proxy's running container and what it has loaded.

        Raises ``Refused`` where it doesn't run. Asked once a run: a proxy that is replaced meanwhile answers
        nothing at the old place, and the step that asks it says so.
        """
        if self.traffic.found is None:
            proxy = await self.proxy()
            self.traffic.found = proxy, await self.ports.proxy.loaded(proxy)
        return self.traffic.found

    async def proxy(self) -> Container:
        """Return the proxy's running container; raise ``Refused`` where none runs."""
        proxy = running_plain(await self.ports.engine.containers(self.stack.project), self.stack.proxy)
        if proxy is not None:
            return proxy
        raise Refused(
            f"the proxy ({self.stack.proxy or 'none is named'}) does not run",
            hint="`teal up` starts the shared services; `teal check` says what is missing",
        )

    def shared(self) -> frozenset[str]:
        """Return the names of the shared services."""
        return frozenset(service.name for service in self.stack.having(Role.SHARED))


def run_context(ports: Ports, stack: Stack, watch: EventSink, *, key: str) -> RunContext:
    """Return the context of a run that begins; *key* as the proxy will know Teal by it."""
    reporter = Reporter(watch)
    control = TrafficControl(ports.proxy, ports.clock, reporter, key, pages=stack.settings.pages > 0)
    return RunContext(ports, stack, reporter, control)

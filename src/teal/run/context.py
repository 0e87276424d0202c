"""What the steps of one run share: the ports, the stack, who is told, and where users are.

What only one step needs is its argument, not a field here.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from teal.core.model.observed import Container, running_plain
from teal.core.model.release import Release
from teal.core.model.side import COLORS, Side
from teal.core.model.stack import Role, Service, Stack
from teal.core.model.traffic import Mode, Traffic
from teal.core.model.units import ReleaseId, Seconds
from teal.core.planning.events import Event, Message, ServiceChanged
from teal.errors import Refused
from teal.ports import Clock, Compose, Databases, Endpoint, Engine, Journal, Loaded, Lock, Machine, Proxy, Releases
from teal.run.api import Drained

if TYPE_CHECKING:  # looking needs nothing of migrations
    from teal.core.migrations.contracts import PendingState

EventSink = Callable[[Event], None]  # is told what happens; must not raise or block


@dataclass(frozen=True, slots=True)
class Ports:
    """Everything outside of Teal that a command touches."""

    engine: Engine
    compose: Compose
    proxy: Proxy
    releases: Releases
    journal: Journal
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
    """Where this run has sent users, since when, and how it asks the proxy; ``run.steps.traffic`` acts on it.

    Times are monotonic, in seconds.
    """

    proxy: Proxy
    key: str  # opens the standby color, and the proxy's counts, to Teal alone, while a state names it
    users: Mode = Mode.PLAIN  # where this run knows that users belong, should the state file be lost meanwhile
    live_at: float | None = None  # when the switch was done
    left_at: float | None = None  # when the undo had taken users away from where the switch had sent them
    held_at: float | None = None  # since when the proxy holds users' requests
    paged_at: float | None = None  # since when the proxy shows the maintenance page
    turning: asyncio.Task[None] | None = None  # turns users away when they have waited long enough
    drained: Drained | None = None
    entries: dict[str, Endpoint] = field(default_factory=dict)  # route -> where the snippet hears Teal's key
    found: tuple[Container, Loaded] | None = None  # the proxy and what it has loaded, looked up once a run

    def now(self) -> Traffic:
        """Return what the proxy does now, or, where its state file is lost, what it did as far as this run knows."""
        return self.proxy.read() or Traffic(self.users)


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
    return RunContext(ports, stack, Reporter(watch), TrafficControl(ports.proxy, key))

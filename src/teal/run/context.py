"""Does: what the steps of one run share: the ports, what is wanted, who watches, and what was learnt on the way.

Does: the edges of Teal in one bundle, handed to every command.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field

from teal.core.migrations.contracts import Asked
from teal.core.model.observed import Container, running_plain
from teal.core.model.release import Release
from teal.core.model.side import COLORS, Side
from teal.core.model.stack import Role, Service, Stack
from teal.core.model.traffic import Mode, Traffic
from teal.core.planning.events import Event, Said, ServiceNow
from teal.errors import Refused
from teal.ports import Clock, Compose, Databases, Engine, Entry, Journal, Loaded, Lock, Machine, Proxy, Releases
from teal.run.api import Drained

Watch = Callable[[Event], None]  # is told what happens; must not raise or block


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
class Scene:
    """One run's surroundings; the mutable fields are what its later steps and its outcome need of earlier ones."""

    ports: Ports
    stack: Stack
    watch: Watch
    key: str  # opens the standby color, and the proxy's counts, to Teal alone, while a state names it
    users: Mode = Mode.PLAIN  # where this run knows that users belong, should the state file be lost meanwhile
    drained: Drained | None = None
    done_at: float | None = None  # monotonic, when the plan's last step was done
    live_at: float | None = None  # monotonic, when the switch was done
    left_at: float | None = None  # monotonic, when the undo had taken users away from where the switch had sent them
    held_at: float | None = None  # monotonic, since when the proxy holds users' requests
    asked: Asked | None = None  # what the owner's ``pending`` says, until a command of the migrations runs
    sick: str = ""  # why the release that serves failed its checks before the schema was touched
    interrupted: bool = False  # a signal came that what must be finished waits out
    paged_at: float | None = None  # monotonic, since when the proxy shows the maintenance page
    turning: asyncio.Task[None] | None = None  # turns users away when they have waited long enough
    changed: tuple[str, ...] = ()  # what a window has changed in the database, as far as that is known
    back: str = ""  # what a failed window has left, in words
    worries: list[str] = field(default_factory=list)  # what went wrong after the switch
    facts: dict[str, str] = field(default_factory=dict)  # what a hook finds in its environment
    phases: dict[str, float] = field(default_factory=dict)  # step name -> seconds
    notes: list[str] = field(default_factory=list)
    entries: dict[str, Entry] = field(default_factory=dict)  # route -> where the snippet hears Teal's key
    found: tuple[Container, Loaded] | None = None  # the proxy and what it has loaded, looked up once a run

    def tell(self, side: Side | None, service: str, state: str) -> None:
        """Report a service's new state."""
        self.watch(ServiceNow(side, service, state))

    def tool(self, line: str) -> None:
        """Report a line of a tool's output."""
        self.watch(Said("tool", line))

    def note(self, text: str, *, warning: bool = False) -> None:
        """Report something worth a line, and keep it for the summary."""
        self.notes.append(text)
        self.watch(Said("warning" if warning else "note", text))

    def traffic(self) -> Traffic:
        """Return what the proxy does now, or, where its state file is lost, what it did as far as this run knows."""
        return self.ports.proxy.read() or Traffic(self.users)

    def release(self, number: int) -> Release:
        """Return the kept release *number*; raise ``Refused`` where it isn't kept."""
        for release in self.ports.releases.all():
            if release.number == number:
                return release
        raise Refused(f"release {number} is not kept any more", hint="`teal history` shows what was; deploy anew")

    def services(self, release: int | None) -> tuple[Service, ...]:
        """Return the rotating services of *release*, of today's files on the plain side or where it isn't kept."""
        kept = next((each for each in self.ports.releases.all() if each.number == release), None)
        return kept.rotating if kept else self.stack.rotating

    def opening(self, release: int | None) -> frozenset[str]:
        """Return the names of what starts before the switch."""
        return frozenset(service.name for service in self.services(release) if service.opens)

    async def containers(self, side: Side, names: frozenset[str] | None = None) -> tuple[Container, ...]:
        """Return the containers on *side* now; on the plain side those of the rotating services only."""
        every = await self.ports.engine.containers(self.stack.project)
        if side not in COLORS and names is None:
            names = self.stack.rotating_names
        return tuple(c for c in every if c.side is side and (names is None or c.service in names))

    async def door(self) -> tuple[Container, Loaded]:
        """Return the proxy's running container and what it has loaded.

        Raises ``Refused`` where it doesn't run. Asked once a run: a proxy that is replaced meanwhile answers
        nothing at the old place, and the step that asks it says so.
        """
        if self.found is None:
            proxy = await self.proxy()
            self.found = proxy, await self.ports.proxy.loaded(proxy)
        return self.found

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

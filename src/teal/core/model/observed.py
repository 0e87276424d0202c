"""What was seen of the world at one moment, as a value; plans are made from this and nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

from teal.core.model.migrations import OpenChange
from teal.core.model.release import Release
from teal.core.model.side import COLORS, Side, project_of
from teal.core.model.traffic import Traffic
from teal.core.model.units import Moment, ReleaseId, Seconds


@dataclass(frozen=True, slots=True)
class Past:
    """What the journal's runs come to."""

    last_switch: tuple[Side, ReleaseId | None] | None = None  # where users were sent last, and the release there
    served_releases: tuple[ReleaseId, ...] = ()  # releases that served users once, each once, the latest last
    failed: Mapping[ReleaseId, str] = field(default_factory=dict)  # why it last failed to come, since it served
    known: frozenset[ReleaseId] = frozenset()  # releases that any run was about
    taken_back: Mapping[ReleaseId, str] = field(default_factory=dict)  # those that served and were worse: why


State = Literal["created", "running", "paused", "restarting", "removing", "exited", "dead"]
Healthy = Literal["starting", "healthy", "unhealthy", "none"]


@dataclass(frozen=True, slots=True)
class Container:
    """One container of the stack as the engine describes it."""

    id: str
    name: str
    service: str  # the base name: ``rag``, never ``rag-blue``
    side: Side  # plain for shared and for plainly running services
    release: ReleaseId | None  # from Teal's label; None for anything that Teal did not make
    image: str  # id, "sha256:…"
    state: State
    health: Healthy
    started: Moment  # 0 where it never ran
    finished: Moment = Moment(0.0)
    exit_code: int = 0
    restarts: int = 0
    oom: bool = False
    networks: Mapping[str, str] = field(default_factory=dict)  # network name -> its id when attached
    aliases: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # network name -> names that it has there
    addresses: Mapping[str, str] = field(default_factory=dict)  # network name -> IP address, running only
    ports: Mapping[int, tuple[str, int]] = field(default_factory=dict)  # container port -> published (ip, port)
    published: frozenset[tuple[str, int]] = frozenset()  # (ip, port) on this host of each TCP port that it holds
    binds: Mapping[str, str] = field(default_factory=dict)  # path inside -> file or directory of this host
    grace: Seconds = Seconds(0.0)  # between SIGTERM and SIGKILL, by its definition; 0 where it gives none
    unwell: str = ""  # what its healthcheck said when it was run last and failed: status and output
    pid: int = 0  # its first process, as this host counts; 0 where it doesn't run

    @property
    def running(self) -> bool:
        """Tell whether its process runs now."""
        return self.state == "running"

    @property
    def alive(self) -> bool:
        """Tell whether it must be stopped to be still: it runs, is paused, or is about to run again."""
        return self.state in {"running", "restarting", "paused"}


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A run that the journal shows as begun and not ended: its process died, or still works."""

    run: int
    command: str
    source: Side | None
    target: Side | None
    release: ReleaseId | None
    held: bool  # it began to keep users away from its source: what stands there may be stopped
    started: Moment
    window: bool = False  # it began to change the database while nothing of the application ran
    canary: bool = False  # it leads some users to its release, and not yet all of them
    baking: Seconds | None = None  # for how long its release was still to be watched; None where it wasn't

    @property
    def watched(self) -> bool:
        """Tell whether its release is tried out or watched, so that somebody may keep it or take it back."""
        return self.canary or bool(self.baking)


@dataclass(frozen=True, slots=True)
class Holder:
    """Who works on this stack now."""

    command: str
    user: str
    host: str
    pid: int
    since: Moment

    @property
    def said(self) -> str:
        """Return in words who works on the stack."""
        return f"{self.command} by {self.user}@{self.host} (pid {self.pid}) works on this stack"


@dataclass(frozen=True, slots=True)
class Observed:
    """The stack as engine, proxy, kept files and journal show it."""

    traffic: Traffic | None  # None: no state file, or nothing that the proxy would know
    containers: tuple[Container, ...]
    releases: tuple[Release, ...] = ()  # the kept ones, oldest first
    images: frozenset[str] = frozenset()  # of the ids that kept releases name: those that the engine has
    networks: Mapping[str, str] = field(default_factory=dict)  # name -> id
    unfinished: Unfinished | None = None
    past: Past = field(default=Past())  # what the journal knows of earlier runs
    next_release: ReleaseId = ReleaseId(1)
    contracts: tuple[OpenChange, ...] = ()  # those that releases have brought, open ones and those that were run
    state_file_unreadable: bool = False  # it is there, but not for every user: the proxy may be another

    def on(self, side: Side, services: frozenset[str] | None = None) -> tuple[Container, ...]:
        """Return the containers on *side*, of *services* only where given."""
        return tuple(c for c in self.containers if c.side is side and (services is None or c.service in services))

    def running(self, side: Side, services: frozenset[str] | None = None) -> frozenset[str]:
        """Return the services that run on *side*, of *services* only where given."""
        return frozenset(container.service for container in self.on(side, services) if container.running)

    def running_plain(self, service: str) -> Container | None:
        """Return the plain container of *service* that runs, as that of the proxy or of a shared service."""
        return running_plain(self.containers, service)

    def release_on(self, side: Side) -> ReleaseId | None:
        """Return the number of the release whose containers stand on *side*, None for none or several."""
        numbers = {container.release for container in self.on(side)}
        return numbers.pop() if len(numbers) == 1 else None

    @property
    def active_release(self) -> ReleaseId | None:
        """Return the number of the release that serves, None where no color does, or it is not known."""
        return self.release_on(self.active) if self.active else None

    def kept(self, number: ReleaseId | None) -> Release | None:
        """Return the kept release of that number, if it is kept."""
        return next((each for each in self.releases if each.number == number), None)

    @property
    def active(self) -> Side | None:
        """Return the side that users are sent to, where something of this stack stands there."""
        return active_of(self.traffic, self.containers)

    def networks_of(self, side: Side, project: str) -> tuple[str, ...]:
        """Return the names of the networks that are *side*'s own: of *project*, the stack's."""
        own = f"{project_of(project, side)}_"
        return tuple(name for name in self.networks if name.startswith(own))

    def guests_of(self, side: Side, project: str) -> tuple[Container, ...]:
        """Return the containers outside of the color *side* that are on networks of its own; *project*, the stack's."""
        own = frozenset(self.networks_of(side, project)) if side in COLORS else frozenset()
        return tuple(c for c in self.containers if c.side is Side.PLAIN and not own.isdisjoint(c.networks))


def running_plain(containers: Iterable[Container], service: str) -> Container | None:
    """Return the plain one of *containers* that runs *service*, None where none does."""
    return next((c for c in containers if c.side is Side.PLAIN and c.service == service and c.running), None)


def active_of(traffic: Traffic | None, containers: Iterable[Container]) -> Side | None:
    """Return the color that *traffic* sends users to, where any of *containers* stands there."""
    side = traffic.side if traffic else None
    return side if side in COLORS and any(container.side is side for container in containers) else None

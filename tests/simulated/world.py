"""What exists in the simulated world: containers, networks, images, volumes, a disk, and who is told."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from teal.core.migrations.files import Applied
from teal.core.model.migrations import OpenChange
from teal.core.model.observed import Container, Healthy, State
from teal.core.model.release import Release
from teal.core.model.side import Side
from teal.core.model.units import Moment, ReleaseId
from tests.simulated.behaviour import Behaviour
from tests.simulated.labels import plain_name, side_in
from tests.simulated.loop import VirtualLoop

BIRTH = 1_750_000_000.0  # seconds since the epoch at which the world begins
DEFAULT = Behaviour()
NEWS = frozenset({"created", "started", "ended", "removed", "healthy"})  # what the engine reports of a container


class Migrating(Protocol):
    """A process that migrates."""

    name: str
    alive: bool


@dataclass(frozen=True, slots=True)
class Happening:
    """Something that has just happened; *by* is the process that did it, or "" for the world itself."""

    kind: str
    what: str
    by: str = ""
    box: Box | None = None


@dataclass(eq=False, slots=True)
class Box:
    """A container with its process."""

    id: str
    name: str
    labels: Mapping[str, str]
    image: str
    definition: str
    environment: Mapping[str, str]
    checked: bool  # it has a healthcheck
    restart: str
    aliases: dict[str, tuple[str, tuple[str, ...], int]]  # network -> (its id when attached, names there, gw priority)
    ports: frozenset[int] = frozenset()  # of this machine, that it holds while it runs
    hidden: dict[str, frozenset[str]] = field(default_factory=dict)  # network -> names that mean nobody there
    state: State = "created"
    health: Healthy = "none"
    ready: bool = False  # its process answers
    started: float = 0.0
    finished: float = 0.0
    exit_code: int = 0
    restarts: int = 0
    oom: bool = False
    stopped: bool = False  # by hand or by Teal: the engine does not revive it
    doomed: bool = False  # its process was started to end by itself, whatever is mended meanwhile
    life: int = 0  # counts starts and ends: what was due in an earlier life is void
    fell: float = -1.0  # when it last ceased to answer, on the loop's clock
    switched: bool = False  # users were sent to it once
    log: list[str] = field(default_factory=list)
    facts: tuple[Side | None, str, ReleaseId | None] | None = None  # side, service, release: its labels never change
    look: Container | None = None  # how the core knows it, until it changes

    @property
    def up(self) -> bool:
        """Tell whether its process runs."""
        return self.state == "running"


@dataclass(eq=False, slots=True)
class Net:
    """A network."""

    id: str
    name: str
    labels: Mapping[str, str]
    internal: bool = False


@dataclass(eq=False, slots=True)
class Picture:
    """An image: which service it is of, and of which version of its source."""

    id: str
    service: str
    version: int
    tags: set[str]


@dataclass(slots=True)
class Disk:
    """What lies in the state directory and in the checkout."""

    state: str | None = None  # the proxy's state file
    published: str | None = None
    unwritable: bool = False  # the checkout
    full: bool = False
    releases: dict[int, Release] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)  # path -> content
    runs: list[dict[str, Any]] = field(default_factory=list)  # the journal
    steps: list[dict[str, Any]] = field(default_factory=list)
    reports: dict[int, bytes] = field(default_factory=dict)
    logs: dict[int, list[bytes]] = field(default_factory=dict)  # what each run has told
    contracts: dict[str, OpenChange] = field(default_factory=dict)
    asked: str = ""  # what another command wants of the one that holds the lock
    assets: list[tuple[int, str]] = field(default_factory=list)  # release and route whose files are kept
    asides: list[str] = field(default_factory=list)  # journals that were set aside


class World:
    """Everything outside of Teal. It goes on when Teal dies."""

    def __init__(self, loop: VirtualLoop, project: str) -> None:
        self.loop = loop
        self.project = project
        self.snippet = 2  # the version of Teal's snippet in the proxy
        self.metrics = True  # the proxy counts
        self.boxes: dict[str, Box] = {}
        self.nets: dict[str, Net] = {}
        self.images: dict[str, Picture] = {}
        self.registry: set[str] = set()  # names that can be pulled
        self.volumes: set[str] = set()
        self.disk = Disk()
        self.applied: dict[str, Applied] = {}  # in the database
        self.rows = 0  # that a backfill has still to fill
        self.migrating: Migrating | None = None  # who holds the database's lock
        self.mounted = True  # the proxy sees the state directory
        self.source = 1  # the version of the checkout
        self.behaviours: dict[tuple[str, int], Behaviour] = {}
        self.skew = 0.0  # what was done to the wall clock
        self.engine_up = True
        self.engine_back = 0.0  # when the last of its outages is over, on the loop's clock
        self.interrupted: list[Box] = []  # what ran when the engine went away
        self.holder: Any = None  # the process that holds the lock
        self.held_for = ""  # the command that it works on
        self.held_since = 0.0
        self.watchers: list[Callable[[Happening], None]] = []
        self.listeners: list[Callable[[Box], None]] = []  # of the engine's events
        self._ids = itertools.count(1)
        # What follows from how all stands, until anything happens: whom names mean, who is on a side, how it looks.
        self._meant: dict[tuple[str, str], list[Box]] = {}
        self._sides: dict[tuple[Side, tuple[str, ...] | None], list[Box]] = {}
        self._look: tuple[Container, ...] | None = None

    @property
    def now(self) -> float:
        """Return the wall clock."""
        return BIRTH + self.loop.time() + self.skew

    def id(self, kind: str) -> str:
        """Return a new id."""
        return f"{kind}{next(self._ids):06d}"

    def later(self, seconds: float, what: Callable[[], None]) -> None:
        """Do *what* in *seconds*."""
        self.loop.after(seconds, what)

    def tell(self, kind: str, what: str, *, by: str = "", box: Box | None = None) -> None:
        """Tell everybody who watches that something has happened."""
        self.stir(box)
        happening = Happening(kind, what, by, box)
        for watcher in self.watchers:
            watcher(happening)
        if box is not None and (kind in NEWS or (kind == "unready" and box.checked)):
            for listener in tuple(self.listeners):
                listener(box)

    def stir(self, box: Box | None = None) -> None:
        """Forget what followed from how all stood: something about *box*, or about any container, has changed."""
        for each in (box,) if box is not None else self.boxes.values():
            each.look = None
        self._meant.clear()
        self._sides.clear()
        self._look = None

    def behaviour(self, box: Box) -> Behaviour:
        """Return how the code in *box* behaves."""
        picture = self.images.get(box.image)
        version = picture.version if picture else 0
        return self.behaviours.get((self.service(box), version), DEFAULT)

    def _facts(self, box: Box) -> tuple[Side | None, str, ReleaseId | None]:
        """Return side, service and release of *box*."""
        if box.facts is None:
            side, release = side_in(self.project, box.labels), box.labels.get("teal.release", "")
            service = plain_name(side or Side.PLAIN, box.labels)
            box.facts = (side, service, ReleaseId(int(release)) if release.isdecimal() else None)
        return box.facts

    def side(self, box: Box) -> Side | None:
        """Return the side that *box* stands on; None for a stranger and for a one-off run."""
        return self._facts(box)[0]

    def service(self, box: Box) -> str:
        """Return the service that *box* is of."""
        return self._facts(box)[1]

    def release(self, box: Box) -> ReleaseId | None:
        """Return the release that *box* is of."""
        return self._facts(box)[2]

    def on(self, side: Side, services: tuple[str, ...] | None = None) -> list[Box]:
        """Return the containers on *side*."""
        found = self._sides.get((side, services))
        if found is None:
            mine = (box for box in self.boxes.values() if self._facts(box)[0] is side)
            found = [box for box in mine if services is None or self._facts(box)[1] in services]
            self._sides[(side, services)] = found
        return found

    def containers(self) -> tuple[Container, ...]:
        """Return the containers of the stack as the core knows them, sorted by name."""
        if self._look is None:
            mine = [box.look or self.container(box) for box in self.boxes.values() if self._facts(box)[0] is not None]
            self._look = tuple(sorted(mine, key=lambda each: each.name))
        return self._look

    def called(self, name: str) -> Box | None:
        """Return the container of that id or name."""
        return self.boxes.get(name) or next((box for box in self.boxes.values() if box.name == name), None)

    def holder_of(self, port: int) -> Box | None:
        """Return the container that holds that port of the machine."""
        return next((box for box in self.boxes.values() if box.up and port in box.ports), None)

    def attach(self, box: Box, net: Net, aliases: Iterable[str], priority: int = 0) -> None:
        """Put *box* on *net* under *aliases*."""
        box.aliases[net.name] = (net.id, tuple(aliases), priority)
        self.stir(box)

    def resolve(self, asking: Box, name: str) -> list[Box]:
        """Return who answers to *name* for *asking*: of the first of its networks on which anybody does."""
        known = self._meant.get((asking.id, name))
        if known is None:
            known = self._meant[(asking.id, name)] = self._resolve(asking, name)
        return known

    def _resolve(self, asking: Box, name: str) -> list[Box]:
        order = sorted(asking.aliases, key=lambda net: (-asking.aliases[net][2], net))
        for net in order:
            if name in asking.hidden.get(net, ()):
                continue
            found = [box for box in self.boxes.values() if box.up and _is(box, net, asking.aliases[net][0], name)]
            if found:
                return found
        return []

    def image_of(self, reference: str) -> Picture | None:
        """Return the image of that id or tag; a tag without a colon means ``latest``."""
        if reference in self.images:
            return self.images[reference]
        full = reference if ":" in reference else f"{reference}:latest"
        return next((picture for picture in self.images.values() if full in picture.tags), None)

    def pull(self, reference: str) -> Picture | None:
        """Return the image called *reference*, fetched where a registry has it."""
        if self.image_of(reference) is None and reference in self.registry:
            id_ = f"sha256:{reference}"
            self.images[id_] = Picture(id_, reference, 0, {reference})
        return self.image_of(reference)

    def container(self, box: Box) -> Container:
        """Return *box* as the core knows it."""
        box.look = Container(
            id=box.id,
            name=box.name,
            service=self.service(box),
            side=self.side(box) or Side.PLAIN,
            release=self.release(box),
            image=box.image,
            state=box.state,
            health=box.health,
            started=Moment(box.started),
            finished=Moment(box.finished),
            exit_code=box.exit_code,
            restarts=box.restarts,
            oom=box.oom,
            networks={name: place[0] for name, place in box.aliases.items()},
            aliases={name: place[1] for name, place in box.aliases.items()},
            addresses={name: f"{box.id}@{name}" for name in box.aliases} if box.up else {},
            published=frozenset(("0.0.0.0", port) for port in box.ports) if box.up else frozenset(),
        )
        return box.look


def _is(box: Box, net: str, net_id: str, name: str) -> bool:
    place = box.aliases.get(net)
    return place is not None and place[0] == net_id and (name in place[1] or name == box.name)

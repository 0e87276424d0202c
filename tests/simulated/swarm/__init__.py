"""A Swarm of N nodes in memory: its store, edges and their agents, tasks of both colors, users, and what goes wrong.

The order of a command and the register of an edge are Teal's own (``teal.core.swarm``); played here is the rest: a
network that loses, delays and cuts, machines that go and come back, a store that needs more than half of its nodes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from random import Random

from teal.core.model.side import COLORS, Side
from teal.core.model.units import ReleaseId
from teal.core.swarm.asking import (
    Answer,
    Ask,
    Drain,
    Fill,
    Gate,
    Hear,
    Lingers,
    Lost,
    Make,
    Note,
    Order,
    Pause,
    Prepare,
    Read,
    Retire,
    Seen,
    Swap,
    Tell,
)
from teal.core.swarm.register import NOTHING, Edge, Kept, Mark, Said, heard, prepared, started, told
from teal.core.swarm.truth import Truth
from teal.errors import Interrupted, Locked, TealError, Unavailable

NAMES = ("node1", "node2", "node3", "node4", "node5")
DOWN_AFTER = 20.0  # seconds until Swarm calls a node down


@dataclass(slots=True)
class Node:
    """A machine: what is on its disk, on its tmpfs, and running."""

    name: str
    up: bool = True
    linked: bool = True  # to the other machines; users reach it all the same
    agent: bool = True  # the agent runs
    slow: bool = False  # its agent answers too late, and does what it was asked
    disk: Kept | None = None
    tmpfs: Mark | None = None
    tasks: dict[Side, ReleaseId | None] = field(default_factory=lambda: dict.fromkeys(COLORS))
    away_since: float | None = None  # as Swarm sees it
    floor: int = 0  # decided when it started: it may show nothing older


@dataclass(slots=True)
class Command:
    """A command at work on the node *at*."""

    wish: str
    order: Order[Truth]
    at: Node
    ask: Ask | None = None
    until: float = 0.0
    asked: int = 0
    frozen: bool = False
    over: bool = False
    ended: TealError | Truth | None = None


@dataclass(slots=True)
class Swarm:
    """All of it."""

    size: int = 3
    random: Random = field(default_factory=lambda: Random(0))
    loss: float = 0.0  # of a message, or of its answer
    late: float = 0.0  # of a message that arrives after its sender has given up
    truth: Truth = field(default_factory=Truth)
    version: int = 1
    beats: Counter[str] = field(default_factory=Counter)
    time: float = 0.0
    nodes: dict[str, Node] = field(default_factory=dict)
    wanted: dict[Side, ReleaseId | None] = field(default_factory=lambda: dict.fromkeys(COLORS))
    proved: set[ReleaseId] = field(default_factory=set)
    history: dict[int, str] = field(default_factory=dict)  # epoch -> word, decided
    posted: list[Callable[[], object]] = field(default_factory=list)  # late messages
    sick: set[ReleaseId] = field(default_factory=set)  # releases that never become healthy
    broken: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self.nodes = {name: Node(name) for name in NAMES[: self.size]}
        self.truth = Truth(edges=tuple(self.nodes))

    # -- the network, the store

    def reaches(self, one: Node, other: Node) -> bool:
        return one.up and other.up and (one is other or (one.linked and other.linked))

    def together(self, node: Node) -> list[Node]:
        return [other for other in self.nodes.values() if self.reaches(node, other)]

    def quorum(self, node: Node) -> bool:
        return len(self.together(node)) * 2 > self.size

    @property
    def managed(self) -> list[Node]:
        """Return the nodes that the store's majority reaches."""
        return [node for node in self.nodes.values() if self.quorum(node)]

    # -- machines come and go

    def power_cut(self, node: Node) -> None:
        node.up, node.agent, node.tmpfs = False, False, None
        node.tasks = dict.fromkeys(COLORS)
        node.away_since = node.away_since or self.time

    def boot(self, node: Node, *, disk_lost: bool = False) -> None:
        node.up = True
        node.disk = None if disk_lost else node.disk
        node.floor = self.truth.decided.epoch
        self.start_agent(node)

    def cut(self, node: Node) -> None:
        node.linked = False
        node.away_since = node.away_since or self.time

    def kill_agent(self, node: Node) -> None:
        node.agent = False

    def start_agent(self, node: Node) -> None:
        node.agent = node.up
        if node.up:
            self.keep(node, started(node.name, self.size, node.disk, node.tmpfs))

    def edge(self, node: Node) -> Edge:
        return Edge(node.name, self.size, node.disk or Kept(), node.tmpfs)

    def keep(self, node: Node, edge: Edge) -> None:
        before = node.tmpfs
        node.disk, node.tmpfs = edge.kept, edge.shown
        shown = edge.shown
        if shown is None or shown == before:
            return
        if self.history.get(shown.epoch) != shown.word:
            self.broken.append(f"{node.name} shows {shown}, which was never decided")
        if before is not None and shown.epoch < before.epoch:
            self.broken.append(f"{node.name} goes back from {before} to {shown}")
        if before is None and shown.epoch < node.floor:
            self.broken.append(f"{node.name} came back and shows {shown}, decided was {node.floor} when it started")
        if before is None:
            self.counts["settled"] += 1

    # -- what goes on by itself

    def gossip(self, node: Node) -> None:
        """Let *node* hear its peers."""
        if not (node.up and node.agent):
            return
        peers = [
            self.edge(other).says
            for other in self.together(node)
            if other is not node and other.agent and not other.slow and self.random.random() >= self.loss
        ]
        self.keep(node, heard(self.edge(node), peers))

    def converge(self, node: Node) -> None:
        """Let Swarm bring *node* to what is wanted."""
        if node in self.managed:
            node.tasks = dict(self.wanted)
            node.away_since = None

    def user(self, node: Node) -> None:
        """Let a user ask through *node*: one release must serve the whole request."""
        if not node.up or node.tmpfs is None:
            self.counts["held"] += 1
            return
        side = next(each for each in COLORS if each == node.tmpfs.word.partition(" ")[0])
        at = [other for other in self.together(node) if other.tasks[side] is not None]
        if not at:
            self.counts["nobody there"] += 1
            return
        web = self.random.choice(at)
        behind = [other for other in self.together(web) if other.tasks[side] is not None]
        api = self.random.choice(behind)
        one, two = web.tasks[side], api.tasks[side]
        self.counts["served"] += 1
        if one != two:
            self.broken.append(f"mixed: {web.name} has release {one}, {api.name} has {two}, on {side} via {node.name}")
        if one not in self.proved:
            self.broken.append(f"release {one} serves, which was never proved")

    # -- a command

    def command(self, wish: str, order: Order[Truth], at: Node) -> Command:
        return Command(wish, order, at)

    def step(self, command: Command) -> None:
        """Let *command* do the next thing that it asks for."""
        if command.over or command.frozen or self.time < command.until:
            return
        if not command.at.up:
            self.kill(command)
            return
        try:
            if command.ask is None:
                command.ask = next(command.order)
                command.asked += 1
            try:
                answer = self.perform(command, command.ask)
            except TealError as error:
                command.ask = command.order.throw(error)
            else:
                command.ask = command.order.send(answer)
            command.asked += 1
        except StopIteration as stop:
            command.over, command.ended = True, stop.value
        except TealError as error:
            command.over, command.ended = True, error
            self._let_go(command)

    def interrupt(self, command: Command) -> None:
        """Stop it as Ctrl-C does: it undoes what it may."""
        if command.over or command.ask is None:
            return
        try:
            command.ask = command.order.throw(Interrupted("stopped"))
        except StopIteration as stop:
            command.over, command.ended = True, stop.value
        except TealError as error:
            command.over, command.ended = True, error
            self._let_go(command)

    def kill(self, command: Command) -> None:
        command.over, command.ended = True, None
        command.order.close()

    def _let_go(self, command: Command) -> None:
        if self.truth.holder == command.wish and self.quorum(command.at):
            self.truth = self.truth.held_by("")
            self.version += 1

    def perform(self, command: Command, ask: Ask) -> Answer:  # noqa: C901 - one case for each thing that can be asked
        match ask:
            case Read():
                self._store(command)
                return Seen(self.truth, self.version, self.beats[self.truth.holder])
            case Swap():
                self._store(command)
                return self._swap(ask)
            case Prepare() | Tell():
                return {edge: why for edge in ask.edges if (why := self._post(command, edge, ask)) is not None}
            case Hear():
                return self._hear(command, ask)
            case Lost():
                return frozenset(e for e in ask.edges if self._down(self.nodes[e]))
            case Lingers():
                return self._lingering(command, ask.side)
            case Fill():
                self._fenced(command, ask.version)
                self.wanted[ask.side] = ask.release
                self._assign()
            case Retire():
                self._fenced(command, ask.version)
                self._check_retired(ask.side)
                self.wanted[ask.side] = None
                self._assign()
            case Gate():
                self._assign()
                if ask.release in self.sick:
                    return f"release {ask.release} is unhealthy"
                self.proved.add(ask.release)
                return ""
            case Pause():
                command.until = self.time + ask.seconds
            case Drain() | Note() | Make():
                pass
        return None

    def _store(self, command: Command) -> None:
        if not self.quorum(command.at):
            raise Unavailable("the managers have lost their quorum")

    def _fenced(self, command: Command, version: int) -> None:
        self._store(command)
        if version != self.version:
            raise Locked("another command works")

    def _swap(self, ask: Swap) -> int:
        if ask.version != self.version:
            return 0
        if ask.truth.decided != self.truth.decided:
            self.history[ask.truth.decided.epoch] = ask.truth.decided.word
            self.counts["decided"] += 1
        self.truth = ask.truth
        self.version += 1
        return self.version

    def _post(self, command: Command, name: str, ask: Prepare | Tell) -> str | None:
        node = self.nodes[name]

        def arrive() -> str | None:
            if not (node.up and node.agent):
                return None
            if isinstance(ask, Tell):
                self.keep(node, told(self.edge(node), ask.mark, ask.upto))
                return ""
            edge, why = prepared(self.edge(node), ask.mark)
            self.keep(node, edge)
            return why

        chance = self.random.random()
        if not self.reaches(command.at, node) or chance < self.loss:
            return None
        if chance < self.loss + self.late:
            self.posted.append(arrive)
            return None
        answer = arrive()
        return None if node.slow or self.random.random() < self.loss else answer

    def _hear(self, command: Command, ask: Hear) -> Mapping[str, Said]:
        found = {}
        for name in ask.edges:
            node = self.nodes[name]
            if node.agent and not node.slow and self.reaches(command.at, node) and self.random.random() >= self.loss:
                found[name] = self.edge(node).says
        return found

    def _down(self, node: Node) -> bool:
        return node.away_since is not None and self.time - node.away_since > DOWN_AFTER and node not in self.managed

    def _lingering(self, command: Command, side: Side) -> frozenset[str]:
        """Return the nodes on which Swarm last knew of tasks of *side*, and has not seen them end."""
        self._store(command)
        self._assign()
        away = [node for node in self.nodes.values() if node not in self.managed]
        return frozenset(node.name for node in away if self.believed.get((node.name, side)))

    believed: dict[tuple[str, Side], bool] = field(default_factory=dict)

    def _assign(self) -> None:
        for node in self.managed:
            node.tasks = dict(self.wanted)
            for side in COLORS:
                self.believed[node.name, side] = self.wanted[side] is not None

    def _check_retired(self, side: Side) -> None:
        for node in self.managed:
            shown = node.tmpfs
            behind = node.name in self.truth.behind
            if shown is not None and not behind and shown.word.partition(" ")[0] == side and node.agent:
                self.broken.append(f"{side} is retired while {node.name} shows {shown}")

    # -- time

    def pass_by(self, seconds: float) -> None:
        """Let time go by with nothing else at work."""
        until = self.time + seconds
        while self.time < until:
            self.quiet()

    def quiet(self) -> None:
        self.time += 0.25
        for node in self.nodes.values():
            self.converge(node)
            self.gossip(node)
            self.user(node)

    def finish(self, command: Command, *, every: Callable[[], None] | None = None) -> TealError | Truth | None:
        """Carry *command* to its end, with users who never stop."""
        for _ in range(5000):
            if command.over:
                return command.ended
            self.beats[command.wish] += 1
            if self.time < command.until:
                self.quiet()
            self.step(command)
            for node in self.nodes.values():
                self.user(node)
            if every:
                every()
        raise AssertionError(f"{command.wish} does not end: {command.ask}")


def nothing_broken(swarm: Swarm) -> None:
    """Raise where an invariant did not hold."""
    assert not swarm.broken, swarm.broken[:3]


def settled(swarm: Swarm) -> list[str]:
    """Return what is not as it must be once all is up, a command has ended well, and some time has passed."""
    wrong = []
    truth = swarm.truth
    for node in swarm.nodes.values():
        shown = node.tmpfs or NOTHING
        if shown != truth.decided:
            wrong.append(f"{node.name} shows {shown}, decided is {truth.decided}")
        if node.tasks[truth.standby] is not None:
            wrong.append(f"{node.name} still runs {truth.standby}")
        if truth.active and node.tasks[truth.active] != truth.active_release:
            wrong.append(f"{node.name} runs {node.tasks} and not {truth.active_release}")
    if truth.holder or truth.run:
        wrong.append(f"left open: {truth.holder} {truth.run}")
    return wrong

"""Teal's commands on a Swarm: carries an order of ``core/swarm`` out, and makes the releases that fill a color."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TypeVar

from msgspec import Struct

from teal.core.checks.swarm import Files, swarm_problems
from teal.core.model.compose import mapping, sequence, services_in, unescaped
from teal.core.model.problem import demand
from teal.core.model.release import RenderInputs
from teal.core.model.side import COLORS, Side
from teal.core.model.stack import Role, Service, Stack
from teal.core.model.units import ReleaseId, Seconds
from teal.core.planning.events import Event, Message
from teal.core.rendering.project import render
from teal.core.rendering.stack_file import STATE, by_content, color_stack, networks, shared_stack
from teal.core.swarm import order
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
    Swap,
    Tell,
)
from teal.core.swarm.order import Wish
from teal.core.swarm.register import Said
from teal.core.swarm.truth import Truth
from teal.errors import Interrupted, Refused, TealError, Unavailable
from teal.ports import Clock, Compose
from teal.ports.swarm import Swarm, SwarmNode, SwarmTask

FOLDER = "/teal"  # where a rendering has its files: on a Swarm they are configs
QUIET = 3  # polls in a row that saw nothing in flight
_POLL = Seconds(0.1)
BEAT = 5.0  # seconds between two signs of life

Reader = Callable[[str], bytes]
T = TypeVar("T")


class SwarmResult(Struct, frozen=True):
    """How a deploy, rollback or healing on a Swarm ended."""

    project: str
    command: str
    release: ReleaseId | None
    color: Side | None
    live: Seconds | None  # from the beginning to the switch
    took: Seconds
    notes: tuple[str, ...] = ()


class EdgeRow(Struct, frozen=True):
    """An edge as it answers now."""

    node: str
    state: str  # of the node, as Swarm says
    says: str  # the word that its proxy reads; empty where it holds, or does not answer
    epoch: int
    follows: bool  # what was decided last


class SwarmStatus(Struct, frozen=True):
    """What the Swarm and its edges show now."""

    project: str
    active: Side | None
    release: ReleaseId | None
    back: ReleaseId | None  # to which a rollback would go
    holder: str
    interrupted: str
    edges: tuple[EdgeRow, ...]
    nodes: tuple[SwarmNode, ...]
    tasks: tuple[SwarmTask, ...]


class UpResult(Struct, frozen=True):
    """What `swarm up` has done."""

    project: str
    edges: tuple[str, ...]
    services: tuple[str, ...]


@dataclass(slots=True)
class Carrying:
    """Carries out one order, and remembers what is told of it later."""

    swarm: Swarm
    stack: Stack
    clock: Clock
    watch: Callable[[Event], None]
    make: Callable[[ReleaseId], Awaitable[None]]
    began: float = 0.0
    live: Seconds | None = None
    notes: list[str] = field(default_factory=list)

    async def out(self, work: Order[Truth], wish: Wish) -> SwarmResult:
        """Carry *work* out; whatever it comes to, the lock is left to others."""
        self.began = self.clock.monotonic()
        beating = asyncio.create_task(self._beat(wish.me))
        try:
            truth = await self._through(work)
        except BaseException:
            with suppress(TealError):
                await self._through(order.let_go(wish))
            raise
        finally:
            beating.cancel()
        took = Seconds(self.clock.monotonic() - self.began)
        return SwarmResult(
            self.stack.project, wish.command, truth.active_release, truth.active, self.live, took, tuple(self.notes)
        )

    async def _beat(self, me: str) -> None:
        while True:
            await asyncio.sleep(BEAT)
            with suppress(TealError):
                if (await self.swarm.read()).truth.holder == me:  # one that waits must not seem to be the holder's life
                    await self.swarm.beat(me)

    async def _through(self, work: Order[T]) -> T:
        try:
            ask = next(work)
            while True:
                try:
                    answer = await self._perform(ask)
                except asyncio.CancelledError:
                    if (task := asyncio.current_task()) is not None:
                        task.uncancel()
                    ask = work.throw(Interrupted("stopped"))
                except TealError as error:
                    ask = work.throw(error)
                else:
                    ask = work.send(answer)
        except StopIteration as stop:
            found: T = stop.value
            return found

    async def _perform(self, ask: Ask) -> Answer:
        match ask:
            case Read():
                return await self.swarm.read()
            case Swap():
                return await self._swap(ask)
            case Prepare() | Tell() | Hear():
                return await self._asked(ask)
            case Lost():
                return await self.swarm.lost(ask.edges)
            case Lingers():
                return await self.swarm.lingers(ask.side)
            case Pause() | Note() | Make():
                await self._passed(ask)
            case Fill() | Gate() | Drain() | Retire():
                return await self._colors(ask)
        return None

    async def _passed(self, ask: Pause | Note | Make) -> None:
        if isinstance(ask, Make):
            await self.make(ask.release)
        elif isinstance(ask, Pause):
            await self.clock.sleep(ask.seconds)
        else:
            self._say(ask.text)

    async def _swap(self, ask: Swap) -> int:
        before = (await self.swarm.read()).truth.decided
        version = await self.swarm.swap(ask.truth, ask.version)
        if version and ask.truth.decided != before:
            self._say(f"decided: {ask.truth.decided.word.partition(' ')[0]}, epoch {ask.truth.decided.epoch}")
        return version

    async def _asked(self, ask: Prepare | Tell | Hear) -> Answer:
        if isinstance(ask, Prepare):
            return await self.swarm.prepare(ask.mark, ask.edges)
        if isinstance(ask, Hear):
            return await self.swarm.hear(ask.edges)
        told = await self.swarm.tell(ask.mark, ask.upto, ask.edges)
        if self.live is None and ask.edges and ask.upto == ask.mark.epoch:
            self.live = Seconds(self.clock.monotonic() - self.began)
        return told

    async def _colors(self, ask: Fill | Gate | Drain | Retire) -> Answer:
        if isinstance(ask, Fill):
            self.live = None
            self._say(f"start release {ask.release} as {ask.side}")
            await self.swarm.fill(ask.side, ask.release, ask.version)
        elif isinstance(ask, Gate):
            found = await self.swarm.gate(ask.side, ask.release, within=self.stack.settings.health_timeout)
            if not found:
                self._say(f"{ask.side} is healthy")
            return found
        elif isinstance(ask, Drain):
            await self._drain(ask)
        else:
            self._say(f"retire {ask.side}")
            await self.swarm.retire(ask.side, ask.version)
        return None

    async def _drain(self, ask: Drain) -> None:
        """Wait until nothing is in flight to the old color on any edge; a silent edge is never a zero."""
        _, _, key = (await self.swarm.read()).truth.decided.word.partition(f" {ask.side} ")
        settings, began, quiet = self.stack.settings, self.clock.monotonic(), 0
        counts: dict[str, tuple[int, int] | None] = {}
        while quiet < QUIET:
            waited = self.clock.monotonic() - began
            if waited > settings.drain_timeout:
                self._note(f"the drain of {ask.side} was ended after {waited:.0f} s: {counts}")
                return
            counts = dict(await self.swarm.in_flight(ask.side, key, ask.edges))
            sockets = waited <= settings.websocket_drain
            busy = any(found is None or found[0] or (sockets and found[1]) for found in counts.values())
            quiet = 0 if busy else quiet + 1
            await self.clock.sleep(_POLL)
        self._say(f"drained {ask.side} in {self.clock.monotonic() - began:.1f} s")

    def _say(self, text: str) -> None:
        self.watch(Message("note", text))

    def _note(self, text: str) -> None:
        self.notes.append(text)
        self.watch(Message("warning", text))


def _maker(
    swarm: Swarm, stack: Stack, compose: Compose, read: Reader, watch: Callable[[Event], None]
) -> Callable[[ReleaseId], Awaitable[None]]:
    """Return what builds, pins, renders and keeps a new release."""

    async def make(release: ReleaseId) -> None:
        built = [each.name for each in stack.rotating if each.builds]
        if built:
            watch(Message("note", f"build {', '.join(built)}"))
            await compose.build(built, on_line=lambda _: None)
        pins = {each.name: await _pinned(swarm, stack, each) for each in stack.rotating}
        inputs = RenderInputs(number=release, images=pins, folder=FOLDER)
        files = {}
        for side in COLORS:
            rendered = render(stack, side, inputs)
            contents = {
                f"{FOLDER}/files/{file.name}": read(file.source) if file.source else file.content.encode()
                for file in rendered.files
            }
            files[side] = color_stack(stack, rendered, pins, contents)
        await swarm.keep(release, files)

    return make


async def _pinned(swarm: Swarm, stack: Stack, service: Service) -> str:
    registry = stack.swarm.registry if stack.swarm else ""
    return await swarm.pin(service.image, registry, f"{stack.project}/{service.name}".lower())


def _refuse(stack: Stack, files: Files) -> None:
    if stack.swarm is None:
        raise Refused(
            "teal.yml does not say that this stack runs on a Swarm", hint="add to teal.yml: `swarm: {}`; docs/swarm.md"
        )
    demand(swarm_problems(stack, files))


async def up(swarm: Swarm, stack: Stack, compose: Compose, *, files: Files, read: Reader) -> UpResult:
    """Bring up what both colors share: networks, the proxy and its agent on each edge, the stack's shared services."""
    _refuse(stack, files)
    assert stack.swarm is not None
    nodes = await swarm.nodes()
    edges = tuple(sorted(node.name for node in nodes if node.edge))
    if not edges:
        raise Refused(
            "no node is an edge: nobody would run the proxy",
            hint=f"label those that users reach: docker node update --label-add teal.edge.{stack.project}=yes NODE",
        )
    await swarm.prepare_ground(edges, networks(stack))
    shared = stack.having(Role.SHARED)
    built = [each.name for each in shared if each.builds]
    if built:
        await compose.build(built, on_line=lambda _: None)
    pins = {each.name: await _pinned(swarm, stack, each) for each in shared}
    contents = dict(_shared_contents(stack, read))
    agent = await swarm.agent(stack.swarm.registry)
    await swarm.up_shared(shared_stack(stack, pins, contents, agent, len(edges)))
    return UpResult(stack.project, edges, tuple(each.name for each in shared))


def _shared_contents(stack: Stack, read: Reader) -> dict[str, bytes]:
    model = stack.models[Side.PLAIN]
    found: dict[str, bytes] = {}
    for each in stack.having(Role.SHARED):
        node = services_in(model)[each.name]
        for mount in map(mapping, sequence(node.get("volumes"))):
            if mount.get("type") == "bind" and mount.get("target") != STATE:
                found[unescaped(mount.get("source"))] = read(unescaped(mount.get("source")))
        for kind in ("secrets", "configs"):
            for key in (str(mapping(one).get("source")) for one in sequence(node.get(kind))):
                value = mapping(mapping(model.get(kind)).get(key))
                file = unescaped(value.get("file"))
                found[file or by_content(key)] = read(file) if file else unescaped(value.get("content")).encode()
    return found


async def deploy(
    swarm: Swarm,
    stack: Stack,
    compose: Compose,
    wish: Wish,
    clock: Clock,
    watch: Callable[[Event], None],
    *,
    files: Files,
    read: Reader,
) -> SwarmResult:
    """Roll the stack to a new release, on all edges at once."""
    _refuse(stack, files)
    if not await swarm.has_shared():
        raise Refused(f"{stack.project} is not on this Swarm yet", hint="begin with: teal swarm up")
    carrying = Carrying(swarm, stack, clock, watch, _maker(swarm, stack, compose, read, watch))
    return await carrying.out(order.deploy(wish), wish)


async def back(swarm: Swarm, stack: Stack, wish: Wish, clock: Clock, watch: Callable[[Event], None]) -> SwarmResult:
    """Bring back the release that stands in the other color."""
    return await Carrying(swarm, stack, clock, watch, _kept).out(order.rollback(wish), wish)


async def tidy(swarm: Swarm, stack: Stack, wish: Wish, clock: Clock, watch: Callable[[Event], None]) -> tuple[str, ...]:
    """Put right what an interrupted command left, and remove what no kept release needs."""
    await Carrying(swarm, stack, clock, watch, _kept).out(order.heal(wish), wish)
    return await swarm.prune(frozenset((await swarm.read()).truth.releases.values()))


async def _kept(_: ReleaseId) -> None:
    """Make nothing: what comes back is kept."""


async def status(swarm: Swarm, stack: Stack) -> SwarmStatus:
    """Return what the Swarm and its edges show now."""
    truth = (await swarm.read()).truth
    nodes = await swarm.nodes()
    said: dict[str, Said] = {}
    with suppress(Unavailable):
        said = dict(await swarm.hear(truth.edges))
    states = {node.name: node.state for node in nodes}
    tasks = [task for side in (*COLORS, Side.PLAIN) for task in await swarm.tasks(side)]
    return SwarmStatus(
        stack.project,
        truth.active,
        truth.active_release,
        truth.releases.get(truth.standby) if truth.active else None,
        truth.holder,
        f"{truth.run.command} of release {truth.run.release}" if truth.run and not truth.holder else "",
        tuple(_edge(name, states.get(name, "gone"), said.get(name), truth) for name in truth.edges),
        nodes,
        tuple(tasks),
    )


def _edge(name: str, state: str, said: Said | None, truth: Truth) -> EdgeRow:
    shown = said.shown if said else None
    word = shown.word.partition(" ")[0] if shown else ""
    return EdgeRow(name, state, word, shown.epoch if shown else 0, bool(shown and shown.epoch >= truth.decided.epoch))

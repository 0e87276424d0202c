"""The port of the Swarm over the simulated one: what the library's own commands are played against."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from teal.core.model.side import Side
from teal.core.model.units import ReleaseId, Seconds
from teal.core.rendering.stack_file import AGENT, StackFile
from teal.core.swarm.asking import Answer, Ask, Fill, Gate, Hear, Lingers, Lost, Prepare, Read, Retire, Seen, Swap, Tell
from teal.core.swarm.register import Mark, Said
from teal.core.swarm.truth import Truth
from teal.ports.swarm import Swarm, SwarmNode, SwarmTask
from tests.simulated.swarm import Command
from tests.simulated.swarm import Swarm as World


@dataclass(slots=True)
class SimulatedSwarm(Swarm):
    """What a manager on the node *at* would answer."""

    world: World
    at: str = "node1"
    wish: str = "deploy"
    kept: dict[ReleaseId, Mapping[Side, StackFile]] = field(default_factory=dict)
    flights: list[int] = field(default_factory=list)  # requests in flight, poll by poll
    hanging: set[str] = field(default_factory=set)  # what never answers
    shared: bool = True

    async def _do(self, ask: Ask) -> Answer:
        if type(ask).__name__ in self.hanging:
            await asyncio.sleep(3600)
        self.world.quiet()
        node = self.world.nodes[self.at]
        return self.world.perform(Command(self.wish, iter(()), node), ask)  # type: ignore[arg-type]

    async def nodes(self) -> tuple[SwarmNode, ...]:
        return tuple(
            SwarmNode(node.name, "ready" if node.up else "down", manager=True, edge=True, home=node.name == "node1")
            for node in self.world.nodes.values()
        )

    async def tasks(self, side: Side) -> tuple[SwarmTask, ...]:
        found = [(node.name, node.tasks.get(side)) for node in self.world.nodes.values()]
        return tuple(SwarmTask("web", name, "running", str(release), side) for name, release in found if release)

    async def read(self) -> Seen:
        seen = await self._do(Read())
        assert isinstance(seen, Seen)
        return seen

    async def swap(self, truth: Truth, version: int) -> int:
        found = await self._do(Swap(truth, version))
        assert isinstance(found, int)
        return found

    async def beat(self, by: str) -> None:
        self.world.beats[by] += 1

    async def prepare(self, mark: Mark, edges: Sequence[str]) -> Mapping[str, str]:
        return await self._do(Prepare(mark, tuple(edges)))  # type: ignore[return-value]

    async def tell(self, mark: Mark, upto: int, edges: Sequence[str]) -> Mapping[str, str]:
        return await self._do(Tell(mark, upto, tuple(edges)))  # type: ignore[return-value]

    async def hear(self, edges: Sequence[str]) -> Mapping[str, Said]:
        return await self._do(Hear(tuple(edges)))  # type: ignore[return-value]

    async def lost(self, edges: Sequence[str]) -> frozenset[str]:
        return await self._do(Lost(tuple(edges)))  # type: ignore[return-value]

    async def lingers(self, side: Side) -> frozenset[str]:
        return await self._do(Lingers(side))  # type: ignore[return-value]

    async def fill(self, side: Side, release: ReleaseId, version: int) -> None:
        await self._do(Fill(side, release, version))

    async def gate(self, side: Side, release: ReleaseId, *, within: Seconds) -> str:
        found = await self._do(Gate(side, release))
        return f"{found}\nits last words" if found else ""

    async def in_flight(self, side: Side, key: str, edges: Sequence[str]) -> Mapping[str, tuple[int, int] | None]:
        assert self.world.truth.decided.word.endswith(f"{side} {key}")
        count = self.flights.pop(0) if self.flights else 0
        return dict.fromkeys(edges, None if count < 0 else (count, 0))

    async def retire(self, side: Side, version: int) -> None:
        await self._do(Retire(side, version))

    async def keep(self, release: ReleaseId, files: Mapping[Side, StackFile]) -> None:
        assert release not in self.kept
        self.kept[release] = files

    async def prune(self, kept: frozenset[ReleaseId]) -> tuple[str, ...]:
        gone = [release for release in self.kept if release not in kept]
        return tuple(f"release {self.kept.pop(release) and release}" for release in gone)

    async def prepare_ground(self, edges: Sequence[str], networks: Mapping[str, bool]) -> None:
        self.world.truth = Truth(edges=tuple(edges))

    async def up_shared(self, file: StackFile) -> None:
        assert AGENT in file.text

    async def has_shared(self) -> bool:
        return self.shared

    async def agent(self, registry: str) -> str:
        return f"{registry}/{AGENT}@sha256:0"

    async def pin(self, image: str, registry: str, name: str) -> str:
        return f"{registry}/{name}@sha256:0"

    async def logs(self, side: Side, service: str, lines: int) -> str:
        return ""

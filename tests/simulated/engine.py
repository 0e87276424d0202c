"""The Engine port over the simulated world."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Mapping, Sequence

from teal import ports
from teal.core.model.observed import Container
from teal.core.model.stack import HttpProbe, TcpProbe
from teal.core.model.units import Moment
from teal.core.services.health import Probed
from teal.errors import Failed, Refused, Unavailable
from teal.ports import EngineInfo, HealthRun, ImageInfo, Network, Ran
from tests.simulated import life
from tests.simulated.labels import NETWORK, PROJECT, refused, side_in
from tests.simulated.process import Process, acts, asks, passes
from tests.simulated.world import Box, Net, World

GIB = 1024**3


class SimulatedEngine(ports.Engine):
    """Containers, networks, volumes and images of the world, as one process sees them."""

    def __init__(self, world: World, process: Process) -> None:
        self.world = world
        self.process = process

    def _up(self) -> None:
        if not self.world.engine_up:
            raise Unavailable("the Docker Engine does not run", hint="start it")

    def _box(self, id: str) -> Box:
        self._up()
        box = self.world.called(id)
        if box is None:
            raise refused("No such container")
        return box

    @asks
    async def info(self) -> EngineInfo:
        self._up()
        return EngineInfo("simulated", "28.5.2", 4, 16 * GIB, local=True, rootless=False)

    @asks
    async def containers(self, stack: str) -> tuple[Container, ...]:
        self._up()
        return self.world.containers()

    @asks
    async def container(self, id: str) -> Container | None:
        self._up()
        box = self.world.called(id)
        return self.world.container(box) if box else None

    async def on_network(self, name: str) -> tuple[Container, ...]:
        self._up()
        found = (self.world.container(box) for box in self.world.boxes.values() if box.up)
        return tuple(each for each in found if name in each.networks)

    @acts
    async def start(self, id: str) -> None:
        box = self._box(id)
        for name, (net_id, _, _) in box.aliases.items():
            net = self.world.nets.get(name)
            if net is None or net.id != net_id:
                raise refused(f"network {net_id} not found")
        life.start(self.world, box, by=self.process.name)

    @acts
    async def stop(self, id: str, *, grace: float) -> None:
        self._up()
        box = self.world.called(id)
        if box is not None:
            await asyncio.sleep(life.ask_to_stop(self.world, box, grace, by=self.process.name) + 0.01)

    @acts
    async def remove(self, id: str) -> None:
        self._up()
        box = self.world.called(id)
        if box is not None:
            life.remove(self.world, box, by=self.process.name)

    @asks
    async def logs(self, id: str, *, lines: int) -> str:
        self._up()
        box = self.world.called(id)
        return "".join(f"{line}\n" for line in box.log[-lines:]) if box else ""

    @asks
    async def health_log(self, id: str) -> tuple[HealthRun, ...]:
        self._up()
        box = self.world.called(id)
        if box is None or not box.checked or box.health == "starting":
            return ()
        return (HealthRun(Moment(self.world.now), int(box.health == "unhealthy"), ""),)

    @acts
    async def execute(
        self,
        id: str,
        command: Sequence[str],
        *,
        within: float,
        user: str = "",
        privileged: bool = False,
        directory: str = "",
        environment: Mapping[str, str] | None = None,
    ) -> Ran:
        box = self._box(id)
        if not box.up:
            raise refused(f"container {box.id} is not running")
        return Ran(0 if box.ready else 1, "")

    async def follow(self, id: str, command: Sequence[str]) -> AsyncGenerator[str, None]:
        if not self._box(id).up:
            raise refused(f"container {id} is not running")
        for line in ("one", "two"):
            yield line

    def events(self, stack: str) -> AsyncIterator[str]:
        queue: asyncio.Queue[str] = asyncio.Queue()

        def hear(box: Box) -> None:
            if self.world.side(box) is not None:
                queue.put_nowait(box.id)

        self.world.listeners.append(hear)
        return self._heard(queue, hear)

    async def _heard(self, queue: asyncio.Queue[str], hear: Callable[[Box], None]) -> AsyncIterator[str]:
        try:
            while True:
                yield await queue.get()
        finally:
            self.world.listeners.remove(hear)

    @asks
    async def memory(self, ids: Iterable[str]) -> int:
        self._up()
        boxes = (self.world.boxes.get(id) for id in ids)
        return sum(self.world.behaviour(box).memory for box in boxes if box and box.up)

    @asks
    async def networks(self, stack: str) -> tuple[Network, ...]:
        self._up()
        mine = [net for net in self.world.nets.values() if side_in(stack, net.labels) is not None]
        return tuple(sorted((self._network(net) for net in mine), key=lambda each: each.name))

    @asks
    async def existing_networks(self, names: Iterable[str]) -> frozenset[str]:
        self._up()
        return frozenset(names) & self.world.nets.keys()

    def _network(self, net: Net) -> Network:
        attached = tuple(sorted(box.id for box in self._on(net)))
        labels = net.labels
        return Network(
            net.id, net.name, labels.get(PROJECT, ""), labels.get(NETWORK, ""), "bridge", net.internal, attached
        )

    def _on(self, net: Net) -> list[Box]:
        return [b for b in self.world.boxes.values() if b.up and b.aliases.get(net.name, ("",))[0] == net.id]

    @acts
    async def create_network(
        self, name: str, *, labels: Mapping[str, str], internal: bool = False, like: str = ""
    ) -> str:
        self._up()
        found = self.world.nets.get(name)
        if found is not None:
            if not labels.items() <= found.labels.items():
                raise Failed(f"a network called {name} exists already and does not belong to this stack")
            return found.id
        internal = internal or (bool(like) and self._net(like).internal)
        net = Net(self.world.id("net"), name, dict(labels), internal=internal)
        self.world.nets[name] = net
        return net.id

    def _net(self, name: str) -> Net:
        net = self.world.nets.get(name)
        if net is None:
            raise refused(f"network {name} not found")
        return net

    @acts
    async def remove_network(self, name: str) -> None:
        self._up()
        net = self.world.nets.get(name)
        if net is None:
            return
        if self._on(net):
            raise refused(f"network {name} has active endpoints")
        for box in self.world.boxes.values():
            if box.aliases.get(name, ("",))[0] == net.id:
                del box.aliases[name]
        del self.world.nets[name]
        self.world.stir()

    @acts
    async def connect(self, network: str, id: str, aliases: Sequence[str], *, priority: int = 0) -> None:
        net = self._net(network)
        box = self._box(id)
        place = box.aliases.get(network)
        if place is None or place[0] != net.id:
            self.world.attach(box, net, aliases, priority)
            self.world.tell("connected", f"{box.name} {network}", by=self.process.name)
        elif missing := set(aliases) - set(place[1]):
            raise Failed(f"{box.name} is on the network {network} already, but not as {', '.join(sorted(missing))}")

    @acts
    async def disconnect(self, network: str, id: str) -> None:
        self._up()
        box = self.world.called(id)
        if box is not None and box.aliases.pop(network, None) is not None:
            box.hidden.pop(network, None)
            self.world.tell("disconnected", f"{box.name} {network}", by=self.process.name)

    @acts
    async def hide(self, network: str, id: str, names: Iterable[str]) -> None:
        box = self._box(id)
        if network not in box.aliases:
            raise Failed(f"{box.name} is not on the network {network}")
        box.hidden[network] = box.hidden.get(network, frozenset()) | frozenset(names)
        self.world.stir(box)

    @asks
    async def volumes(self, names: Iterable[str]) -> frozenset[str]:
        self._up()
        return frozenset(names) & self.world.volumes

    @acts
    async def create_volume(
        self, name: str, *, labels: Mapping[str, str], driver: str = "", options: Mapping[str, str] | None = None
    ) -> None:
        self._up()
        self.world.volumes.add(name)

    @asks
    async def image(self, reference: str) -> ImageInfo | None:
        self._up()
        found = self.world.image_of(reference)
        return ImageInfo(found.id, tuple(sorted(found.tags)), GIB, (), (), ()) if found else None

    async def archive(self, image: str, path: str) -> AsyncIterator[bytes]:
        self._up()
        if path.startswith("/gone"):
            raise Refused(f"the image has no folder {path}", hint="correct `assets` in teal.yml")
        yield b"a file"

    @acts
    async def tag(self, image: str, repository: str, tag: str) -> None:
        self._up()
        found = self.world.image_of(image)
        if found is None:
            raise refused("No such image")
        for other in self.world.images.values():
            other.tags.discard(f"{repository}:{tag}")
        found.tags.add(f"{repository}:{tag}")

    @acts
    async def untag(self, reference: str) -> None:
        self._up()
        found = self.world.image_of(reference)
        if found is None:
            return
        used = any(box.image == found.id for box in self.world.boxes.values())
        if found.tags == {reference} and used:
            return  # the engine refuses, and that is fine
        found.tags.discard(reference)
        if not found.tags:
            del self.world.images[found.id]

    @passes
    async def probe(self, address: str, probe: HttpProbe | TcpProbe) -> Probed:
        await self.world.loop.pause(self.process.latency)
        box = self.world.boxes.get(address.partition("@")[0])
        if box is None or not box.up:
            return Probed(passed=False, said="connection refused")
        status = self.world.behaviour(box).answers
        return Probed(passed=True, status=200) if box.ready else Probed(passed=False, status=status)

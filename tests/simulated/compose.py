"""The Compose port over the simulated world: containers from renderings, plain ones from the checkout."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Sequence

from teal import ports
from teal.core.model.compose import Node, environment_of, mapping, networks_of, number, sequence, services_in, text
from teal.core.model.side import Side
from teal.core.model.stack import Stack
from teal.errors import BuildFailed, Failed, Unavailable
from teal.ports import LineSink
from tests.simulated import life
from tests.simulated.behaviour import Behaviour
from tests.simulated.labels import CONFIG_HASH, NETWORK, ONE_OFF, PROJECT, SERVICE
from tests.simulated.process import Process, acts, asks, come_late, hang
from tests.simulated.world import Box, Net, Picture, World


class SimulatedCompose(ports.Compose):
    """Compose in the checkout whose files say *stack*."""

    def __init__(self, world: World, process: Process, stack: Stack) -> None:
        self.world = world
        self.process = process
        self._stack = stack

    @property
    def _plain(self) -> Node:
        return self._stack.models[Side.PLAIN]

    @acts
    async def create(self, project: str, file: str, *, on_line: LineSink) -> None:
        model = self._read(file)
        for name in services_in(model):
            await self._moment(f"create {name}")
            make(self.world, model, project, name, by=self.process.name)

    @acts
    async def up(self, project: str, file: str, services: Sequence[str], *, start: bool, on_line: LineSink) -> None:
        model = self._read(file)
        for name in services:
            await self._moment(f"up {name}")
            box = make(self.world, model, project, name, by=self.process.name)
            if start:
                life.start(self.world, box, by=self.process.name)

    @acts
    async def create_plain(self, services: Sequence[str], *, on_line: LineSink) -> None:
        running = {self.world.service(box) for box in self.world.on(Side.PLAIN) if box.up}
        for name in services:
            if name not in running:
                await self._moment(f"create {name}")
                make(self.world, self._plain, self._stack.project, name, by=self.process.name)

    @acts
    async def up_shared(self, services: Sequence[str], *, update: bool, on_line: LineSink, grace: int = 0) -> None:
        for name in services:
            await self._moment(f"up {name}")
            self.world.pull(reference(self._plain, name))
            box = make(self.world, self._plain, self._stack.project, name, by=self.process.name, keep=not update)
            life.start(self.world, box, by=self.process.name)

    @asks
    async def due(self, services: Sequence[str]) -> ports.Due:
        every, declared = services_in(self._plain), mapping(self._plain.get("networks"))
        keys = dict.fromkeys(key for name in services for key in networks_of(every[name]))
        networks = tuple(name for key in keys if (name := self._outdated(key, mapping(declared.get(key)))))
        boxes = (box for box in self.world.on(Side.PLAIN) if self.world.service(box) in services)
        return ports.Due(frozenset(box.name for box in boxes if self._differs(box)), networks)

    def _differs(self, box: Box) -> bool:
        name = self.world.service(box)
        picture = self.world.image_of(reference(self._plain, name))
        image = picture.id if picture else ""
        return (box.definition, box.image) != (fingerprint(services_in(self._plain)[name]), image)

    def _outdated(self, key: str, declared: Node) -> str:
        """Return the name of the network *key*, where it stands and was made from another definition."""
        net = self.world.nets.get(_name_of(self._stack.project, key, declared))
        made = net.labels.get(CONFIG_HASH) if net else None  # what Compose did not make, it does not judge
        return net.name if net and made and made != fingerprint(declared) else ""

    @acts
    async def build(self, services: Sequence[str], *, on_line: LineSink) -> None:
        for name in services:
            await self._moment(f"build {name}", 0.5)
            on_line(f"building {name}")
            if not self.world.behaviours.get((name, self.world.source), DEFAULT).builds:
                raise BuildFailed(f"the build of {name} failed", detail="exit code 1")
            build_image(self.world, self._plain, name)

    @acts
    async def pull(self, services: Sequence[str], *, on_line: LineSink) -> None:
        for name in services:
            await self._moment(f"pull {name}", 0.5)
            if self.world.pull(reference(self._plain, name)) is None:
                raise BuildFailed(f"{name} can't be pulled", detail="no such host")

    @acts
    async def pull_images(self, references: Sequence[str], *, on_line: LineSink) -> None:
        for name in references:
            await self._moment(f"pull {name}", 0.5)
            if self.world.pull(name) is None:
                raise BuildFailed(f"the image {name} can't be pulled", detail="no such host")

    @acts
    async def run_once(
        self, project: str, file: str, service: str, *, name: str, on_line: LineSink, only_output: bool = False
    ) -> int:
        model, wanted = self._read(file), hashlib.sha256(self.world.disk.texts[file].encode()).hexdigest()
        box = self.world.called(name)
        if box is not None and box.up:
            on_line(f"{name} still runs from an earlier attempt: waiting until it ends")
        try:
            if box is None or not _serves(box, wanted):
                box = await self._renewed(box, model, project, service, name)
                box.labels = {**box.labels, DEFINITION: wanted}
                await self._moment(f"run {name}")
                life.once(self.world, box, by=self.process.name)
            await self._ended(box)
        except asyncio.CancelledError:
            if self.process.alive and box is not None:
                life.ask_to_stop(self.world, box, 10.0, by=self.process.name)
            raise
        if box.exit_code == 0:
            await self._moment(f"forget {name}")
            life.remove(self.world, box, by=self.process.name)
        return box.exit_code

    async def _renewed(self, old: Box | None, model: Node, project: str, service: str, name: str) -> Box:
        """Return a new container; what still runs was asked for by another definition, and is let finish."""
        if old is not None:
            await self._ended(old)
            life.remove(self.world, old, by=self.process.name)
        return make(self.world, model, project, service, by=self.process.name, name=name, one_off=True)

    async def _ended(self, box: Box) -> None:
        while box.up:
            await asyncio.sleep(0.05)
            self.process.check()

    async def _moment(self, what: str, seconds: float = 0.02) -> None:
        """Let a moment pass between two containers: a point at which half of the work is done."""
        trouble = self.process.begin(f"compose {what}")
        await hang(self.process, f"compose {what}", trouble)
        await asyncio.sleep(seconds)
        await come_late(trouble)
        self.process.end(f"compose {what}", trouble)
        if not self.world.engine_up:
            raise Unavailable("the Docker Engine does not run", hint="start it")

    def _read(self, file: str) -> Node:
        said = self.world.disk.texts.get(file)
        if said is None:
            raise Failed(f"open {file}: no such file or directory")
        return mapping(json.loads(said))


DEFAULT = Behaviour()
DEFINITION = "teal.definition"  # digest of the file that a one-shot was made from


def _serves(box: Box, definition: str) -> bool:
    """Tell whether the one-shot *box* does, or has done, what *definition* asks for."""
    done = box.state == "exited" and box.exit_code == 0
    return box.labels.get(DEFINITION) == definition and (box.up or done)


def fingerprint(service: Node) -> str:
    """Return Compose's hash of a service's definition."""
    return hashlib.sha256(json.dumps(service, sort_keys=True, default=str).encode()).hexdigest()


def reference(model: Node, name: str) -> str:
    """Return the image's name as Compose has it."""
    return text(services_in(model)[name].get("image")) or f"{text(model.get('name'))}-{name}"


def build_image(world: World, model: Node, name: str) -> Picture:
    """Build *name* from the present source: the same source gives the same image, whose tag moves to it."""
    tag = f"{reference(model, name)}:latest"
    id_ = "sha256:" + hashlib.sha256(f"{name} {world.source}".encode()).hexdigest()
    for other in tuple(world.images.values()):
        other.tags.discard(tag)
    picture = world.images.setdefault(id_, Picture(id_, name, world.source, set()))
    picture.tags.add(tag)
    return picture


def make(
    world: World,
    model: Node,
    project: str,
    service: str,
    *,
    by: str = "",
    name: str = "",
    keep: bool = False,
    one_off: bool = False,
) -> Box:
    """Create the container of *service*, or return the one that stands there: with the same definition, or anyway."""
    definition = services_in(model)[service]
    called = name or text(definition.get("container_name")) or f"{project}-{service}-1"
    picture = world.image_of(text(definition.get("image")) or f"{project}-{service}")
    if picture is None:
        raise Failed(f"No such image: {definition.get('image')}")
    old = world.called(called)
    if old is not None and (keep or (old.definition, old.image) == (fingerprint(definition), picture.id)):
        return old
    if old is not None:
        life.remove(world, old, by=by)
    box = _box(world, definition, called, _labels(definition, project, service, one_off=one_off), picture)
    for key, options in networks_of(definition).items():
        net = _network(world, model, project, key)
        names = (service, *(text(alias) for alias in sequence(mapping(options).get("aliases"))))
        world.attach(box, net, dict.fromkeys(names), number(mapping(options).get("gw_priority")))
    world.boxes[box.id] = box
    world.tell("created", box.name, by=by, box=box)
    return box


def _box(world: World, definition: Node, name: str, labels: dict[str, str], picture: Picture) -> Box:
    return Box(
        id=world.id("box"),
        name=name,
        labels=labels,
        image=picture.id,
        definition=fingerprint(definition),
        environment=environment_of(definition),
        checked=bool(mapping(definition.get("healthcheck")).get("test")),
        restart=text(definition.get("restart")) or "no",
        ports=frozenset(number(mapping(port).get("published")) for port in sequence(definition.get("ports"))) - {0},
        aliases={},
    )


def _labels(definition: Node, project: str, service: str, *, one_off: bool) -> dict[str, str]:
    own = {text(k): text(v) for k, v in mapping(definition.get("labels")).items()}
    return own | {PROJECT: project, SERVICE: service, ONE_OFF: str(one_off)}


def _network(world: World, model: Node, project: str, key: str) -> Net:
    declared = mapping(mapping(model.get("networks")).get(key))
    name = _name_of(project, key, declared)
    if name not in world.nets:
        if declared.get("external"):
            raise Failed(f"network {name} declared as external, but could not be found")
        labels = {PROJECT: project, NETWORK: key, CONFIG_HASH: fingerprint(declared)}
        world.nets[name] = Net(world.id("net"), name, labels)
    return world.nets[name]


def _name_of(project: str, key: str, declared: Node) -> str:
    return text(declared.get("name")) or f"{project}_{key}"

"""The simulated world as the ground of the contract's tests."""

from __future__ import annotations

import json
from collections.abc import Coroutine, Mapping, Sequence
from typing import Any

from teal.adapters.engine.decode import ONE_OFF, PROJECT, SERVICE
from teal.core.model.side import Side, key_of, project_of
from teal.core.model.stack import Stack
from tests.contract.ground import IMAGE, Does, Tree
from tests.simulated import (
    Behaviour,
    Box,
    Picture,
    Process,
    SimulatedClock,
    SimulatedCompose,
    SimulatedEngine,
    World,
    virtual_loop,
)
from tests.simulated.world import Net

DOES: dict[Does, Behaviour] = {
    "idles": Behaviour(),
    "is stubborn": Behaviour(ignores_sigterm=True),
    "fails": Behaviour(exits_after=0.05, exit_code=3, once_status=3),
    "listens": Behaviour(),
    "speaks": Behaviour(exits_after=0.05, exit_code=0, says=("one", "two", "three")),
}


class SimulatedGround:
    """A world in memory with nothing in it but the base image."""

    def __init__(self) -> None:
        self.stack = "teal-test"
        self.world = World(virtual_loop(), self.stack)
        self.process = Process(self.world, "teal")
        self.engine = SimulatedEngine(self.world, self.process)
        self.clock = SimulatedClock(self.world, self.process)
        self.world.images["sha256:base"] = Picture("sha256:base", "base", 0, {IMAGE})

    def run(self, test: Coroutine[Any, Any, None]) -> None:
        self.world.loop.run_until_complete(test)

    def close(self) -> None:
        self.world.loop.close()

    def container(
        self,
        service: str = "web",
        *,
        side: Side = Side.PLAIN,
        does: Does = "idles",
        network: str = "",
        aliases: Sequence[str] = (),
        labels: Mapping[str, str] | None = None,
        restart: str = "no",
        checked: bool = False,
        image: str = IMAGE,
    ) -> str:
        self._behave(service, does)
        picture = self.world.image_of(image)
        assert picture is not None
        own = {PROJECT: project_of(self.stack, side), SERVICE: key_of(service, side), ONE_OFF: "False"}
        box = Box(
            id=self.world.id("box"),
            name=f"by-hand-{len(self.world.boxes)}",
            labels=own | dict(labels or {}),
            image=picture.id,
            definition="",
            environment={},
            checked=checked,
            restart=restart,
            aliases={},
        )
        if network:
            self.world.attach(box, self.world.nets[network], aliases)
        self.world.boxes[box.id] = box
        return box.id

    def network(self, name: str, labels: Mapping[str, str] | None = None, *, internal: bool = False) -> str:
        full = f"{self.stack}_{name}"
        self.world.nets[full] = Net(self.world.id("net"), full, dict(labels or {}), internal=internal)
        return full

    def remove_network(self, name: str) -> None:
        del self.world.nets[name]

    def image(self, version: str = "1") -> str:
        made = Picture(f"sha256:app{version}", "app", int(version), {f"{self.stack}/app:{version}"})
        self.world.images[made.id] = made
        return made.id

    async def resolve(self, asking: str, name: str) -> set[str]:
        return {box.id for box in self.world.resolve(self.world.boxes[asking], name)}

    def compose(self, model: Tree) -> SimulatedCompose:
        stack = Stack(self.stack, "/srv/teal-test", (), dict.fromkeys(Side, model), (), "")
        return SimulatedCompose(self.world, self.process, stack)

    def rendered(self, model: Tree) -> str:
        path = f"/rendered/{len(self.world.disk.texts)}.json"
        self.world.disk.texts[path] = json.dumps(model)
        return path

    def service(self, name: str, does: Does = "idles", **more: Any) -> Tree:
        self._behave(name, does)
        return {"image": IMAGE, **more}

    def edit_source(self, *, builds: bool = True) -> None:
        self.world.source += 1
        self.world.behaviours[("app", self.world.source)] = Behaviour(builds=builds)

    def _behave(self, service: str, does: Does) -> None:
        self.world.behaviours[(service, 0)] = DOES[does]

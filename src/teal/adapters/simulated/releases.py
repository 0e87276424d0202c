"""Translates: the Releases port in memory: each release is kept whole or not at all."""

from __future__ import annotations

import json
from collections.abc import Mapping

from teal import ports
from teal.core.model.release import Release
from teal.core.model.side import Side
from teal.core.rendered import Rendered
from teal.errors import Unavailable
from tests.simulated.process import Process, reads, writes
from tests.simulated.world import World

ROOT = "/var/lib/teal/releases"


class MemoryReleases(ports.Releases):
    """Kept releases on the world's disk."""

    def __init__(self, world: World, process: Process) -> None:
        self.world = world
        self.process = process

    @reads
    def all(self) -> tuple[Release, ...]:
        return tuple(release for _, release in sorted(self.world.disk.releases.items()))

    @writes
    def keep(self, release: Release, colors: Mapping[Side, Rendered], once: Rendered) -> None:
        self._room()
        self.world.disk.releases[release.number] = release
        trees = {**{str(side): rendered.tree for side, rendered in colors.items()}, "once": once.tree}
        for name, tree in trees.items():
            self.world.disk.texts[f"{ROOT}/{release.number}/{name}.json"] = json.dumps(tree)

    @writes
    def keep_once(self, number: int, once: Rendered) -> None:
        self._room()
        self.world.disk.texts[f"{ROOT}/{number}/once.json"] = once.text

    @reads
    def rendering(self, number: int, side: Side) -> str:
        return f"{ROOT}/{number}/{side}.json"

    @reads
    def once(self, number: int) -> str:
        return f"{ROOT}/{number}/once.json"

    @reads
    def folder(self, number: int) -> str:
        return f"{ROOT}/{number}"

    @writes
    def drop(self, number: int) -> None:
        disk = self.world.disk
        disk.releases.pop(number, None)
        disk.texts = {path: text for path, text in disk.texts.items() if not path.startswith(f"{ROOT}/{number}/")}

    @writes
    def keep_log(self, number: int, service: str, text: str) -> str:
        self._room()
        path = f"{ROOT}/{number}/logs/{service}.log"
        self.world.disk.texts[path] = text
        return path

    def _room(self) -> None:
        if self.world.disk.full:
            raise Unavailable("the release can't be kept: No space left on device", hint="make room on the disk")

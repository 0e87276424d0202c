"""Brings a generated stack up, plainly and by Teal, and looks at it both times."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.conformance.files import VALUES
from tests.conformance.flatten import Flat, flat, names_of
from tests.conformance.generate import Plan
from tests.conformance.look import Asked, Seen, Tree, containers, definitions, inspected, look, said, see
from tests.engine.sandbox import docker, remove

TEAL = Path(sys.executable).parent / "teal"
Looks = dict[str, list[Seen]]  # service -> its containers


@dataclass
class World:
    """A stack on the engine."""

    plan: Plan
    folder: Path
    home: Path
    told: list[str] = field(default_factory=list)

    @property
    def project(self) -> str:
        return self.plan.place.project

    def environment(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "DOCKER_HOST") if name in os.environ}
        return {**kept, **VALUES, "TEAL_HOME": str(self.home)}

    def run(self, *argv: str, within: float = 300) -> str:
        """Run *argv* in the stack's folder."""
        done = subprocess.run(
            argv, cwd=self.folder, env=self.environment(), capture_output=True, text=True, timeout=within, check=False
        )
        self.told.append(f"$ {' '.join(argv)}\n{done.stdout}{done.stderr}")
        assert done.returncode == 0, self.told[-1]
        return done.stdout

    def prepare(self) -> None:
        """Write the stack, and make what is outside of it."""
        self.plan.write(self.folder)
        (self.folder / "ends").mkdir()
        place = self.plan.place
        mine = ["--label", f"com.docker.compose.project={self.project}-outside"]
        docker("network", "create", *mine, f"{self.project}-outside")
        docker("network", "create", *mine, f"{self.project}-older")
        docker("volume", "create", *mine, f"{self.project}-outer-volume")
        fill = "mkdir -p /v/part && echo inside > /v/part/file && exec python -u /probe.py"
        outside = [
            "--network",
            f"{self.project}-outside",
            "--ipc",
            "shareable",
            "-v",
            f"{self.project}-outer-volume:/v",
        ]
        docker("run", "-d", "--name", f"{self.project}-outsider", *mine, *outside, place.image, "sh", "-c", fill)

    def asks(self) -> Asked:
        """Return what is asked of each service."""
        fill = self.plan.place.filled
        names = {each.name: [name for case in each.cases for name in case.asks] for each in self.plan.ones}
        files = {each.name: [path for case in each.cases for path in case.later] for each in self.plan.ones}
        return Asked({each.name: fill(names[each.name], each.name, each.at) for each in self.plan.ones}, files)

    def plainly(self) -> dict[str, list[Flat]]:
        """Return the stack as ``docker compose up`` runs it, and take it down again."""
        self.run("docker", "compose", "up", "--detach", "--build", "--quiet-pull")
        found = self._flat(look(self.project, self.asks()))
        self.run("docker", "compose", "down", "--volumes", "--remove-orphans", "--timeout", "2")
        return self._with_ends(found)

    def by_teal(self) -> dict[str, list[Flat]]:
        """Return the stack as ``teal deploy`` runs it: its color, its shared services, its one-shots."""
        with Watcher(self) as watcher:
            self.run(str(TEAL), "deploy")
        shared = look(self.project, self.asks())
        colored = look(f"{self.project}-blue", self.asks(), "-blue")
        found = self._flat({**shared, **colored}, watcher)
        self.run(str(TEAL), "down", "--volumes", "--yes")
        return self._with_ends(found)

    def _with_ends(self, found: dict[str, list[Flat]]) -> dict[str, list[Flat]]:
        """Return *found* with what services have written as they were stopped."""
        for path in (self.folder / "ends").iterdir():
            found[path.name][0]["at its end"] = path.read_text()
            path.unlink()
        return found

    def _flat(self, looks: Looks, watcher: Watcher | None = None) -> dict[str, list[Flat]]:
        defined = definitions(looks.values())
        if watcher:
            looks, defined = {**looks, **watcher.found}, {**watcher.defined, **defined}
        names = names_of(self.plan, self.folder, self.home, looks, defined)
        return {service: [flat(seen, names) for seen in found] for service, found in looks.items()}

    def remove(self) -> None:
        """Remove everything."""
        with suppress(AssertionError):
            self.run(str(TEAL), "down", "--volumes", "--yes")
        for suffix in ("", "-blue", "-green", "-once", "-outside"):
            label = f"label=com.docker.compose.project={self.project}{suffix}"
            remove(docker("ps", "-aqf", label), "rm", "-fv")
            remove(docker("network", "ls", "-qf", label), "network", "rm")
            remove(docker("volume", "ls", "-qf", label), "volume", "rm")
        for reference in (f"teal/{self.project}/*", f"{self.project}/*", f"{self.project}-*"):
            remove(
                docker("images", "--format", "{{.Repository}}:{{.Tag}}", "--filter", f"reference={reference}"),
                "rmi",
                "-f",
            )
        shutil.rmtree(self.home, ignore_errors=True)


class Watcher:
    """Looks at one-shots while they run, and then tells each to end."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self.found: Looks = {}
        self.defined: dict[str, Tree] = {}
        self._told: set[str] = set()
        self.trouble: list[str] = []

    def __enter__(self) -> Watcher:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        assert not self.trouble, self.trouble

    def _watch(self) -> None:
        while not self._over.wait(0.15):
            for id_ in set(containers(f"{self._world.project}-once")) - self._told:
                try:
                    self._look(id_)
                except AssertionError as error:
                    if id_ in containers(f"{self._world.project}-once"):
                        self.trouble.append(str(error))

    def _look(self, id_: str) -> None:
        (one,) = inspected([id_])
        if not one["State"]["Running"]:
            return
        seen = see(one, self._world.asks())
        self.found[seen.service] = [seen]
        self.defined |= definitions([[seen]])  # what has no name goes with the container
        self._told.add(id_)
        said("kill", "--signal", "TERM", id_)

"""The example stack under load, with what the tests of faults ask of it."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from proof.load import Switch
from tests.engine.stack import Stack, free_port, wait_until
from tests.engine.teal import Ended, Teal
from tests.faults.users import Away

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "tale"
SERVICES = frozenset({"platform", "rag", "crawler", "search", "graph-db"})
# As a container's first process Python ignores SIGTERM until the service has booted: an abort would wait out the grace.
EACH = {"init": True}
QUICK = ("deploy", "--no-build", "--force")
Life = dict[str, tuple[str, str]]  # container name -> id and time of its start


def _docker(*words: str) -> str:
    return subprocess.run(["docker", *words], check=True, capture_output=True, text=True, timeout=60).stdout.strip()


@dataclass
class World:
    """A copy of the example with project, ports and state of its own."""

    stack: Stack
    https: str
    teal: Teal
    moves: list[Switch] = field(default_factory=list)  # switches that the journal doesn't know, since Teal was killed
    gone: list[Away] = field(default_factory=list)  # times in which a test itself cut users off
    clocks: dict[float, float] = field(default_factory=dict)  # times that Teal had wrong -> the real ones
    touched: set[str] = field(default_factory=set)  # shared services that a test itself restarts or removes
    services: frozenset[str] = SERVICES
    _files: dict[Path, bytes] = field(default_factory=dict)

    @property
    def project(self) -> str:
        return self.stack.project

    @property
    def state(self) -> str:
        """Return what the proxy's state file says, "" where there is none."""
        with suppress(OSError):
            return (self.teal.home / self.project / "proxy" / "state").read_text(encoding="utf-8", errors="replace")
        return ""

    # What stands on the engine

    def containers(self, side: str = "") -> list[dict[str, Any]]:
        """Return what the engine says of the containers of a color, or of the stack's own project."""
        project = f"{self.project}-{side}" if side else self.project
        ids = _docker("ps", "--all", "--quiet", "--filter", f"label=com.docker.compose.project={project}").split()
        found: list[dict[str, Any]] = json.loads(_docker("inspect", *ids)) if ids else []
        return found

    def life(self, side: str = "") -> Life:
        """Return id and start of each container of a color that runs, or of the shared services."""
        return {c["Name"]: (c["Id"], c["State"]["StartedAt"]) for c in self.containers(side) if c["State"]["Running"]}

    def untouched_of(self, life: Life) -> Life:
        """Return *life* without the shared services that the test itself restarts or removes."""
        mine = tuple(f"/{self.project}-{service}-" for service in self.touched)
        return {name: one for name, one in life.items() if not name.startswith(mine)}

    def networks(self) -> set[str]:
        """Return the stack's networks, without the project's name."""
        names = _docker("network", "ls", "--format", "{{.Name}}", "--filter", f"name={self.project}").split()
        return {name.removeprefix(self.project) for name in names}

    def tags(self) -> set[int]:
        """Return the releases that images are tagged for."""
        listed = _docker("images", "--format", "{{.Tag}}", "--filter", f"reference=teal/{self.project}/*")
        return {int(tag) for tag in listed.split()}

    def kept(self) -> set[int]:
        """Return the releases that have a folder, half ones counted as 0."""
        folders = (self.teal.home / self.project / "releases").iterdir()
        return {int(folder.name) if folder.name.isdecimal() else 0 for folder in folders}

    # What the owner does

    def write(self, name: str, text: str) -> None:
        """Write a file of the checkout; it is put back after the test."""
        path = self.stack.folder / name
        self._files.setdefault(path, path.read_bytes() if path.exists() else b"")
        path.write_text(text, encoding="utf-8")

    def override(self, **services: dict[str, Any]) -> None:
        """Change services as an owner does, in ``compose.override.yml`` (JSON is YAML)."""
        changes = {name.replace("_", "-"): each for name, each in services.items()}
        every = {name: {**EACH, **changes.get(name, {})} for name in sorted(self.services)}
        self.write("compose.override.yml", json.dumps({"services": every}))

    def restore(self) -> None:
        """Put every file back."""
        for path, content in self._files.items():
            if content:
                path.write_bytes(content)
            else:
                path.unlink(missing_ok=True)
        self._files.clear()

    @contextmanager
    def away(self, *shared: str, control: bool = False) -> Iterator[Away]:
        """What users lose from here until the stack answers again after the block is the fault's, not Teal's."""
        window = Away(time.time(), control=control)
        self.gone.append(window)
        self.touched.update(shared)
        try:
            yield window
            wait_until(lambda: self.stack.answers("/chain"), "users are served again", within=60)
        finally:
            window.until = time.time()

    def real(self, journaled: float) -> float:
        """Return a time of the journal as it really was, where a test had put Teal's clock wrong."""
        return self.clocks.get(journaled, journaled)

    # What is said of it

    @property
    def active(self) -> str:
        """Return the color that users go to now."""
        color = self.state.split()[0]
        assert color in {"blue", "green"}
        return color

    def ended_at(self, point: str, which: signal.Signals | str, *words: str) -> Ended:
        """Run ``teal WORDS``, which sends itself a signal at *point*; tell a switch that it could not journal.

        A text in the place of the signal is a command line that is run there.
        """
        mark = self.teal.home / f"mark-{time.monotonic_ns()}"
        name, line = ("RUN", which) if isinstance(which, str) else (which.name, "")
        argv = [sys.executable, "-m", "tests.faults.ending", point, name, "--"]
        more = {"PYTHONPATH": str(ROOT), "TEAL_TEST_MARK": str(mark), "TEAL_TEST_RUN": line}
        with self.teal.running(*words, argv=argv, **more) as run:
            ended = run.end()
        assert mark.exists(), f"never came to {point}\n{ended.told}"
        if point == "done:switch":
            color, at = self.state.split()[0], float(mark.read_text(encoding="utf-8"))
            self.moves.append(Switch(at, self.release_on(color), color))
        return ended

    def killed_at(self, point: str, *words: str) -> None:
        """Run ``teal WORDS``, which is killed at *point*."""
        ended = self.ended_at(point, signal.SIGKILL, *words)
        assert ended.status == -signal.SIGKILL, ended.told

    def release_on(self, color: str) -> str:
        """Return the release that stands on a color, by its containers' labels."""
        return str(self.containers(color)[0]["Config"]["Labels"]["teal.release"])

    def switches(self) -> list[Switch]:
        """Return every switch so far, in order, by the journal's own times."""
        journal = self.teal.home / self.project / "journal.db"
        query = "SELECT payload, ended FROM step WHERE name = 'switch' AND ended IS NOT NULL"
        with sqlite3.connect(f"{journal.as_uri()}?mode=ro", uri=True) as connection:
            rows = [(json.loads(payload), self.real(ended)) for payload, ended in connection.execute(query)]
        known = [Switch(ended, str(payload["release"]), payload["to"]) for payload, ended in rows]
        return sorted([*known, *self.moves], key=lambda switch: switch.at)

    def went_back(self, color: str) -> None:
        """Tell the load that users were sent back to *color* by the undo of the last run, which is no switch."""
        query = "SELECT min(ended) FROM step WHERE name = 'settle' AND run = (SELECT max(id) FROM run)"
        with sqlite3.connect(f"{(self.teal.home / self.project / 'journal.db').as_uri()}?mode=ro", uri=True) as journal:
            (at,) = journal.execute(query).fetchone()
        self.moves.append(Switch(at, self.release_on(color), color))

    @contextmanager
    def untouched(self) -> Iterator[str]:
        """Yield the active color; it and the shared services must be the same containers, started when they were.

        Nothing else may be left either: no other container, no other network of the color that was tried, no key.
        """
        color = self.active
        before = self.life(color), self.life()
        yield color
        assert (self.life(color), self.life()) == before
        assert len(before[0]) == len(self.services)
        assert self.state == color
        self.no_leftovers(color)

    def no_leftovers(self, color: str) -> None:
        """Assert that nothing half done is left beside the active *color*."""
        other = "green" if color == "blue" else "blue"
        assert self.life(other) == {}
        own = {f"-{other}_default"} if self.containers(other) else set()
        assert self.networks() == {"_default", f"-{color}_default", *own}
        assert self.containers("once") == []
        assert sorted(p.name for p in (self.teal.home / self.project / "proxy").iterdir()) == ["state"]
        status = self.teal.status()
        assert (status["active"], status["interrupted"], status["lock"], status["problems"]) == (color, "", None, [])

    def whole(self) -> str:
        """Assert that a whole color serves and the other one is stopped; return it."""
        color = self.active
        assert len(self.life(color)) == len(self.services)
        assert self.state == color
        self.no_leftovers(color)
        return color


def new_world(folder: Path) -> World:
    """Copy the example; nothing is started."""
    copy = folder / "tale"
    shutil.copytree(EXAMPLE, copy, ignore=shutil.ignore_patterns("__pycache__", ".env"))
    project, port, https = f"teal-test-{os.getpid()}-faults", free_port(), free_port()
    home = folder / "home"
    home.mkdir()
    named = {"COMPOSE_PROJECT_NAME": project, "HTTP_PORT": port, "HTTPS_PORT": https, "TEAL_HOME": home}
    (copy / ".env").write_text("".join(f"{name}={value}\n" for name, value in named.items()), encoding="utf-8")
    every = {"services": dict.fromkeys(sorted(SERVICES), EACH)}
    (copy / "compose.override.yml").write_text(json.dumps(every), encoding="utf-8")
    stack = Stack(copy, project, f"http://127.0.0.1:{port}")
    return World(stack, f"https://127.0.0.1:{https}", Teal(copy, home))


def remove(world: World) -> None:
    """Remove everything that the world made on the engine."""
    for project in (f"{world.project}-{suffix}" for suffix in ("blue", "green", "once")):
        subprocess.run(["docker", "compose", "-p", project, "down", "--timeout", "1"], check=False, capture_output=True)
    world.stack.compose("down", "--volumes", "--remove-orphans", "--timeout", "1")
    for reference in (f"{world.project}/*", f"teal/{world.project}/*"):
        listed = _docker("images", "--format", "{{.Repository}}:{{.Tag}}", "--filter", f"reference={reference}")
        if listed:
            _docker("image", "rm", "--force", *listed.split())

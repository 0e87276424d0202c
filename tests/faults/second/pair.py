"""Two small stacks on a second engine: one that Teal rolls, and its twin without Teal, which bears the same faults."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from proof.load import Limits, Load, Mix, Report, Switch
from proof.load.count import count
from tests.engine.stack import Stack, copy_stack, wait_until
from tests.engine.teal import Running, Teal
from tests.faults.second.machine import Disk, Machine
from tests.faults.world import ROOT, World

SNIPPET = ROOT / "src" / "teal" / "adapters" / "caddy" / "teal.caddy"
SERVICES = frozenset({"web", "back"})
MIX = Mix(plain_only=True, participants=2, upload=0, ws=0, events_seconds=(0.5, 2.0), slow_seconds=1.0)
RATE = 50.0  # of each of both stacks
STATE = "2g"  # more than a deploy wants to be free
NETS = {"pair": "10.213.7", "twin": "10.213.8"}
QUICK = ("deploy", "--no-build", "--force")


class Moves(threading.Thread):
    """Reads the state file all the time: from when on users were sent where, whoever sent them there."""

    def __init__(self, world: World) -> None:
        super().__init__(daemon=True)
        self._file = world.teal.home / world.project / "proxy" / "state"
        self._over = threading.Event()
        self.seen = [Switch(time.time(), None, self._color())]

    def _color(self) -> str:
        return self._file.read_text(encoding="ascii").split()[0]

    def run(self) -> None:
        while not self._over.wait(0.002):
            color = self._color()
            if color != self.seen[-1].color:
                self.seen.append(Switch(self._file.stat().st_ctime, None, color))

    def end(self) -> list[Switch]:
        self._over.set()
        self.join()
        return self.seen


@dataclass
class Told:
    """What users of both stacks noticed of one fault."""

    pair: Report
    twin: Report
    healing: float = 0.0  # seconds that the command took which brought the users back

    def __str__(self) -> str:
        each = {"with Teal": self.pair, "without": self.twin}
        lost = (f"{name} {one.failed} of {one.sent} failed {one.faults or ''}" for name, one in each.items())
        return f"{'; '.join(lost)}; longest answer {self.pair.fast.max:.1f} s and {self.twin.fast.max:.1f} s"

    @property
    def bearable(self) -> float:
        """Return how many requests may be lost where the fault takes the containers down: the twin's, and a little.

        Which of both stacks the engine revives first is its own choice, and takes it some seconds. While it is away,
        names mean nothing: what goes on are the connections that the proxy holds open, fewer right after a switch.
        """
        return self.twin.failed * 1.5 + (3 + self.healing) * RATE if self.twin.failed else 0


@dataclass
class Pair:
    """Both stacks, and the machine that they are on."""

    machine: Machine
    world: World
    twin: Stack
    state_disk: Disk
    told: Told | None = None
    healing: float = 0.0
    _marks: int = field(default=0)

    @contextmanager
    def under_load(self) -> Iterator[None]:
        """Let users ask both stacks, and say afterwards what they have noticed."""
        moves = Moves(self.world)
        loads = [
            Load(http=stack.url, rate=RATE, mix=MIX, seed=n) for n, stack in enumerate((self.world.stack, self.twin))
        ]
        since, self.healing = time.time(), 0.0
        with loads[0], loads[1]:
            moves.start()
            time.sleep(0.5)
            try:
                yield
                self.machine_is_well()
                time.sleep(0.5)
            finally:
                seen = moves.end()
            for load in loads:
                load.finish()
            both = (_counted(load, moved, since) for load, moved in zip(loads, (seen, []), strict=True))
            self.told = Told(*both, healing=self.healing)

    def machine_is_well(self) -> None:
        """Wait until both stacks answer again."""
        for stack in (self.world.stack, self.twin):
            wait_until(lambda stack=stack: stack.answers("/chain"), f"{stack.project} answers", within=60)

    @contextmanager
    def at(self, point: str, *words: str) -> Iterator[Running]:
        """Run ``teal WORDS`` and yield it: at the gate as it runs, at any other *point* stopped until `go_on`."""
        self._marks += 1
        mark = self.world.teal.home / f"mark-{self._marks}"
        argv = [sys.executable, "-m", "tests.faults.ending", point, "SIGSTOP", "--"]
        more = {"PYTHONPATH": str(ROOT), "TEAL_TEST_MARK": str(mark)}
        if point == "gate":
            more["BOOT_SECONDS"] = "6"
        with self.world.teal.running(*words, argv=argv, **more) as run:
            if point == "gate":
                run.until_service("starting")
                time.sleep(0.5)
            else:
                wait_until(lambda: is_stopped(run), f"teal comes to {point}", within=60)
            yield run
            go_on(run)


def _counted(load: Load, moves: list[Switch], since: float) -> Report:
    return count(load.samples, moves, Limits(grace=0.1), since=since, until=time.time())


def is_stopped(run: Running) -> bool:
    """Tell whether a command was stopped by a signal; fail where it has ended."""
    assert run.process.poll() is None, f"ended before it came there\n{run.end().told}"
    return Path(f"/proc/{run.process.pid}/stat").read_text(encoding="ascii").rpartition(") ")[2][0] == "T"


def go_on(run: Running) -> None:
    """Let a stopped command go on; nothing to do for one that runs or has ended."""
    if run.process.poll() is None:
        run.send(signal.SIGCONT)


@contextmanager
def new_pair(machine: Machine) -> Iterator[Pair]:
    """Yield both stacks, the first one with its first release on blue; all that is done meanwhile is done there."""
    before = os.environ.get("DOCKER_HOST")
    os.environ["DOCKER_HOST"] = machine.host
    try:
        with ExitStack() as closing:
            disk = Disk(machine.state, STATE)
            closing.callback(disk.close)
            pair = Pair(
                machine, _world(machine, disk.path), _stack(machine, "twin", machine.folder / "twin-home"), disk
            )
            closing.callback(_remove, pair)
            pair.twin.compose("up", "--detach", "--build")
            pair.world.teal.run("deploy", within=200)
            pair.machine_is_well()
            yield pair
    finally:
        os.environ.pop("DOCKER_HOST")
        if before is not None:
            os.environ["DOCKER_HOST"] = before


def _world(machine: Machine, home: Path) -> World:
    stack = _stack(machine, "pair", home)
    return World(stack, "", Teal(stack.folder, home), services=SERVICES)


def _stack(machine: Machine, name: str, home: Path) -> Stack:
    """Copy the stack; its proxy has an address of its own, which the firewall's rules don't matter to."""
    found = copy_stack("pair", machine.folder / name, PAIR_NET=NETS[name], TEAL_HOME=str(home))
    env = found.folder / ".env"
    project = f"{found.project}-{name}"
    env.write_text(env.read_text(encoding="utf-8").replace(f"={found.project}\n", f"={project}\n"), encoding="utf-8")
    shutil.copy(SNIPPET, found.folder)
    return Stack(found.folder, project, f"http://{NETS[name]}.10")


def _remove(pair: Pair) -> None:
    """Take both stacks down, whatever state they are in; the machine goes afterwards anyway."""
    with ExitStack() as closing:
        for project in (pair.world.project, pair.twin.project):
            for suffix in ("", "-blue", "-green"):
                closing.callback(pair.machine.docker, "compose", "-p", f"{project}{suffix}", "down", "--timeout", "1")

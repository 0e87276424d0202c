"""A stack without a proxy, its users, and Teal with a proxy of its own before it: what the tests of that look at."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from proof.load import Load, Mix, Report, Sample
from tests.engine.sandbox import docker, remove
from tests.engine.stack import Stack, copy_stack, free_port
from tests.engine.teal import Ended, Teal

ROOT = Path(__file__).parents[2]
FAST = Mix(get=500, post=420, chain=80, slow=0, upload=0, events=0, ws=0, participants=2, plain_only=True)
ALL = Mix(
    slow_seconds=1.0,
    upload_seconds=(0.5, 1.0),
    events_seconds=(0.5, 1.5),
    ws_seconds=(0.5, 1.5),
    participants=2,
    plain_only=True,
)


@dataclass
class Users:
    """People who ask all the time, and what became of it, once they have ended."""

    load: Load
    report: Report = field(init=False)

    @property
    def failed(self) -> list[Sample]:
        """Return the requests that did not get their proper answer."""
        return [sample for sample in self.load.samples if sample.fault]

    @property
    def away(self) -> float:
        """Return for how many seconds at most nobody was answered."""
        return max((one.begun for one in self.failed), default=0.0) - min((one.begun for one in self.failed), default=0)

    def demand_peace(self) -> None:
        """Fail unless nobody noticed anything."""
        assert (self.report.failed, self.report.mixed) == (0, 0), self.report.table()


@dataclass
class Lone:
    """A copy of a stack, its Teal, and the file that says where users go."""

    stack: Stack
    teal: Teal
    port: int

    @property
    def state(self) -> Path:
        """Return the state file."""
        return self.teal.home / self.stack.project / "proxy" / "state"

    @property
    def active(self) -> str:
        """Return the color that serves."""
        return str(self.teal.status()["active"])

    def own(self, show: str = "{{.State.Running}}") -> str:
        """Return what the engine shows of Teal's own proxy."""
        return docker("inspect", "--format", show, f"{self.stack.project}-teal-proxy-1")

    def there(self, project: str = "") -> set[str]:
        """Return the containers of a project of the stack's, also stopped ones."""
        label = f"label=com.docker.compose.project={self.stack.project}{project}"
        return set(docker("ps", "--all", "--filter", label, "--format", "{{.Names}}").split())

    @contextmanager
    def users(self, mix: Mix = ALL, *, port: int = 0, rate: float = 50) -> Iterator[Users]:
        """Let users ask all the time that the block takes, and a little longer on both sides."""
        with Load(http=f"http://127.0.0.1:{port or self.port}", rate=rate, mix=mix) as load:
            users = Users(load)
            time.sleep(0.5)
            yield users
            time.sleep(1)
            users.report = load.finish()

    def ended_at(self, point: str, which: signal.Signals, *words: str) -> Ended:
        """Run ``teal WORDS``, which sends itself a signal at *point* (``tests.faults.ending``)."""
        mark = self.teal.home / f"mark-{time.monotonic_ns()}"
        argv = [sys.executable, "-m", "tests.faults.ending", point, which.name, "--"]
        with self.teal.running(*words, argv=argv, PYTHONPATH=str(ROOT), TEAL_TEST_MARK=str(mark)) as run:
            ended = run.end()
        assert mark.exists(), f"never came to {point}\n{ended.told}"
        return ended

    def remove(self) -> None:
        """Remove all that the stack and Teal made."""
        self.teal.run("down", "--yes")
        tags = docker(
            "images", "--format", "{{.Repository}}:{{.Tag}}", "--filter", f"reference=teal/{self.stack.project}/*"
        )
        remove(tags, "rmi")
        self.stack.remove()


def lone(name: str, folder: Path, *, called: str = "", **variables: str) -> Lone:
    """Copy the stack *name*, which is not started, and give it a Teal of its own."""
    home = folder / "home"
    home.mkdir()
    stack = copy_stack(name, folder / name, called=called, TEAL_HOME=str(home), API_PORT=str(free_port()), **variables)
    return Lone(stack, Teal(stack.folder, home), int(stack.url.rpartition(":")[2]))

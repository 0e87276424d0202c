"""Three machines on this one, a stack on them, users on all edges, and what goes wrong."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
ROOT = Path(os.environ.get("TEAL_SWARM", "/tmp/teal-swarm"))
NODES = ROOT / "nodes"
LAB = HERE / "lab.sh"
TEAL = (sys.executable, "-m", "teal")
IMAGES = ("python:3.13-slim", "caddy:2.11")


@dataclass
class Answers:
    """What users of some edges got."""

    rows: list[dict[str, Any]]

    @property
    def failed(self) -> list[dict[str, Any]]:
        return [row for row in self.rows if row["status"] != 200]

    @property
    def mixed(self) -> list[dict[str, Any]]:
        return [row for row in self.rows if row["status"] == 200 and row["said"]["web"] != row["said"]["api"]]

    def back_in_time(self, release: str) -> int:
        """Return how many answers of an older release were begun after *release* had answered, by the same edge."""
        first: dict[int, float] = {}
        for row in self.rows:
            if row["status"] == 200 and row["said"]["web"] == release:
                first.setdefault(row["edge"], row["began"] + row["took"])
        late = [row for row in self.rows if row["status"] == 200 and row["began"] > first.get(row["edge"], 1e12)]
        return sum(int(row["said"]["web"]) < int(release) for row in late)

    @property
    def longest(self) -> float:
        return float(max(row["took"] for row in self.rows))

    def __str__(self) -> str:
        span = max(row["began"] for row in self.rows) - min(row["began"] for row in self.rows)
        said = f"{len(self.rows):,} requests ({len(self.rows) / max(span, 1):.0f}/s)"
        return f"{said}, {len(self.failed)} failed, {len(self.mixed)} mixed, longest {self.longest:.1f} s"


@dataclass
class Ended:
    """How a command of Teal's ended."""

    status: int
    said: str
    took: float

    @property
    def result(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(self.said.splitlines()[-1])
        return found


@dataclass
class Play:
    """The three machines, with the stack on them."""

    table: list[tuple[str, str, bool]] = field(default_factory=list)

    # -- the machines

    def lab(self, *words: str, check: bool = True) -> str:
        env = {**os.environ, "LAB": str(NODES), "REGISTRY": str(ROOT / "registry/usr/bin/docker-registry")}
        done = subprocess.run([LAB, *words], env=env, capture_output=True, text=True, check=False)
        if check and done.returncode:
            raise SystemExit(f"lab.sh {' '.join(words)} failed:\n{done.stdout}{done.stderr}")
        return done.stdout

    def up(self) -> None:
        self.registry()
        self.lab("up")
        self.lab("load", *IMAGES)
        for node in (2, 3):  # so that any manager can build
            self.copy(IMAGES[0], node)
        for node in (1, 2, 3):
            self.docker(1, "node", "update", "--label-add", "teal.edge.fleet=yes", f"node{node}")
        self.docker(1, "node", "update", "--label-add", "teal.home.fleet=yes", "node2")
        shutil.rmtree(ROOT / "stack", ignore_errors=True)
        shutil.copytree(HERE / "stack", ROOT / "stack")
        snippet = subprocess.run([*TEAL, "snippet"], capture_output=True, text=True, check=True).stdout
        (ROOT / "stack" / "teal.caddy").write_text(snippet)

    def registry(self) -> None:
        """Fetch Debian's docker-registry, which is run and not installed."""
        if (ROOT / "registry/usr/bin/docker-registry").exists():
            return
        fetched = ROOT / "deb"
        fetched.mkdir(parents=True, exist_ok=True)
        subprocess.run(["apt-get", "download", "docker-registry"], cwd=fetched, check=True, capture_output=True)
        (deb,) = fetched.glob("docker-registry*.deb")
        subprocess.run(["dpkg", "-x", deb, ROOT / "registry"], check=True)

    def copy(self, image: str, node: int) -> None:
        with subprocess.Popen(["docker", "save", image], stdout=subprocess.PIPE) as saved:
            subprocess.run(
                ["docker", "load", "-q"], stdin=saved.stdout, env=self.env(node), check=True, capture_output=True
            )

    def down(self) -> None:
        self.lab("down", check=False)
        shutil.rmtree(ROOT / "stack", ignore_errors=True)
        shutil.rmtree(ROOT / "home", ignore_errors=True)

    def env(self, node: int) -> dict[str, str]:
        return {
            **os.environ,
            "DOCKER_HOST": f"unix://{NODES}/n{node}/docker.sock",
            "TEAL_HOME": str(ROOT / "home"),
        }

    def docker(self, node: int, *words: str) -> str:
        return subprocess.run(["docker", *words], env=self.env(node), capture_output=True, text=True, check=True).stdout

    # -- Teal, users

    def begin(self, node: int, *words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*TEAL, "swarm", *words],
            cwd=ROOT / "stack",
            env=self.env(node),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def teal(self, node: int, *words: str) -> Ended:
        began = time.monotonic()
        with self.begin(node, *words) as process:
            out, err = process.communicate(timeout=300)
        return Ended(process.returncode, f"{err}\n{out}".strip(), time.monotonic() - began)

    def upto(self, process: subprocess.Popen[str], words: str) -> None:
        """Read what the command says until it has said *words*."""
        assert process.stderr is not None
        seen = []
        for line in process.stderr:
            seen.append(line)
            if words in line:
                return
        raise SystemExit(f"the command never said {words!r}: {''.join(seen)}")

    @contextmanager
    def users(self, edges: Sequence[int], rate: int = 100) -> Iterator[Answers]:
        """Let users ask *edges* within the block; what they got is in what is yielded, once they have ended."""
        file = ROOT / "answers"
        file.unlink(missing_ok=True)
        words = ["3600", str(rate), ",".join(map(str, edges)), str(file)]
        pid = (NODES / "user/pid").read_text().strip()
        argv = ["nsenter", "-t", pid, "--net", "--uts", "--", "python3", str(HERE / "users.py"), *words]
        found = Answers([])
        with subprocess.Popen(argv) as process:
            try:
                time.sleep(1.5)
                yield found
                time.sleep(1.5)
            finally:
                process.send_signal(signal.SIGKILL)
        lines = file.read_text().splitlines()
        found.rows += [json.loads(line) for line in lines if line.endswith("}")]

    def asked(self, edge: int, within: float = 5.0) -> dict[str, Any] | None:
        """Return what a user gets of *edge*, None where that is no answer."""
        done = subprocess.run(
            [LAB, "user", "curl", "-s", "-m", str(within), f"http://10.77.0.{edge}/"],
            env={**os.environ, "LAB": str(NODES)},
            capture_output=True,
            text=True,
            check=False,
        )
        try:
            found: dict[str, Any] = json.loads(done.stdout)
        except ValueError:
            return None
        return found if "web" in found else None

    def until(self, what: str, within: float, true: Any) -> float:
        """Wait until *true* says so; return how long it took."""
        began = time.monotonic()
        while not true():
            if time.monotonic() - began > within:
                raise SystemExit(f"waited {within:.0f} s in vain: {what}")
            time.sleep(0.2)
        return time.monotonic() - began

    def shared(self, node: int) -> str:
        """Return which tasks of the shared services run, on which node."""
        return self.docker(
            node, "stack", "ps", "--filter", "desired-state=running", "--format", "{{.ID}} {{.Node}}", "fleet-shared"
        )

    # -- rows

    def row(self, name: str, said: str, *, good: bool) -> None:
        self.table.append((name, said, good))
        print(f"{'✓' if good else '✗'} {name}: {said}", flush=True)

    def deployed(self, node: int, *words: str) -> Ended:
        ended = self.teal(node, *words, "--json")
        if ended.status:
            raise SystemExit(f"teal swarm {' '.join(words)} on node{node} failed: {ended.said}")
        return ended

    def print(self) -> int:
        """Print the table; return 1 where a row is not as it should be."""
        print()
        for name, said, good in self.table:
            print(f"  {'✓' if good else '✗'} {name:<44} {said}")
        return 0 if all(good for _, _, good in self.table) else 1

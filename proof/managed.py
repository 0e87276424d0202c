"""A stack that Teal manages, driven as a person would: through the command line, in its folder."""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from proof.load import Load

ROOT = Path(__file__).parents[1]
TALE = ROOT / "examples" / "tale"
TEAL = str(Path(sys.executable).with_name("teal"))
PLAIN_NAMES = {"PATH", "HOME", "LANG", "TERM", "NO_COLOR", "TEAL_HOME", "DOCKER_HOST", "DOCKER_CONFIG"}


class ProofFailed(Exception):
    """Something that must hold did not; the message says what."""


@dataclass(frozen=True, slots=True)
class Managed:
    """The stack in *folder*, published on *http* and *https*; its state lies below *home*."""

    folder: Path
    project: str
    http: str
    https: str
    home: str

    @property
    def state(self) -> Path:
        """Return the proxy's state file."""
        return Path(self.home) / self.project / "proxy" / "state"

    @property
    def environment(self) -> dict[str, str]:
        """Return what a program in the folder finds in its environment: nothing that would steer Compose."""
        plain = {name: value for name, value in os.environ.items() if name in PLAIN_NAMES}
        return {**plain, "TEAL_HOME": self.home}

    def run(self, argv: list[str], *, show: bool = False, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a program in the folder; *show* its output as it comes, else return it."""
        done = subprocess.run(
            argv, cwd=self.folder, env=self.environment, text=True, check=False, capture_output=not show, timeout=1800
        )
        if check and done.returncode != 0:
            raise ProofFailed(f"{' '.join(argv)} ended with status {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done

    def teal(self, *arguments: str, show: bool = False, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run Teal."""
        return self.run([TEAL, *arguments], show=show, check=check)

    def result(self, *arguments: str) -> dict[str, Any]:
        """Run Teal with ``--json`` and return its last line."""
        found = json.loads(self.teal("--json", *arguments).stdout.splitlines()[-1])
        assert isinstance(found, dict)
        return found

    def status(self) -> dict[str, Any]:
        """Return what ``teal status --json`` says."""
        return self.result("status")

    def shared(self) -> dict[str, str]:
        """Return id and start of each container outside of the colors that is no rotating service's."""
        names = set(self.status()["shared"])
        form = '{{.Label "com.docker.compose.service"}} {{.ID}}'
        listed = self.run(
            ["docker", "ps", "--no-trunc", "-f", f"label=com.docker.compose.project={self.project}", "--format", form]
        )
        ids = dict(line.split() for line in listed.stdout.splitlines() if line.split()[0] in names)
        started = self.run(["docker", "inspect", "-f", "{{.State.StartedAt}}", *ids.values()]).stdout.split()
        return {name: f"{id_} {at}" for (name, id_), at in zip(ids.items(), started, strict=True)}

    def write_env(self, **variables: str) -> None:
        """Write the stack's ``.env``."""
        port = self.http.rsplit(":", 1)[1], self.https.rsplit(":", 1)[1]
        own = {
            "COMPOSE_PROJECT_NAME": self.project,
            "HTTP_PORT": port[0],
            "HTTPS_PORT": port[1],
            "TEAL_HOME": self.home,
        }
        lines = [f"{name}={value}\n" for name, value in {**own, **variables}.items()]
        (self.folder / ".env").write_text("".join(lines), encoding="utf-8")

    def remove(self) -> None:
        """Remove everything of the stack: containers, networks, volumes, images and state."""
        self.teal("down", "--volumes", "--yes", check=False)
        self.run(["docker", "compose", "down", "--volumes", "--remove-orphans", "--timeout", "1"], check=False)
        listed = self.run(["docker", "images", "--format", "{{.Repository}}:{{.Tag}}"]).stdout.split()
        names = (f"{self.project}/", f"{self.project}-", f"teal/{self.project}/")
        mine = [each for each in listed if each.startswith(names)]
        if mine:
            self.run(["docker", "image", "rm", *mine], check=False)


def free_port() -> int:
    """Return a port of the loopback address that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def tale_copy(name: str, **variables: str) -> Iterator[Managed]:
    """Yield a copy of the example with a project, ports and state of its own; remove it at the end."""
    work = Path(tempfile.mkdtemp(prefix="teal-proof-"))
    shutil.copytree(TALE, work / "tale", ignore=shutil.ignore_patterns(".env", "__pycache__", ".mypy_cache"))
    project = f"teal-test-{os.getpid()}-{name}"
    http, https = f"http://127.0.0.1:{free_port()}", f"https://localhost:{free_port()}"
    stack = Managed(work / "tale", project, http, https, str(work / "home"))
    stack.write_env(**variables)
    try:
        yield stack
    finally:
        stack.remove()
        shutil.rmtree(work, ignore_errors=True)


class Switches:
    """Watches the state file each millisecond and tells the load each switch, with the release that came."""

    def __init__(self, stack: Managed, load: Load) -> None:
        self._stack, self._load = stack, load
        self._seen: list[tuple[float, str]] = []
        self._end = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "Switches":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join(5)

    @property
    def times(self) -> list[float]:
        """Return when users were sent elsewhere, as ``time.time()`` has it."""
        return [at for at, _ in self._seen]

    def tell(self, release: int | str) -> None:
        """Say that the last switch so far brought *release*."""
        if self._seen:
            at, users = self._seen[-1]
            self._load.switched(at, release=release, color=users)

    def _watch(self) -> None:
        last, users = (0, 0), self._users()
        while not self._end.wait(0.001):
            try:
                stat = self._stack.state.stat()
            except FileNotFoundError:
                continue
            if (seen := (stat.st_ino, stat.st_mtime_ns)) != last:  # the next file but one has the first one's inode
                last, now = seen, self._users()
                if now != users:
                    users = now
                    self._seen.append((time.time(), now))

    def _users(self) -> str:
        try:
            return (self._stack.state.read_text() or "plain").split()[0]
        except FileNotFoundError:
            return "plain"

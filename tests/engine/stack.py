"""A Compose stack of the tests: a copy of a folder, with a project, port and image of its own."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import httpx

STACKS = Path(__file__).parents[1] / "stacks"


@dataclass(frozen=True, slots=True)
class Stack:
    """The copy in *folder*, which runs as Compose project *project* and answers at *url*."""

    folder: Path
    project: str
    url: str

    @staticmethod
    def environment() -> dict[str, str]:
        """Return the environment of a user without variables of the tests'."""
        return {name: os.environ[name] for name in ("PATH", "HOME", "DOCKER_HOST") if name in os.environ}

    def docker(self, *arguments: str, within: float = 120) -> str:
        """Run ``docker ARGUMENTS`` in the folder."""
        done = subprocess.run(
            ["docker", *arguments],
            cwd=self.folder,
            env=self.environment(),
            timeout=within,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"docker {' '.join(arguments)}: {done.returncode}\n{done.stderr[-4000:]}"
        return done.stdout

    def compose(self, *arguments: str, within: float = 180) -> str:
        """Run ``docker compose ARGUMENTS`` in the folder."""
        return self.docker("compose", *arguments, within=within)

    def get(self, path: str, **options: object) -> httpx.Response:
        """Ask through the proxy."""
        return httpx.get(self.url + path, timeout=20, trust_env=False, **options)  # type: ignore[arg-type]

    def post(self, path: str, **options: object) -> httpx.Response:
        """Send through the proxy."""
        return httpx.post(self.url + path, timeout=20, trust_env=False, **options)  # type: ignore[arg-type]

    def answers(self, path: str) -> bool:
        """Return whether a request through the proxy succeeds now."""
        try:
            return self.get(path).is_success
        except httpx.TransportError:
            return False

    def remove(self) -> None:
        """Remove the stack's containers, networks, volumes and the image it built."""
        self.compose("down", "--volumes", "--remove-orphans", "--timeout", "1")
        self.docker("image", "rm", "--force", self.project)


def copy_stack(name: str, folder: Path, *, called: str = "", **variables: str) -> Stack:
    """Copy the stack *name* to *folder*, and write its ``.env`` so that it can't meet another copy."""
    project = f"teal-test-{os.getpid()}-{called or name}"
    port = free_port()
    shutil.copytree(STACKS / name, folder, ignore=shutil.ignore_patterns("__pycache__", ".env"))
    own = {
        "COMPOSE_PROJECT_NAME": project,
        f"{name.upper()}_PORT": str(port),
        f"{name.upper()}_IMAGE": project,
    }
    lines = [f"{key}={value}\n" for key, value in {**own, **variables}.items()]
    (folder / ".env").write_text("".join(lines), encoding="utf-8")
    return Stack(folder, project, f"http://127.0.0.1:{port}")


def free_port() -> int:
    """Return a loopback port that nobody listens on now."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def wait_until(true: Callable[[], bool], what: str, within: float = 30) -> None:
    """Return as soon as *true* says so; fail with *what* after *within* seconds."""
    end = time.monotonic() + within
    while not true():
        assert time.monotonic() < end, f"after {within:g} s still not: {what}"
        time.sleep(0.1)

"""What a deploy is measured against: Compose alone, on the very same rendered color, in the slot that is free."""

import json
import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from proof.managed import Managed, ProofFailed
from teal.adapters.compose.cli import rendered
from teal.adapters.process import clean


@dataclass(frozen=True, slots=True)
class Slot:
    """The color of *stack* that serves nobody now, and the kept rendering of the active release for it."""

    stack: Managed
    color: str
    release: int

    @property
    def file(self) -> Path:
        """Return the rendering as Teal keeps it."""
        return Path(self.stack.home) / self.stack.project / "releases" / str(self.release) / f"{self.color}.json"

    def compose(self, *words: str, file: Path | None = None) -> float:
        """Run Compose on the rendering as Teal does; return the seconds."""
        argv = ["docker", *rendered(f"{self.stack.project}-{self.color}", str(file or self.file)), *words]
        began = time.time()
        done = subprocess.run(argv, cwd="/", env=clean(os.environ), capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise ProofFailed(f"{' '.join(argv)} ended with status {done.returncode}\n{done.stderr}")
        return time.time() - began

    def up(self, file: Path | None = None) -> float:
        """Return the seconds of a bare ``up -d --wait`` into the empty slot; its containers are left stopped.

        So Teal finds the slot as it usually does: with a retired color in it.
        """
        self.compose("down", "--timeout", "1")
        took = self.compose("up", "-d", "--wait", file=file)
        self.compose("stop", "--timeout", "1")
        return took

    def containers(self) -> list[str]:
        """Return the ids of the containers that stand in the slot."""
        label = f"label=com.docker.compose.project={self.stack.project}-{self.color}"
        return self.stack.run(["docker", "ps", "-aq", "--no-trunc", "-f", label]).stdout.split()


def slot(stack: Managed) -> Slot:
    """Return the free slot as it is now."""
    now = stack.status()
    return Slot(stack, "green" if now["active"] == "blue" else "blue", now["release"])


def owners(where: Slot) -> Path:
    """Write the rendering with the healthchecks that the owner's own file has, beside the stack; return its path."""
    listed = where.stack.run(["docker", "compose", "config", "--format", "json"]).stdout
    checks = {name: each.get("healthcheck") for name, each in json.loads(listed)["services"].items()}
    tree: dict[str, Any] = json.loads(where.file.read_text())
    for key, service in tree["services"].items():
        service["healthcheck"] = checks[key.removesuffix(f"-{where.color}")]
    path = where.stack.folder / f"owners-{where.color}.json"
    path.write_text(json.dumps(tree))
    return path

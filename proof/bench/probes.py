"""The healthchecks that the engine runs as processes in containers, counted by its own events."""

import json
import subprocess
import threading
from typing import Self

from proof.managed import Managed


class Probes:
    """Counts the execs in containers of the stack's colors while the block runs."""

    def __init__(self, stack: Managed) -> None:
        self._project = stack.project
        self._seen: list[tuple[float, str]] = []

    def __enter__(self) -> Self:
        argv = ["docker", "events", "--filter", "event=exec_start", "--format", "{{json .}}"]
        self._child = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._child.terminate()
        self._child.wait()
        self._thread.join(5)

    def rate(self, since: float, until: float) -> float:
        """Return the probes a second of the color that had most of them between the two times."""
        counts: dict[str, int] = {}
        for at, project in self._seen:
            if since <= at <= until:
                counts[project] = counts.get(project, 0) + 1
        return self._starting(counts) / max(until - since, 1e-9)

    def _starting(self, counts: dict[str, int]) -> int:
        return max((counts.get(f"{self._project}-{color}", 0) for color in ("blue", "green")), default=0)

    def _read(self) -> None:
        assert self._child.stdout is not None
        for line in self._child.stdout:
            event = json.loads(line)
            project = event["Actor"]["Attributes"].get("com.docker.compose.project", "")
            self._seen.append((event["timeNano"] / 1e9, project))

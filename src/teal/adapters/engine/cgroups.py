"""A container's processes and memory as this machine's kernel shows them, where the engine can't tell."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path

from teal.adapters.engine.decode import MemoryStats, used

ROOT = Path("/sys/fs/cgroup")


def kill(pid: int, container: str) -> None:
    """Kill a process of this machine's *container*; another user's, machine's or container's is left alone."""
    with suppress(OSError):
        if _groups(pid, container):
            os.kill(pid, signal.SIGKILL)


def memory(pid: int, container: str) -> int:
    """Return the bytes in use of the container that *pid* runs in, page cache left out; 0 where it can't be read."""
    with suppress(OSError, ValueError):
        groups = _groups(pid, container)
        if "memory" in groups:  # cgroup v1
            return _used(ROOT / "memory" / groups["memory"], "memory.usage_in_bytes")
        if "" in groups:
            return _used(ROOT / groups[""], "memory.current")
    return 0


def _groups(pid: int, container: str) -> dict[str, str]:
    """Return controller -> group of a process, "" for cgroup v2; empty where it is not one of *container*."""
    rows = (line.split(":", 2) for line in Path(f"/proc/{pid}/cgroup").read_text(encoding="utf-8").splitlines())
    found = [(names, path.lstrip("/")) for _, names, path in rows if container in path]
    return {name: path for names, path in found for name in names.split(",")}


def _used(folder: Path, usage: str) -> int:
    pairs = (line.split() for line in (folder / "memory.stat").read_text(encoding="ascii").splitlines())
    stats = {name: int(value) for name, value in pairs}
    return used(MemoryStats(usage=int((folder / usage).read_text(encoding="ascii")), stats=stats))

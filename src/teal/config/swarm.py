"""What of a stack's mounts lies within its project: what can come along to a Swarm, by size."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

from teal.core.model.compose import mapping, sequence, services_in, unescaped
from teal.core.model.side import Side
from teal.core.model.stack import Stack


def project_files(stack: Stack) -> dict[str, int]:
    """Return by path the size in bytes of each file that *stack* mounts of its own project; -1 for a folder."""
    found: dict[str, int] = {}
    for source in dict.fromkeys(_sources(stack)):
        try:
            looks = Path(source).stat()
            inside = Path(source).resolve().is_relative_to(Path(stack.directory).resolve())
        except OSError:
            continue
        if stat.S_ISDIR(looks.st_mode) and inside:
            found[source] = -1
        elif stat.S_ISREG(looks.st_mode) and inside:
            found[source] = looks.st_size
    return found


def _sources(stack: Stack) -> Iterator[str]:
    model = stack.models[Side.BLUE]
    for service in services_in(model).values():
        for mount in map(mapping, sequence(service.get("volumes"))):
            if mount.get("type") == "bind":
                yield unescaped(mount.get("source"))
    for kind in ("secrets", "configs"):
        for value in mapping(model.get(kind)).values():
            if mapping(value).get("file"):
                yield unescaped(mapping(value).get("file"))

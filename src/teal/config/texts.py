"""Reads small text files of the owner's, whatever lies there: nothing raises, nothing blocks, nothing is endless.

What is no regular file, too large, not readable or no text is as if it were empty.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from pathlib import Path

LARGEST = 512 * 1024  # bytes of a file that is read
_MOST = 300  # entries of a folder that are looked at
_DEEPEST = 4
_TOOLS = frozenset({"node_modules", "vendor", ".git", ".venv", "venv", "__pycache__", ".next", "target"})


def text_of(path: Path, largest: int = LARGEST) -> str:
    """Return what the file at *path* says, "" where it can't be read as text."""
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode) or found.st_size > largest:
            return ""
        content = path.read_bytes()
    except (OSError, ValueError):
        return ""
    return "" if b"\0" in content else content.decode("utf-8", errors="replace")


def files_at(path: Path) -> Iterator[Path]:
    """Yield *path* where it is a file, else the files below it: not too many, not too deep, none behind links."""
    try:
        found = path.stat()
    except (OSError, ValueError):
        return
    if stat.S_ISREG(found.st_mode):
        yield path
        return
    left = _MOST
    for here, folders, files in os.walk(path):
        deep = len(Path(here).relative_to(path).parts) >= _DEEPEST
        folders[:] = [] if deep else sorted(set(folders) - _TOOLS)
        yield from (Path(here, name) for name in sorted(files)[:left])
        left -= len(files) + len(folders)
        if left <= 0:
            return

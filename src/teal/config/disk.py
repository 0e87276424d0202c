"""Looks at what lies in a mount: names of files, a bounded sample; never out of the folder, never failing."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path

from teal.core.model.mounts import Seen

_MOST = 1000  # entries that are looked at, the nearest first
_DEEPEST = 4
_READ = 100  # files of which the first bytes are read
_SQLITE = b"SQLite format 3\0"


def look_at(places: Mapping[str, str]) -> dict[str, Seen]:
    """Return what was seen at each of *places*: path by name; nothing where there is none, or it is closed to us."""
    return {name: _look(Path(path)) for name, path in places.items()}


def _look(path: Path) -> Seen:
    try:
        mode = path.stat().st_mode  # a mount follows a link that is its source, too
        if stat.S_ISREG(mode):
            return Seen("file", databases=tuple(_databases(path.parent, [path.name])))
        if stat.S_ISSOCK(mode):
            return Seen("socket")
        if not stat.S_ISDIR(mode):
            return Seen()
        found = list(islice(_names(path), _MOST + 1))
    except OSError:
        return Seen()
    names = found[:_MOST]
    whole = len(found) <= _MOST and _DEEP not in names
    names = [name for name in names if name != _DEEP]
    return Seen("folder", tuple(names), tuple(_databases(path, names)), whole)


_DEEP = ""  # stands for what lies too deep, or is closed


def _names(root: Path) -> Iterator[str]:
    """Yield names within *root*, folder by folder, the nearest first; of a link its name alone."""
    level = [""]
    for _ in range(_DEEPEST):
        below: list[str] = []
        for folder in level:
            try:
                with os.scandir(root / folder) as found:
                    entries = sorted(islice(found, _MOST + 1), key=lambda entry: entry.name)
            except OSError:
                if not folder:
                    raise
                yield _DEEP
                continue
            for entry in entries:
                inside = entry.is_dir(follow_symlinks=False)
                yield f"{folder}{entry.name}{'/' if inside else ''}"
                if inside:
                    below.append(f"{folder}{entry.name}/")
        level = below
    if level:
        yield _DEEP


def _databases(root: Path, names: Iterable[str]) -> Iterator[str]:
    """Yield those of the files that begin as SQLite's do."""
    for name in islice((each for each in names if not each.endswith("/")), _READ):
        try:
            if stat.S_ISREG((root / name).lstat().st_mode) and _begins(root / name):
                yield name
        except OSError:
            continue


def _begins(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(len(_SQLITE)) == _SQLITE

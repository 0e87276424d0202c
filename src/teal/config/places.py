"""Finds the services that a file names, and the line on which each begins, without reading it as YAML: that is slow."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from teal.core.model.compose import mapping, text

_KEY = re.compile(r"(\s+)[\"']?([\w.-]+)[\"']?\s*:")


def places(files: Iterable[Path]) -> dict[str, str]:
    """Return service -> ``compose.yml:12``; the first file that has it counts, included ones aren't looked into."""
    found: dict[str, str] = {}
    for file in files:
        for line, name in _services(_lines(file)):
            found.setdefault(name, f"{file.name}:{line}")
    return found


def named_in(file: Path) -> frozenset[str]:
    """Return the services that *file* names; a YAML reader is asked only for what isn't written line by line."""
    found = frozenset(name for _, name in _services(_lines(file)))
    if found:
        return found
    from teal.config.strict_yaml import read_yaml

    return frozenset(map(text, mapping(mapping(read_yaml(file)).get("services"))))


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []


def _services(lines: Iterable[str]) -> Iterator[tuple[int, str]]:
    """Yield (line from 1, name) of each key directly below ``services:``."""
    inside, indent = False, ""
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if not line[0].isspace():
            inside, indent = line.startswith("services:"), ""
        elif inside:
            indent = indent or line[: len(line) - len(line.lstrip())]
            found = _KEY.match(line)
            if found and found[1] == indent:
                yield number, found[2]

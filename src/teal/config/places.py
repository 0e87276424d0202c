"""Finds, for problems of a stack, the line on which the service that they are about begins."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from teal.core.problem import Problem
from teal.core.refuse import problems
from teal.core.stack import Stack


def located(stack: Stack) -> tuple[Problem, ...]:
    """Return the problems of *stack*, each with file and line of its service where they can be found."""
    texts = {Path(file).name: _lines(Path(file)) for file in stack.sources}
    return tuple(replace(problem, place=_place(problem, texts)) for problem in problems(stack))


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []


def _place(problem: Problem, texts: dict[str, list[str]]) -> str:
    """Return ``compose.yml:12``; the file alone where the service comes from an included or extended one."""
    first = next(iter(texts), "")
    if not problem.service:
        return first
    found = ((name, _line(problem.service, lines)) for name, lines in texts.items())
    return next((f"{name}:{line}" for name, line in found if line), first)


def _line(service: str, lines: Sequence[str]) -> int:
    """Return the line, from 1, of the key *service* directly below ``services:``; 0 for none."""
    key = re.compile(rf"^(\s+)[\"']?{re.escape(service)}[\"']?\s*:")
    inside, indent = False, ""
    for number, line in enumerate(lines, 1):
        if re.match(r"\S", line) and not line.startswith("#"):
            inside, indent = line.startswith("services:"), ""
        elif inside and line.strip() and not line.lstrip().startswith("#"):
            indent = indent or line[: len(line) - len(line.lstrip())]
            found = key.match(line)
            if found and found[1] == indent:
                return number
    return 0

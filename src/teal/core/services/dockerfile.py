"""What a Dockerfile copies from its build context, and to where."""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase

_INSTRUCTION = re.compile(r"\s*([A-Za-z]+)\s+(.*)", re.DOTALL)
_CONTINUED = re.compile(r"[\\`][ \t]*\r?\n")
_HEREDOC = re.compile(r"<<-?[\"']?(\w+)[\"']?")


@dataclass(frozen=True, slots=True)
class Copied:
    """A path of the build context ("" for all of it) and where in the image it comes to lie; None: not to be told."""

    source: str
    target: str | None


@dataclass(frozen=True, slots=True)
class Recipe:
    """What of a Dockerfile tells where an image keeps the code that was built into it."""

    copied: tuple[Copied, ...]
    workdirs: tuple[str, ...]  # in which its commands run, root left out


def recipe(text: str) -> Recipe:
    """Return what the Dockerfile *text* copies from its context, over all its stages."""
    workdir = "/"
    workdirs: list[str] = []
    copied: list[Copied] = []
    for name, rest in _instructions(text):
        if name == "FROM":
            workdir = "/"
        elif name == "WORKDIR":
            workdir = posixpath.normpath(posixpath.join(workdir, rest.strip().strip("\"'")))
            workdirs += [workdir] if workdir != "/" and "$" not in workdir else []
        elif name in {"COPY", "ADD"}:
            copied += _copied(rest, workdir)
    return Recipe(tuple(copied), tuple(dict.fromkeys(workdirs)))


def _instructions(text: str) -> Iterator[tuple[str, str]]:
    """Yield (instruction, the rest of it), continued lines joined, comments and here-documents left out."""
    kept = "\n".join(line for line in text.splitlines() if not line.lstrip().startswith("#"))
    lines = iter(_CONTINUED.sub(" ", kept).splitlines())
    for line in lines:
        found = _INSTRUCTION.match(line)
        if found:
            yield found[1].upper(), found[2]
            for end in _HEREDOC.findall(found[2]):
                next((each for each in lines if each.strip() == end), None)


def _copied(rest: str, workdir: str) -> Iterator[Copied]:
    words = _words(rest)
    options = [word for word in words if word.startswith("--")]
    *sources, target = [word for word in words if not word.startswith("--")] or [""]
    if any(option.startswith("--from=") for option in options):
        return
    into = target.endswith("/") or len(sources) > 1
    for source in sources:
        if "$" in source or "://" in source or source.startswith("<<"):
            continue
        path = posixpath.normpath(source.lstrip("/") or ".")
        path = "" if path == "." else path
        place = None if "$" in target + workdir else posixpath.normpath(posixpath.join(workdir, target))
        if place is not None and into and path and "." in posixpath.basename(path):
            place = posixpath.join(place, posixpath.basename(path))  # a file; of a folder its contents are copied
        yield Copied(path, place)


def _words(rest: str) -> list[str]:
    options = re.match(r"(?:\s*--\S+)*", rest)
    begin = options.end() if options else 0
    if rest[begin:].lstrip().startswith("["):
        try:
            return [*rest[:begin].split(), *map(str, json.loads(rest[begin:]))]
        except ValueError:
            return []
    return rest.split()


def ignores(patterns: str, path: str) -> bool:
    """Tell whether the *patterns* of a ``.dockerignore`` keep *path* out of the build; the last that fits counts."""
    parts = path.split("/")
    prefixes = ["/".join(parts[:count]) for count in range(1, len(parts) + 1)]
    ignored = False
    for line in map(str.strip, patterns.splitlines()):
        if not line or line.startswith("#"):
            continue
        keeps, pattern = line.startswith("!"), line.lstrip("!").strip("/")
        if any(_fits(each, pattern.removeprefix("./")) for each in prefixes):
            ignored = not keeps
    return ignored


def _fits(path: str, pattern: str) -> bool:
    """Tell whether *pattern* means *path*: a star stays within one name, two at the beginning are any folders."""
    anywhere = pattern.removeprefix("**/")
    if anywhere != pattern:
        names = path.split("/")
        return fnmatchcase("/".join(names[-anywhere.count("/") - 1 :]), anywhere)
    return path.count("/") == pattern.count("/") and fnmatchcase(path, pattern)

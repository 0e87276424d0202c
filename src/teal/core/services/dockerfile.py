"""What a Dockerfile copies from its build context, and to where; and what the image is that it makes."""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from teal.core.model.built import Copied, Made

_INSTRUCTION = re.compile(r"\s*([A-Za-z]+)\s+(.*)", re.DOTALL)
_CONTINUED = re.compile(r"[\\`][ \t]*\r?\n")
_HEREDOC = re.compile(r"<<-?[\"']?(\w+)[\"']?")


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


@dataclass(slots=True)
class _Stage:
    base: str
    name: str
    lines: list[tuple[str, str]]


_STAGES = 30  # no image is made in more
_VARIABLE = re.compile(r"\$(?:(\w+)|\{(\w+)(?::?[-+]([^}]*))?\})")
_PORT = re.compile(r"(\d{1,5})(?:-\d+)?(?:/tcp)?", re.IGNORECASE)


def made(text: str, target: str = "", arguments: Mapping[str, str] | None = None) -> Made:
    """Return what the Dockerfile *text* makes as stage *target*, or as its last; *arguments* are the build's own."""
    known = dict(arguments or {})
    stages: list[_Stage] = []
    for name, rest in _instructions(text):
        if name == "ARG" and not stages:
            said, _, default = rest.strip().partition("=")
            known.setdefault(said.strip(), default.strip().strip("\"'"))
        elif name == "FROM":
            stages.append(_stage(_filled(rest, known)))
        elif stages:
            stages[-1].lines.append((name, rest))
    chain = _chain(stages, target.lower())
    if not chain:
        return Made()
    root = chain[0].base
    facts = Made(image="" if root == "scratch" or "$" in root else root)
    for stage in chain:
        facts = _with(facts, stage.lines)
    return facts


def _filled(text: str, known: Mapping[str, str]) -> str:
    return _VARIABLE.sub(lambda found: known.get(found[1] or found[2]) or found[3] or found[0], text)


def _stage(rest: str) -> _Stage:
    words = [word for word in rest.split() if not word.startswith("--")]
    named = len(words) > 2 and words[1].upper() == "AS"
    return _Stage(words[0] if words else "", words[2].lower() if named else "", [])


def _chain(stages: list[_Stage], target: str) -> list[_Stage]:
    """Return the stage that is asked for and those that it begins from, the first one first."""
    names = {stage.name: count for count, stage in enumerate(stages) if stage.name}
    at = names.get(target, len(stages) - 1)
    found: list[_Stage] = []
    while 0 <= at < len(stages) and len(found) < _STAGES:
        found.insert(0, stages[at])
        before = names.get(stages[at].base.lower(), -1)
        at = before if before < at else -1
    return found


def _with(facts: Made, lines: list[tuple[str, str]]) -> Made:
    exposed, copied, gathered = list(facts.exposed), list(facts.copied), list(facts.gathered)
    entrypoint: tuple[str, ...] = ()
    command, workdir, environment = facts.words, "/", dict(facts.environment)
    for name, rest in lines:
        if name == "WORKDIR":
            workdir = posixpath.normpath(posixpath.join(workdir, rest.strip().strip("\"'")))
        elif name == "EXPOSE":
            exposed += [int(found[1]) for word in rest.split() if (found := _PORT.fullmatch(word))]
        elif name in {"COPY", "ADD"}:
            copied += _copied(rest, workdir)
            gathered += [rest.split()[-1]] if "--from=" in rest else []
        elif name == "ENV":
            environment |= _variables(rest)
        elif name == "ENTRYPOINT":
            entrypoint, command = _words_run(rest), ()
        elif name == "CMD":
            command = _words_run(rest)
    return Made(
        facts.image,
        tuple(dict.fromkeys(exposed)),
        (*entrypoint, *command),
        tuple(copied),
        tuple(gathered),
        environment,
    )


def _words_run(rest: str) -> tuple[str, ...]:
    if rest.lstrip().startswith("["):
        try:
            return tuple(map(str, json.loads(rest)))
        except ValueError:
            return ()
    return ("/bin/sh", "-c", rest.strip())


def _variables(rest: str) -> dict[str, str]:
    pairs = re.findall(r"([A-Za-z_]\w*)=(\"[^\"]*\"|'[^']*'|\S*)", rest)
    if not pairs:
        name, _, value = rest.strip().partition(" ")
        pairs = [(name, value)] if value else []
    return {name: value.strip().strip("\"'") for name, value in pairs}


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

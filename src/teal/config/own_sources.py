"""Finds the folders with a service's own source that are mounted over its image: looks at Dockerfiles and folders."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from teal.core.model.compose import Node, last_part, mapping, sequence, services_in, text, unescaped, words_of
from teal.core.services.dockerfile import Recipe, ignores, recipe
from teal.core.services.own_source import Mounted, Runs, is_built_from, is_run_from

_MOST = 400  # files of a folder that are looked at
_DEEPEST = 4
_TOOLS = "node_modules vendor venv .venv __pycache__ .git .idea .vscode .next target"


def own_sources(model: Node, names: Iterable[str], project: Path) -> frozenset[tuple[str, str]]:
    """Return (service, folder on this host) of each of the services *names* that mounts its own source."""
    services = services_in(model)
    return frozenset((name, source) for name in names for source in _mounted_source(services[name], project))


def _mounted_source(service: Node, project: Path) -> Iterator[str]:
    binds = [each for each in map(mapping, sequence(service.get("volumes"))) if each.get("type") == "bind"]
    folders = [each for each in binds if Path(unescaped(each.get("source"))).is_dir()]
    if not folders:
        return
    runs = Runs(unescaped(service.get("working_dir")), words_of(service), last_part(text(service.get("image"))))
    build = mapping(service.get("build"))
    context = unescaped(build.get("context"))
    made = _recipe(build, context) if context.startswith("/") else None
    for each in folders:
        source, target = unescaped(each.get("source")).rstrip("/") or "/", unescaped(each.get("target")).rstrip("/")
        mounted = Mounted(source, target, tuple(_files(Path(source))))
        if not build:
            found = is_run_from(mounted, str(project), runs)
        else:
            local = context.startswith("/")
            found = local and is_built_from(mounted, context, made, runs, ignored=_ignored(context, source))
        if found:
            yield source


def _recipe(build: Node, context: str) -> Recipe | None:
    if build.get("dockerfile_inline"):
        return recipe(unescaped(build["dockerfile_inline"]))
    said = _text(Path(context, unescaped(build.get("dockerfile")) or "Dockerfile"))
    return None if said is None else recipe(said)


def _ignored(context: str, source: str) -> bool:
    if not Path(source).is_relative_to(context) or source == context:
        return False
    return ignores(_text(Path(context, ".dockerignore")) or "", str(Path(source).relative_to(context)))


def _text(path: Path) -> str | None:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None


def _files(folder: Path) -> Iterator[str]:
    """Yield names of files in *folder*, relative to it, not too many and not too deep; without those of tools."""
    left = _MOST
    for here, folders, files in os.walk(folder):
        relative = Path(here).relative_to(folder)
        deep = len(relative.parts) >= _DEEPEST
        folders[:] = [] if deep else sorted(name for name in folders if name not in _TOOLS.split())
        for name in sorted(files)[:left]:
            yield str(relative / name)
        left -= len(files)
        if left <= 0:
            return

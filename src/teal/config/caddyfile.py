"""Reads, textually, which services the proxy's configuration names; the Caddy adapter knows it exactly, later."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from teal.core.tree import Node, last_part, mapping, sequence, services_in, text, unescaped

_IMPORT = re.compile(r"^[ \t]*import[ \t]+teal[ \t]+([\w.-]+)[ \t]+(\d+)", re.MULTILINE)
_UPSTREAM = re.compile(r"(?:^|[ \t])(?:h2c://|http://)?([A-Za-z0-9][\w.-]*):(\d+)(?=[ \t{]|$)", re.MULTILINE)
_PROXY = re.compile(r"^[ \t]*(?:reverse_proxy|to)[ \t]+([^\n]*)$", re.MULTILINE)
_LARGEST = 1_000_000  # bytes: no Caddyfile is longer
_MOST = 500  # entries of a mounted directory that are looked at
_HOME = "/etc/caddy"  # what is mounted here is Caddy's configuration, whatever its name


@dataclass(frozen=True, slots=True)
class Named:
    """What the proxy's configuration names: through Teal's snippet, and without it."""

    routes: Mapping[str, int]
    bare: Mapping[str, int]


def find_proxy(model: Node) -> str:
    """Return the one service that runs Caddy, by the whole last part of its image's name; empty for none or several."""
    found = [name for name, service in services_in(model).items() if last_part(text(service.get("image"))) == "caddy"]
    return found[0] if len(found) == 1 else ""


def named_by_proxy(model: Node, proxy: str) -> Named:
    """Return the services that the configuration mounted into *proxy* names, with their ports."""
    services = services_in(model)
    if proxy not in services:
        return Named({}, {})
    written = "\n".join(_texts(model, services[proxy]))
    routes = {name: int(port) for name, port in _IMPORT.findall(written)}
    bare = {name: int(port) for line in _PROXY.findall(written) for name, port in _UPSTREAM.findall(line)}
    return Named(
        {name: port for name, port in routes.items() if name in services},
        {name: port for name, port in bare.items() if name in services and name not in routes},
    )


def _texts(model: Node, proxy: Node) -> Iterator[str]:
    for path, target in (*_mounted(proxy), *_built(proxy)):
        yield from (_text(file) for file in _candidates(path, everything=f"{target}/".startswith(f"{_HOME}/")))
    for config in map(mapping, sequence(proxy.get("configs"))):
        definition = mapping(mapping(model.get("configs")).get(text(config.get("source"))))
        if definition.get("file"):
            yield _text(Path(unescaped(definition["file"])))
        yield unescaped(definition.get("content"))


def _mounted(proxy: Node) -> list[tuple[Path, str]]:
    binds = (volume for volume in map(mapping, sequence(proxy.get("volumes"))) if volume.get("type") == "bind")
    return [(Path(unescaped(bind.get("source"))), unescaped(bind.get("target"))) for bind in binds]


def _built(proxy: Node) -> list[tuple[Path, str]]:
    """Return the build context of a proxy that brings its Caddyfile in its image."""
    context = unescaped(mapping(proxy.get("build")).get("context"))
    return [(Path(context), "")] if context.startswith("/") else []


def _candidates(path: Path, *, everything: bool) -> list[Path]:
    """Return the files at or below *path* to read; only what is called a Caddyfile, where *everything* isn't one."""
    if path.is_file():
        return [path]
    if not path.is_dir():
        return []
    entries = islice(path.rglob("*") if everything else path.iterdir(), _MOST)
    return sorted(each for each in entries if each.is_file() and (everything or "caddy" in each.name.lower()))


def _text(path: Path) -> str:
    try:
        if path.stat().st_size > _LARGEST:
            return ""
        return path.read_text(errors="replace")
    except OSError:
        return ""

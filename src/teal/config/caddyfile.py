"""Reads which services the proxy's configuration names: as Caddy adapts it, or its text where Caddy can't be asked."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

from teal.core.model.built import Made
from teal.core.model.compose import Node, last_part, mapping, sequence, services_in, text, unescaped
from teal.core.model.proxy_config import Adapted, Dial
from teal.core.model.side import Side
from teal.core.services.addresses import Names, host_and_port
from teal.core.services.fronts import brings_pages

_IMPORT = re.compile(r"^[ \t]*import[ \t]+teal[ \t]+([\w.-]+)[ \t]+(\d+)", re.MULTILINE)
_UPSTREAM = re.compile(r"(?:^|[ \t])(?:h2c://|http://)?([A-Za-z0-9][\w.-]*):(\d+)(?=[ \t{]|$)", re.MULTILINE)
_PROXY = re.compile(r"^[ \t]*(?:reverse_proxy|to)[ \t]+([^\n]*)$", re.MULTILINE)
_LARGEST = 1_000_000  # bytes: no Caddyfile is longer
_MOST = 500  # entries of a mounted directory that are looked at
_HOME = "/etc/caddy"  # what is mounted here is Caddy's configuration, whatever its name
ConfigText = tuple[str, str]  # a file's name and its text


@dataclass(frozen=True, slots=True)
class NamedByProxy:
    """What the proxy's configuration names: through Teal's snippet, and without it."""

    routes: Mapping[str, int]
    bare: Mapping[str, int]
    dials: tuple[Dial, ...] = ()
    strange: tuple[tuple[str, int], ...] = ()  # imports of the snippet for what is no service
    places: Mapping[str, str] = field(default_factory=dict)  # of the imports, by name
    adapted: Adapted = field(default=Adapted())


def find_proxy(model: Node, made: Mapping[str, Made] | None = None) -> str:
    """Return the one service that runs Caddy, by the whole last part of its image's name; empty for none or several.

    Of those that the stack builds (*made*) it is the one that begins from Caddy and brings no pages.
    """
    services = services_in(model)
    found = [name for name, each in services.items() if last_part(text(each.get("image"))) == "caddy"]
    begun = {name: each for name, each in (made or {}).items() if last_part(each.image) == "caddy"}
    found = found or [name for name, each in begun.items() if not brings_pages(each)]
    return found[0] if len(found) == 1 else ""


def named_by_proxy(
    models: Mapping[Side, Node], proxy: str, adapted: Adapted | None = None, made: Made | None = None
) -> NamedByProxy:
    """Return what the configuration of *proxy* names, as Caddy has *adapted* it, or as its text can be read."""
    model = models[Side.PLAIN]
    services = services_in(model)
    if proxy not in services:
        return NamedByProxy({}, {})
    texts = tuple(_texts(model, services[proxy], made))
    told = adapted or Adapted()
    if adapted is None or told.unseen or (told.broken and not told.routes):
        told = replace(told, routes=_routes_in(texts), dials=_dials_in(texts))
    elif services[proxy].get("build"):  # its image may be older than the Caddyfile that it is built from
        told = replace(told, routes=(*told.routes, *_routes_in(texts)))
    names = Names(models, proxy)
    bare: dict[str, int] = {}
    for dial in told.dials:
        name, port = names.meant(dial.address)
        if name:
            bare.setdefault(name, port)
    return NamedByProxy(
        {name: port for name, port in told.routes if name in services},
        bare,
        tuple(replace(dial, place=dial.place or _place(dial, texts)) for dial in told.dials),
        tuple((name, port) for name, port in told.routes if name not in services),
        {name: place for name, _ in told.routes if (place := _import_place(name, texts))},
        told,
    )


def _routes_in(texts: Iterable[ConfigText]) -> tuple[tuple[str, int], ...]:
    return tuple((name, int(port)) for _, written in texts for name, port in _IMPORT.findall(written))


def _dials_in(texts: Iterable[ConfigText]) -> tuple[Dial, ...]:
    found = (match for _, written in texts for line in _PROXY.findall(written) for match in _UPSTREAM.findall(line))
    return tuple(dict.fromkeys(Dial(f"{name}:{port}") for name, port in found))


def _place(dial: Dial, texts: Iterable[ConfigText]) -> str:
    """Return the first line that spells the host that is dialled, "" where it is put together from something else."""
    host = host_and_port(dial.address)[0]
    spelt = re.compile(rf"(?<![\w.-]){re.escape(host)}(?![\w-])", re.IGNORECASE)
    for name, written in texts if host else ():
        for count, line in enumerate(written.splitlines(), 1):
            code = line.partition("#")[0].split()
            if code and code[:2] != ["import", "teal"] and spelt.search(" ".join(code)):
                return f"{name}:{count}"
    return ""


def _import_place(name: str, texts: Iterable[ConfigText]) -> str:
    """Return the first line that imports the snippet for *name*, "" where another snippet's arguments make it up."""
    spelt = re.compile(rf"^[ \t]*import[ \t]+teal[ \t]+[\"`]?{re.escape(name)}[\"`]?[ \t]")
    lines = ((file, count, line) for file, written in texts for count, line in enumerate(written.splitlines(), 1))
    return next((f"{file}:{count}" for file, count, line in lines if spelt.match(line)), "")


def _texts(model: Node, proxy: Node, made: Made | None) -> Iterator[ConfigText]:
    """Yield name and text of each file that may be the proxy's configuration."""
    for path, target in (*_mounted(proxy), *_built(proxy, made)):
        for file in _candidates(path, everything=f"{target}/".startswith(f"{_HOME}/")):
            yield file.name, _text(file)
    for config in map(mapping, sequence(proxy.get("configs"))):
        source = text(config.get("source"))
        definition = mapping(mapping(model.get("configs")).get(source))
        if definition.get("file"):
            file = Path(unescaped(definition["file"]))
            yield file.name, _text(file)
        yield f"configs.{source}", unescaped(definition.get("content"))


def _mounted(proxy: Node) -> list[tuple[Path, str]]:
    binds = (volume for volume in map(mapping, sequence(proxy.get("volumes"))) if volume.get("type") == "bind")
    return [(Path(unescaped(bind.get("source"))), unescaped(bind.get("target"))) for bind in binds]


def _built(proxy: Node, made: Made | None) -> list[tuple[Path, str]]:
    """Return the build context of a proxy that brings its Caddyfile in its image, and what is copied from it."""
    context = unescaped(mapping(proxy.get("build")).get("context"))
    copied = [(Path(context, each.source), each.target or "") for each in (made.copied if made else ()) if each.source]
    return [(Path(context), ""), *copied] if context.startswith("/") else []


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

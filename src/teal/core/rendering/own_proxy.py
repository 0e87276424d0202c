"""Teal's own proxy as files: a Compose project of its own, and the Caddyfile that it runs.

The snippet is the one that prepares an owner's Caddy. Two things differ, by variables: its plain names get an ending,
which links lead to the plain containers, since the proxy bears the names themselves; and a state that it does not
know is waited out.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from textwrap import indent

from teal.core.model.compose import mapping, sequence, text
from teal.core.model.entrance import Published
from teal.core.model.own_proxy import OWN, own_project
from teal.core.model.release import to_json
from teal.core.model.side import Side
from teal.core.model.stack import Stack, Tree
from teal.core.model.traffic import MOUNT
from teal.core.rendering.networks import name_of
from teal.core.services.own_proxy import (
    MAIN,
    Door,
    Layout,
    Listener,
    color_links,
    layout,
    networks_of_own,
    plain_names,
)

PLAIN_END = "-plain"  # after the name of a route, on the plain side, as the proxy dials it
HOME = "/etc/caddy"
FIRST = f"{MAIN}-unpublished"  # the same proxy without the ports that plain containers still hold
PROJECT_FILE = "compose.json"
SNIPPET_FILE = "teal.caddy"  # beside it, as this version of Teal has it

# Caddy that ends by itself is started again in the same container, which keeps its address: nginx and others look a
# name up once.
_KEEP_UP = (
    'trap \'kill -TERM "$$P"; wait "$$P"; {}exit\' TERM INT; '
    "while :; do caddy run --config /etc/caddy/Caddyfile & P=$$!; wait $$P; sleep 0.1; done"
)
# Where others bear its names too, and it is to go: who knows its address is refused for a while, and goes elsewhere.
# Without it an nginx waits a minute at an address that is gone at once.
_LINGER = "sleep 1; "
_TOLD = {"for": "X-Forwarded-For", "proto": "X-Forwarded-Proto", "host": "X-Forwarded-Host"}
_VIA = {"via": "Via"}  # Caddy adds itself; by default an nginx compresses nothing for who came through a proxy
_OPTIONS = """{
	auto_https off
	persist_config off
	grace_period 30s
	metrics
	log {
		level WARN
	}
	servers {
		protocols h1 h2c
	}
}
"""


def render_own(stack: Stack, *, folder: str, state: str, image: str) -> dict[str, str]:
    """Return the files of the own proxy by name; *folder* will hold them, *state* is that of the state file."""
    found = layout(stack)
    files = {
        PROJECT_FILE: to_json(_project(stack, found, folder, state, image)),
        "Caddyfile": _caddyfile(found, frozenset(each.service for each in stack.assets)),
    }
    doors = {f"Caddyfile.{door.name}": _door(door, found, own_project(stack.project)) for door in found.doors[1:]}
    return {**files, **doors}


def kept_project(files: Mapping[str, str]) -> Tree:
    """Return the Compose project of kept *files* of the own proxy, empty where there is none."""
    try:
        return dict(mapping(json.loads(files.get(PROJECT_FILE, ""))))
    except ValueError:
        return {}


def pinned_image(files: Mapping[str, str]) -> str:
    """Return the image that kept *files* of the own proxy name, "" for none."""
    return text(mapping(mapping(kept_project(files).get("services")).get(MAIN)).get("image"))


def _project(stack: Stack, found: Layout, folder: str, state: str, image: str) -> Tree:
    model = stack.models[Side.PLAIN]
    main = _service(found.doors[0], image, folder, stack)
    links = [f"{container}:{name}{PLAIN_END}" for container, name in plain_names(stack)]
    main["external_links"] = [*links, *color_links(stack)]
    main["volumes"] = [*sequence(main["volumes"]), _bind(state, MOUNT)]
    main["networks"] = {key: _place(stack, found.doors[0], key) for key in networks_of_own(stack)}
    lingers = _LINGER if any(not isinstance(each, Published) for each in stack.entrances) else ""
    first = {**main, "entrypoint": ["/bin/sh", "-c", _KEEP_UP.format(lingers)]}
    ports = [
        {"target": inside, "published": str(each.port), "protocol": "tcp"}
        | ({"host_ip": each.address} if each.address else {})
        for each, inside in found.ports.items()
    ]
    holder = {**main, "entrypoint": ["/bin/sh", "-c", _KEEP_UP.format("")], "ports": ports}
    doors = {door.name: _service(door, image, folder, stack) for door in found.doors[1:]}
    networks = {key: {"name": name_of(model, key), "external": True} for key in networks_of_own(stack)}
    return {
        "name": own_project(stack.project),
        "services": {MAIN: holder if ports else first, FIRST: first, **doors},
        "networks": networks,
    }


def _service(door: Door, image: str, folder: str, stack: Stack) -> Tree:
    # Go's collector of garbage runs half as often, for some megabytes: a tenth of the time that a request costs.
    environment = {**door.environment, "GOGC": "200", "TEAL_PLAIN": PLAIN_END, "TEAL_LOST": "!lost"}
    if stack.own and door.name == MAIN:
        environment |= stack.own.environment
    file = "Caddyfile" if door.name == MAIN else f"Caddyfile.{door.name}"
    called = OWN if door.name == MAIN else f"{OWN}-{door.name}"
    return {
        "image": image,
        "command": ["caddy", "run", "--config", f"{HOME}/{file}"],
        "pull_policy": "never",
        "restart": "unless-stopped",
        "environment": {name: value.replace("$", "$$") for name, value in environment.items()},
        "labels": {"teal.service": called} | {name: value.replace("$", "$$") for name, value in door.labels.items()},
        "expose": sorted(map(str, door.listens)),
        "volumes": [_bind(folder, HOME)],
        "tmpfs": ["/data", "/config"],
        "networks": {key: _place(stack, door, key) for key in door.aliases},
        "logging": {"driver": "json-file", "options": {"max-size": "10m", "max-file": "3"}},
    }


def _place(stack: Stack, door: Door, key: str) -> Tree:
    own = [own_project(stack.project)] if door.name == MAIN else []
    return {"aliases": [*door.aliases.get(key, []), *own]}


def _bind(source: str, target: str) -> Tree:
    return {"type": "bind", "source": source.replace("$", "$$"), "target": target, "read_only": True}


def _caddyfile(found: Layout, kept: frozenset[str]) -> str:
    """Return the Caddyfile; *kept* are the routes of which it serves what older releases had."""
    sites = "\n".join("".join(_site(each, kept)) for each in found.listeners)
    return f"{_OPTIONS}\nimport teal.caddy\n\n{sites}"


def _site(each: Listener, served: frozenset[str]) -> Iterator[str]:
    """Yield the lines of one listener; what is believed passes on byte for byte, also that it is not there.

    All of it stands in one route: Caddy counts, and takes time for, each of those at the top of a site.
    """
    yield f":{each.port} {{\n\troute {{\n"
    yield indent("".join(_inside(each, served)), "\t")
    yield "\t}\n}\n"


def _inside(each: Listener, served: frozenset[str]) -> Iterator[str]:
    """Yield the lines of that route, a tab before each."""
    name, port = each.way
    kept = _VIA | _TOLD if each.believed else _VIA
    yield from _absent(kept)
    yield f"\timport teal {name} {port} {{\n"
    yield from _options(kept, clear_http2=each.clear_http2)
    if name in served:
        yield f"\t\timport teal_assets {name}\n"
    yield "\t}\n"


def _door(door: Door, found: Layout, main: str) -> str:
    """Return the Caddyfile of a container that passes all that it gets to the proxy, at the port of its route."""
    clear = {each.way for each in found.listeners if each.clear_http2}
    lines: list[str] = []
    for port, way in sorted(door.listens.items()):
        lines += [f":{port} {{\n", *_absent(_VIA | _TOLD), f"\treverse_proxy {main}:{found.inner(way)} {{\n"]
        lines += _options(_VIA | _TOLD, clear_http2=way in clear)
        lines += ["\t\tlb_try_duration 30s\n\t\tlb_try_interval 250ms\n\t\tlb_retry_match method NONE\n\t}\n}\n\n"]
    return f"{_OPTIONS}\n{''.join(lines).rstrip()}\n"


def _absent(kept: Mapping[str, str]) -> Iterator[str]:
    """Yield the lines that name, for each header that is *kept*, the one to take away where it has not come."""
    for key, header in kept.items():
        yield f'\tmap {{header.{header}}} {{teal.no_{key}}} {{\n\t\t"" {header}\n\t\tdefault X-Teal-None\n\t}}\n'


def _options(kept: Mapping[str, str], *, clear_http2: bool) -> Iterator[str]:
    """Yield the options of a ``reverse_proxy``."""
    for key, header in kept.items():
        yield f"\t\theader_up {header} {{header.{header}}}\n\t\theader_up -{{teal.no_{key}}}\n"
    # Else Caddy asks for compressed answers where the client does not, and unpacks them.
    yield "\t\ttransport http {\n\t\t\tcompression off\n"
    if clear_http2:
        yield "\t\t\tversions h2c 2\n"
    yield "\t\t}\n"

"""All that Caddy's JSON configuration dials without Teal's snippet, whichever of its modules does."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from teal.adapters.caddy.config import ROUTED, is_ask, texts_in
from teal.core.model.compose import Node, mapping, sequence, text
from teal.core.model.proxy_config import Dial

# Handlers and keys below which nothing is dialled: what stands there is said to users, or compared with.
_SPEAKING = frozenset(
    {"acme_server", "copy_response", "copy_response_headers", "encode", "error", "file_server", "headers"}
    | {"log_append", "metrics", "push", "request_body", "rewrite", "static_response", "templates", "tracing"}
)
_SPOKEN = frozenset({"match", "headers", "rewrite", "load_balancing", "health_checks", "hash", "body", "listen"})
_DIALLED = re.compile(r"(?:(?:tcp|udp)[46]?/)?[^\s/\"'@]*[^\s/\"'@:]:\d+(?:-\d+)?")
_URL = re.compile(r"[a-z][a-z0-9+.-]*://[^\s\"']+", re.IGNORECASE)
_VARIABLE = re.compile(r"\{env\.([^}]+)\}")
_SERVICE = re.compile(r"^(?:_[\w-]+\.){1,2}")  # what stands before the name in an SRV record


@dataclass(frozen=True, slots=True)
class _Where:
    """Where in the configuration a value stands: in which module, and where users come to it."""

    app: str
    by: str = ""
    listen: str = ""
    host: str = ""
    path: str = ""

    @property
    def at(self) -> str:
        """Return it as a person writes it: ``example.com/api/*``, or ``:8080`` for any host."""
        return f"{self.host or self.listen}{self.path}"


def dials(config: Node, environment: Mapping[str, str]) -> tuple[Dial, ...]:
    """Return every address that *config* dials by itself, in its order; the snippet's own are left out.

    Known modules are read for what they mean; of any other module each text that reads as an address or URL counts.
    *environment* is the proxy's own: ``{env.NAME}`` is filled from it.
    """
    apps = {**config, **mapping(config.get("apps"))}
    found = (dial for app, value in apps.items() if app != "apps" for dial in _below(value, _Where(app, app)))
    filled = (
        replace(dial, address=_VARIABLE.sub(lambda match: environment.get(match[1], match[0]), dial.address))
        for dial in found
        if not ROUTED.fullmatch(dial.address)
    )
    return tuple(dict.fromkeys(filled))


def _below(value: object, where: _Where, key: str = "") -> Iterator[Dial]:
    if isinstance(value, str):
        addresses = _spelt(value) if key != "dial" or value.startswith("unix/") else (value,)
        yield from (Dial(address, where.by, where.at) for address in addresses)
    elif isinstance(value, Mapping):
        yield from _in_mapping(value, where, key)
    elif isinstance(value, list):
        for each in value:
            yield from _below(each, where, key)


def _in_mapping(node: Node, where: _Where, key: str) -> Iterator[Dial]:
    handler = text(node.get("handler"))
    if handler in _SPEAKING or (key == "routes" and is_ask(node)):
        return
    if key == "dynamic_upstreams":
        yield from (Dial(address, where.by, where.at) for address in _dynamic(node))
        return
    if handler:
        where = replace(where, by=_directive(handler, node) if where.app == "http" else f"{where.app} {handler}")
    for below, value in node.items():
        if below not in _SPOKEN:
            yield from _below(value, _within(node, where, below), below)


def _within(node: Node, where: _Where, key: str) -> _Where:
    """Return where what *node* has under *key* stands: servers and routes say where users come to it."""
    if key == "on_demand":
        return replace(where, by="on_demand_tls")
    if key == "routes" and node.get("listen"):
        return replace(where, listen=_one(node.get("listen")))
    if key == "handle":
        first = mapping(_first(node.get("match")))
        return replace(where, host=_one(first.get("host")) or where.host, path=_one(first.get("path")) or where.path)
    return where


def _first(values: object) -> object:
    return next(iter(sequence(values)), None)


def _one(values: object) -> str:
    return text(_first(values))


def _directive(handler: str, node: Node) -> str:
    """Return the directive that a handler was written with, as far as that shows."""
    if handler != "reverse_proxy":
        return handler
    if mapping(node.get("transport")).get("protocol") == "fastcgi":
        return "php_fastcgi"
    sent = mapping(mapping(mapping(node.get("headers")).get("request")).get("set"))
    return "forward_auth" if "X-Forwarded-Method" in sent and node.get("handle_response") else handler


def _spelt(value: str) -> Sequence[str]:
    """Return the addresses in a text: the text itself, or the URLs that it contains."""
    if _DIALLED.fullmatch(value):
        return (value,)
    return _URL.findall(value)


def _dynamic(source: Node) -> Iterator[str]:
    """Yield what a dynamic source of upstreams looks up."""
    name, port = text(source.get("name")), text(source.get("port"))
    match text(source.get("source")):
        case "a":
            yield f"{name}:{port or 80}"
        case "srv":
            yield f"srv://{_SERVICE.sub('', name)}"
        case "multi":
            for each in map(mapping, sequence(source.get("sources"))):
                yield from _dynamic(each)
        case _:
            for value in texts_in(source):
                yield from _spelt(value)

"""Caddy's JSON configuration as the places where users reach a route through the snippet: port, TLS, host and path."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product

from teal.core.model.compose import Node, mapping, number, sequence, text
from teal.core.model.counts import MARKERS
from teal.ports import Endpoint


@dataclass(frozen=True, slots=True)
class Listener:
    """One port of one server."""

    port: int
    tls: bool
    routes: Sequence[object]
    named: Node  # named routes, which ``invoke`` calls


def listeners(config: Node) -> Iterator[Listener]:
    """Yield the TCP ports of all servers; sockets in the file system are left out."""
    http = mapping(mapping(config.get("apps")).get("http"))
    plain, secure = number(http.get("http_port")) or 80, number(http.get("https_port")) or 443
    for server in map(mapping, mapping(http.get("servers")).values()):
        ports = [port for address in sequence(server.get("listen")) if (port := _port(text(address)))]
        for port in ports:
            tls = port != plain and _speaks_tls(server, only_secure=ports == [secure])
            yield Listener(port, tls, sequence(server.get("routes")), mapping(server.get("named_routes")))


def _port(address: str) -> int:
    """Return the (first) port of a network address, 0 where it has none."""
    if address.startswith(("unix", "fd")):
        return 0
    return number(address.rpartition(":")[2].partition("-")[0])


def _speaks_tls(server: Node, *, only_secure: bool) -> bool:
    """Tell what Caddy's automatic HTTPS makes of a server that listens elsewhere than at the HTTP port."""
    automatic = mapping(server.get("automatic_https"))
    if server.get("tls_connection_policies"):
        return True
    if automatic.get("disable"):
        return False
    skipped = set(map(text, sequence(automatic.get("skip"))))
    return only_secure or any(host not in skipped for host in _hosts(server))


def _hosts(server: Node) -> Iterator[str]:
    for route in map(mapping, sequence(server.get("routes"))):
        for one in map(mapping, sequence(route.get("match"))):
            yield from map(text, sequence(one.get("host")))


# The snippet's address as Caddy's configuration and its counts spell it.
ROUTED = re.compile(r"(?P<route>[\w.-]+)\{teal\.suffix\}\{http\.vars\.teal_dot\}:(?P<port>\d{1,5})")
ASSETS = "/etc/teal/assets/"  # before the name of a route: the root of its files
_MAIN = frozenset({"host", "path"})  # matchers that a request of Teal's can be made to meet
_DEEPEST = 40


@dataclass(frozen=True, slots=True)
class _Where:
    """What a request must look like to come this far."""

    host: str = ""
    path: str = ""
    base: str = ""  # what was stripped from the path on the way
    sure: bool = True  # False where something else decides too: a header, a method, an exact path, a login
    exact: bool = False  # only that path leads further, and nothing below it
    guarded: bool = False  # by a login


@dataclass(frozen=True, slots=True)
class _Found:
    """One upstream of one ``reverse_proxy``, and how it is reached."""

    where: _Where
    dial: str
    judged: bool  # Caddy watches the upstream's health


def entries(config: Node) -> tuple[Endpoint, ...]:
    """Return where users reach each route through the snippet, in the order of the file.

    Places where something else decides too (a header, a method, a login) are left out, unless a route has no other.
    """
    found = [pair for listener in listeners(config) for pair in _entries(listener)]
    plain = {endpoint.route for endpoint, sure in found if sure}
    return tuple(dict.fromkeys(endpoint for endpoint, sure in found if sure or endpoint.route not in plain))


def routes(config: Node) -> tuple[tuple[str, int], ...]:
    """Return each NAME and PORT for which *config* imports the snippet, wherever that stands."""
    named = filter(None, map(ROUTED.fullmatch, texts_in(config)))
    return tuple(dict.fromkeys((each["route"], int(each["port"])) for each in named))


def texts_in(value: object) -> Iterator[str]:
    """Yield every text in a value, however deep."""
    if isinstance(value, str):
        yield value
    children = value.values() if isinstance(value, Mapping) else value if isinstance(value, list) else ()
    for child in children:
        yield from texts_in(child)


def admin(config: Node) -> str:
    """Return where the admin endpoint listens, "" where it is off."""
    settings = mapping(config.get("admin"))
    return "" if settings.get("disabled") else text(settings.get("listen")) or "127.0.0.1:2019"


def snippet_version(config: Node) -> int:
    """Return the version of Teal's snippet in *config*, as it would say it; 1 where it says none."""
    said = (int(text(found)) for found in _said_versions(config) if text(found).isdecimal())
    return next(said, 1)


def _said_versions(value: object) -> Iterator[object]:
    """Yield what is answered to the question for the version, however deep."""
    if isinstance(value, Mapping):
        if _asks(value, "version"):
            yield from (each.get("body") for each in map(mapping, sequence(value.get("handle"))))
        for child in value.values():
            yield from _said_versions(child)
    elif isinstance(value, list):
        for child in value:
            yield from _said_versions(child)


def asset_routes(config: Node) -> frozenset[str]:
    """Return the routes of which the snippet serves what older releases had."""
    places = (text_ for text_ in texts_in(config) if text_.startswith(ASSETS))
    return frozenset(each.removeprefix(ASSETS) for each in places)


def mixed(config: Node) -> tuple[str, ...]:
    """Return the handlers of Teal's counters with which a route of a site begins, too: Caddy adds those to them."""
    tops = (mapping(route) for listener in listeners(config) for route in listener.routes)
    first = (text(mapping(next(iter(sequence(route.get("handle"))), None)).get("handler")) for route in tops)
    return tuple(dict.fromkeys(name for name in first if name in MARKERS))


def metrics(config: Node) -> bool:
    """Tell whether Caddy counts requests by handler."""
    http = mapping(mapping(config.get("apps")).get("http"))
    return "metrics" in http or any(
        "metrics" in server for server in map(mapping, mapping(http.get("servers")).values())
    )


def trusts(value: object) -> bool:
    """Tell whether anything in a configuration believes what a proxy in front says of its users."""
    if isinstance(value, Mapping):
        return bool(value.get("trusted_proxies")) or any(map(trusts, value.values()))
    return isinstance(value, list) and any(map(trusts, value))


def unfit(config: Node) -> tuple[str, ...]:
    """Return the routes whose health Caddy judges: its verdict on one color would hit the other too."""
    found = (found for listener in listeners(config) for found in _walk(listener, listener.routes, _Where()))
    routed = (ROUTED.fullmatch(each.dial) for each in found if each.judged)
    return tuple(dict.fromkeys(named["route"] for named in routed if named))


def _entries(listener: Listener) -> Iterator[tuple[Endpoint, bool]]:
    for found in _walk(listener, listener.routes, _Where()):
        if named := ROUTED.fullmatch(found.dial):
            where = found.where
            path = where.path.rstrip("/")
            name, port = named["route"], int(named["port"])
            endpoint = Endpoint(name, port, listener.port, listener.tls, where.host, path, where.exact, where.guarded)
            yield endpoint, where.sure


def _walk(server: Listener, routes: Iterable[object], where: _Where, depth: int = 0) -> Iterator[_Found]:
    """Yield every upstream below *routes*; a handler may change where the ones after it stand."""
    if depth > _DEEPEST:
        return
    for route in map(mapping, routes):
        handlers = [mapping(handler) for handler in sequence(route.get("handle"))]
        if not is_ask(route):
            for here in _matched(where, sequence(route.get("match"))):
                yield from _through(server, handlers, here, depth)
        where = _after(where, handlers) if "match" not in route else where


def _through(server: Listener, handlers: Iterable[Node], where: _Where, depth: int) -> Iterator[_Found]:
    for handler in handlers:
        match handler.get("handler"):
            case "subroute":
                yield from _walk(server, sequence(handler.get("routes")), where, depth + 1)
            case "invoke":
                named = mapping(server.named.get(text(handler.get("name"))))
                yield from _walk(server, [named] if named else [], where, depth + 1)
            case "reverse_proxy":
                judged = "health_checks" in handler
                dials = (text(mapping(upstream).get("dial")) for upstream in sequence(handler.get("upstreams")))
                yield from (_Found(where, dial, judged) for dial in dials)
        where = _after(where, [handler])


def _after(where: _Where, handlers: Iterable[Node]) -> _Where:
    """Return what a request must look like to get past *handlers*."""
    for handler in handlers:
        if prefix := text(handler.get("strip_path_prefix")):
            where = replace(where, base=where.base + prefix, path=where.base + prefix)
        if _is_guard(handler):
            where = replace(where, sure=False, guarded=True)
    return where


def _is_guard(handler: Node) -> bool:
    """Tell whether the handler lets only some requests pass: a password, or ``forward_auth``."""
    asks = handler.get("handler") == "reverse_proxy" and bool(handler.get("handle_response"))
    return handler.get("handler") == "authentication" or asks


def is_ask(route: Node) -> bool:
    """Tell whether this is the snippet's own way to the admin endpoint."""
    return any(mapping(mapping(one).get("header")).get("X-Teal-Ask") for one in sequence(route.get("match")))


def _asks(route: Node, question: str) -> bool:
    headers = (mapping(mapping(one).get("header")) for one in sequence(route.get("match")))
    return any(question in sequence(each.get("X-Teal-Ask")) for each in headers)


def _matched(where: _Where, sets: Iterable[object]) -> Iterator[_Where]:
    """Yield where a request may stand behind matcher sets: one for each host and path that they name."""
    alternatives = [mapping(one) for one in sets]
    if not alternatives:
        yield where
    for one in alternatives:
        hosts = [text(host) for host in sequence(one.get("host"))] or [where.host]
        paths = [text(path) for path in sequence(one.get("path"))] or [""]
        sure = where.sure and one.keys() <= _MAIN
        for host, pattern in product(hosts, paths):
            yield _narrowed(replace(where, host=host, sure=sure), pattern)


def _narrowed(where: _Where, pattern: str) -> _Where:
    """Return *where* behind a path pattern: ``/api/*`` and ``/api*`` are prefixes, of all others one path is taken."""
    if not pattern or pattern in {"*", "/*"}:
        return where
    prefix = pattern.removesuffix("*")
    if pattern.endswith("*") and "*" not in prefix:
        return replace(where, path=where.base + prefix.rstrip("/"))
    one = pattern.replace("*", "teal")
    return replace(where, path=f"{where.base}/{one.removeprefix('/')}", sure=False, exact=True)

"""Translates: which port each of Caddy's servers listens at, and whether it speaks TLS there."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from teal.core.model.compose import Node, mapping, number, sequence, text


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

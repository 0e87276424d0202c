"""The service of a stack to which an address leads that the proxy dials by itself."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from teal.core.model.compose import Node, mapping, number, replicas_of, sequence, services_in, text, unescaped
from teal.core.model.side import Side, key_of, project_of
from teal.core.services.dependencies import names_of

_ADDRESS = re.compile(
    r"(?:[A-Za-z][\w+.-]*://|(?:tcp|udp)[46]?/)?(?:[^@/\s]*@)?"
    r"(?P<host>[A-Za-z0-9_][\w.-]*|\[[0-9a-fA-F:.]+\])(?::(?P<port>\d{1,5})(?:-\d+)?)?(?:[/?#]\S*)?"
)
_USUAL = {"http": 80, "ws": 80, "https": 443, "wss": 443}
_LOOPBACK = {"localhost", "127.0.0.1", "0.0.0.0"}  # noqa: S104 (on the host's network: the machine)
_MACHINE = {"host.docker.internal", "gateway.docker.internal", "172.17.0.1"}  # names of the host, as containers see it


def host_and_port(address: str) -> tuple[str, int]:
    """Return host, in lower case, and port of an address or URL; ("", 0) for what is neither, port 0 for none."""
    found = _ADDRESS.fullmatch(address.strip())
    if found is None:
        return "", 0
    scheme = address.partition("://")[0].lower() if "://" in address else ""
    if not scheme and not found["port"]:
        return "", 0
    port = int(found["port"] or _USUAL.get(scheme, 0))
    return found["host"].rstrip(".").lower(), port


@dataclass(frozen=True, slots=True)
class Known:
    """What can be dialled in a stack, whoever dials."""

    of: Mapping[str, str]  # each name, in lower case -> the service
    networks: tuple[str, ...]
    published: Mapping[int, tuple[str, int]]  # port of the machine -> service, and its own port


def known_in(models: Mapping[Side, Node]) -> Known:
    """Return what can be dialled in the stack that *models* are."""
    plain = models[Side.PLAIN]
    services = services_in(plain)
    sides = [(side, text(model.get("name")), services_in(model)) for side, model in models.items()]
    found = {name.lower(): name for name in services}
    for name in services:
        for other in _names(name, sides):
            found.setdefault(other.lower(), name)
    networks = tuple(text(mapping(each).get("name")).lower() for each in mapping(plain.get("networks")).values())
    return Known(found, networks, {port: (name, at) for name in services for port, at in _published(services[name])})


class Names:
    """Every name and host port under which a service of the stack can be dialled, in the plain stack or in a color."""

    def __init__(self, models: Mapping[Side, Node], proxy: str, known: Known | None = None) -> None:
        known = known or known_in(models)
        caller = mapping(mapping(models[Side.PLAIN].get("services")).get(proxy))
        self._of = dict(known.of)
        for alias, name in _links(caller):
            self._of.setdefault(alias.lower(), name)
        self._networks, self._published = known.networks, known.published
        self._machine = (
            _MACHINE | set(_gateways(caller)) | (_LOOPBACK if caller.get("network_mode") == "host" else set())
        )

    def is_machine(self, host: str) -> bool:
        """Tell whether *host* is the machine itself: what answers there is known by its published port."""
        return host in self._machine

    def meant(self, address: str) -> tuple[str, int]:
        """Return the service that *address* leads to, with the port there; ("", 0) where it leads to none."""
        host, port = host_and_port(address)
        if host in self._machine:
            return self._published.get(port, ("", 0))
        for network in self._networks:
            host = host.removesuffix(f".{network}") if network else host
        return (self._of[host], port) if host in self._of else ("", 0)


def _names(name: str, sides: Iterable[tuple[Side, str, Mapping[str, Node]]]) -> Iterator[str]:
    """Yield the names of one service and of its containers on every side."""
    for side, called, services in sides:
        service = services.get(name, {})
        project = project_of(called, side)
        yield key_of(name, side)
        for own in names_of(name, service):
            yield own
            yield key_of(own, side)
        for count in range(1, max(1, replicas_of(service)) + 1):
            yield f"{project}-{key_of(name, side)}-{count}"
            yield f"{project}_{key_of(name, side)}_{count}"


def _links(service: Node) -> Iterator[tuple[str, str]]:
    for link in map(text, sequence(service.get("links"))):
        name, _, alias = link.partition(":")
        yield alias or name, name


def _gateways(service: Node) -> Iterator[str]:
    """Yield the names that ``extra_hosts`` gives to the machine itself."""
    for entry in map(unescaped, sequence(service.get("extra_hosts"))):
        host, _, address = entry.partition("=" if "=" in entry else ":")
        if address == "host-gateway" or address in _MACHINE:
            yield host.lower()


def _published(service: Node) -> Iterator[tuple[int, int]]:
    for port in map(mapping, sequence(service.get("ports"))):
        if number(port.get("published")):
            yield number(port.get("published")), number(port.get("target"))

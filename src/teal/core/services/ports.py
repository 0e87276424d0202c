"""What the number of a port tells: HTTP, something else, or HTTP within TLS; and which ports a service publishes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from teal.core.model.compose import Node, is_fixed, mapping, number, sequence, text

_USUAL = (80, 8080, 3000, 5000, 8000, 8888, 4000, 8081, 9000, 3001, 8001, 5173, 4200, 8008, 1337)  # HTTP, likely first
TLS = frozenset({443, 4443, 6443, 8443, 9443, 10443})
_OTHER: dict[int, str] = {
    port: what
    for what, ports in {
        "FTP": (20, 21, 990),
        "SSH": (22, 2222),
        "telnet": (23,),
        "mail": (24, 25, 110, 143, 465, 587, 993, 995, 1025, 2525, 4190),
        "DNS": (53, 853, 5353),
        "Kerberos": (88, 749),
        "RPC": (111, 135),
        "NTP": (123,),
        "SMB": (137, 138, 139, 445),
        "SNMP": (161, 162),
        "LDAP": (389, 636, 3268, 3269, 3890, 6360, 1389, 1636),
        "syslog": (514, 601, 1514, 6514),
        "rsync": (873,),
        "SOCKS": (1080,),
        "OpenVPN": (1194,),
        "SQL Server": (1433, 1434),
        "Oracle": (1521,),
        "MQTT": (1883, 8883),
        "RTMP": (1935,),
        "NFS": (2049,),
        "ZooKeeper": (2181, 2888, 3888),
        "Docker": (2375, 2376),
        "MySQL": (3306, 33060),
        "RDP": (3389,),
        "STUN": (3478, 3479, 5349),
        "Erlang's port mapper": (4369, 25672),
        "NATS": (4222, 6222),
        "debugging": (2345, 5005, 5858, 9229, 9230),
        "SIP": (5060, 5061),
        "XMPP": (5222, 5223, 5269, 5270),
        "PostgreSQL": (5432, 5433, 6432, 6543),
        "AMQP": (5671, 5672),
        "VNC": (5900, 5901, 5902, 5903),
        "Redis": (6379, 6380, 16379, 26379),
        "IRC": (6660, 6666, 6667, 6668, 6669, 6697),
        "Cassandra": (7199, 9042, 9160),
        "RTSP": (554, 8554),
        "Neo4j's Bolt": (7687,),
        "Kafka": (9092, 9093, 9094, 29092),
        "Elasticsearch's transport": (9300,),
        "memcached": (11211,),
        "Minecraft": (19132, 25565, 25575),
        "CockroachDB": (26257,),
        "Steam": (27015, 27036),
        "MongoDB": (27017, 27018, 27019),
        "STOMP": (61613, 61616),
        "Mumble": (64738,),
        "livereload": (35729,),
    }.items()
    for port in ports
}
_STORES = "1433 1521 1883 3306 4222 5432 5672 6379 6380 9042 9092 9200 9300 11211 26257 27017 27018 27019"
STORE_PORTS = frozenset(map(int, _STORES.split()))


class Port(NamedTuple):
    """A published port: inside the container, and at this machine; several of those where the file gives a range."""

    target: int
    published: tuple[int, ...]  # empty where any free one will do
    address: str = ""
    protocol: str = "tcp"

    @property
    def places(self) -> str:
        """Return the ports of this machine as a file writes them."""
        ends = sorted({self.published[0], self.published[-1]}) if self.published else []
        return "-".join(map(str, ends)) + ("" if self.protocol == "tcp" else f"/{self.protocol}")

    @property
    def other(self) -> str:
        """Return what is spoken there, where it is known to be no HTTP that a proxy could switch; else empty."""
        if self.protocol != "tcp":
            return self.protocol.upper()
        return "TLS" if self.target in TLS or 443 in self.published else spoken_at(self.target)


def is_usual(port: int) -> bool:
    """Tell whether *port* is one at which an application usually speaks HTTP."""
    return port in _USUAL


def spoken_at(port: int) -> str:
    """Return what is spoken at *port* by its number, where that is known to be no HTTP; else empty."""
    return "TLS" if port in TLS else _OTHER.get(port, "")


def published(service: Node) -> Iterator[Port]:
    """Yield what *service* publishes."""
    for port in map(mapping, sequence(service.get("ports"))):
        first, _, last = text(port.get("published")).partition("-")
        places = tuple(range(number(first), number(last or first) + 1)) if is_fixed(port) else ()
        yield Port(number(port.get("target")), places, text(port.get("host_ip")), text(port.get("protocol")) or "tcp")


def held(service: Node) -> tuple[Port, ...]:
    """Return the TCP ports that *service* publishes at places that the file names."""
    return tuple(port for port in published(service) if port.protocol == "tcp" and port.published and port.target)


def unswitched(service: Node) -> Iterator[tuple[Node, Port]]:
    """Yield what *service* publishes at fixed places that no HTTP proxy can switch, beside how it is written."""
    for node, port in zip(map(mapping, sequence(service.get("ports"))), published(service), strict=True):
        if port.published and port.other:
            yield node, port


def exposed(service: Node) -> tuple[int, ...]:
    """Return the TCP ports that *service* exposes to its networks, by the file."""
    said = (text(each).partition("/") for each in sequence(service.get("expose")))
    return tuple(
        number(port.split("-")[0])
        for port, _, protocol in said
        if protocol in {"", "tcp"} and number(port.split("-")[0])
    )


def best(ports: Iterable[int]) -> int:
    """Return the port that most likely speaks HTTP: a usual one, then the first that is not known otherwise; or 0."""
    plain = [port for port in ports if port and not spoken_at(port)]
    return next((port for port in _USUAL if port in plain), plain[0] if plain else 0)

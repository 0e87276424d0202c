"""What is known of a proxy's configuration, once Caddy itself has adapted it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Dial:
    """An address that the proxy's configuration dials without Teal's snippet."""

    address: str  # as Caddy has it: ``web:8000``, ``http://web:8000/ask``, ``{labels.1}:8000``
    by: str = "reverse_proxy"  # the directive or module that dials
    at: str = ""  # where users come to it, ``:8080/old/*``; empty where that is not known
    place: str = ""  # ``Caddyfile:8``, where it was found in the text

    @property
    def varies(self) -> bool:
        """Tell whether the host is only known when a request comes."""
        return "{" in self.address


How = Literal["http", "https", "fastcgi", "uwsgi", "tcp"]  # what is spoken with whom is called


@dataclass(frozen=True, slots=True)
class Call:
    """That a service calls another by an address in its configuration, environment or command."""

    by: str  # the service that calls
    to: str  # the service that is called
    port: int  # its own, inside the container
    name: str = ""  # by which it is called; empty where it is by a published port of the machine
    how: How = "http"
    place: str = ""  # ``nginx.conf:12``, where it was found


@dataclass(frozen=True, slots=True)
class Adapted:
    """What Caddy itself makes of a configuration: which routes it imports the snippet for, and what else it dials."""

    routes: tuple[tuple[str, int], ...] = ()  # each ``import teal NAME PORT``, whatever its spelling
    dials: tuple[Dial, ...] = ()
    listens: frozenset[int] = frozenset()  # ports inside the proxy's container
    trusts: bool = False  # some server believes the headers of a proxy in front of it
    broken: str = ""  # why Caddy does not accept the configuration, in its own words
    unseen: str = ""  # why Caddy could not be asked at all

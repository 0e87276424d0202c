"""The proxy's state file as a value, and what its counts say of requests in flight.

- The file is one line: where users go (``blue``, ``green``, ``plain``, ``hold``, ``maintenance``), and where a command
  checks a side first, that side and the key that leads to it. ``teal.caddy`` reads the same words.
- A line that is not known sends users to the plain side, as the snippet does.
- A drain is over when three polls in a row saw no request, and no WebSocket where those are waited for.
- A route of which the proxy shows no count is an error, never a zero.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from teal.core.model.side import Side, key_of
from teal.core.model.units import Seconds

MOUNT = "/etc/teal"  # where the snippet finds the state file, inside the proxy's container
HELD = Seconds(30.0)  # for which the snippet keeps a request that it can't pass on
_KEYED = re.compile(r"(\w+) (blue|green|plain) ([A-Za-z0-9]+)")


class Mode(StrEnum):
    """Where users go: to a side, or nowhere for a while."""

    BLUE = "blue"
    GREEN = "green"
    PLAIN = "plain"
    HOLD = "hold"
    MAINTENANCE = "maintenance"


AWAY = frozenset({Mode.HOLD, Mode.MAINTENANCE})  # nobody serves users; Caddy is given an address that never answers


@dataclass(frozen=True, slots=True)
class Traffic:
    """One state of the proxy: users go to *users*; who shows *key* goes to *preview*."""

    users: Mode
    preview: Side | None = None
    key: str = ""

    @property
    def side(self) -> Side | None:
        """Return the side that serves users, or None while requests are held or turned away."""
        return None if self.offline else Side(self.users)

    @property
    def offline(self) -> bool:
        """Tell whether users are kept away from every side."""
        return self.users in AWAY

    @property
    def without_key(self) -> Traffic:
        """Return the same traffic without any key."""
        return Traffic(self.users)

    def with_key(self, preview: Side, key: str) -> Traffic:
        """Return the same traffic for users, with *preview* open to whoever shows *key*."""
        return replace(self, preview=preview, key=key)


PLAIN = Traffic(Mode.PLAIN)


def to(side: Side) -> Traffic:
    """Return the traffic that sends all users to *side*."""
    return Traffic(Mode(side))


def format_traffic(traffic: Traffic) -> str:
    """Return the content of the state file: one line, no newline at its end."""
    return f"{traffic.users} {traffic.preview} {traffic.key}" if traffic.key else str(traffic.users)


def parse_traffic(text: str) -> Traffic | None:
    """Return what the state file's *text* means, or None where the proxy would not know it (and go plain)."""
    if text in set(Mode):
        return Traffic(Mode(text))
    match = _KEYED.fullmatch(text)
    if match is None or match[1] not in set(Mode):
        return None
    return Traffic(Mode(match[1]), Side(match[2]), match[3])


QUIET = 3  # polls in a row that must see nothing


@dataclass(frozen=True, slots=True)
class OpenRequests:
    """What is in flight on one side: ordinary requests and streams, and WebSockets, which are counted apart."""

    requests: int
    websockets: int


def open_on(
    side: Side, names: Iterable[str], counts: Mapping[str, int], routes: Iterable[tuple[str, int]]
) -> OpenRequests | None:
    """Return what *counts* (upstream address -> requests) say of the services *names* on *side*, at whatever port.

    None where a row is missing of *routes* (name and port), which the proxy has loaded: that is an error, not a zero.
    WebSockets go to the same host by its name with a dot at its end, which Caddy counts in a row of its own.
    """
    if any(f"{key_of(name, side)}:{port}" not in counts for name, port in routes):
        return None
    hosts = {key_of(name, side) for name in names}
    rows = [(address.rpartition(":")[0], count) for address, count in counts.items()]
    return OpenRequests(
        requests=sum(count for host, count in rows if host in hosts),
        websockets=sum(count for host, count in rows if host.endswith(".") and host[:-1] in hosts),
    )


@dataclass(frozen=True, slots=True)
class Draining:
    """How far a drain is: *quiet* polls in a row saw nothing that it waits for."""

    quiet: int = 0

    def polled(self, seen: OpenRequests, *, websockets_matter: bool) -> Draining:
        """Return the drain after one more poll."""
        busy = seen.requests > 0 or (websockets_matter and seen.websockets > 0)
        return Draining(0 if busy else self.quiet + 1)

    @property
    def over(self) -> bool:
        """Tell whether nothing is in flight any more."""
        return self.quiet >= QUIET

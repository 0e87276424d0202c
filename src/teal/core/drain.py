"""Decides: when a drain is over, from the proxy's counts of what is in flight."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from teal.core.model.side import Side, key_of

QUIET = 3  # polls in a row that must see nothing


@dataclass(frozen=True, slots=True)
class Open:
    """What is in flight on one side: ordinary requests and streams, and WebSockets, which are counted apart."""

    requests: int
    websockets: int


def open_on(
    side: Side, names: Iterable[str], counts: Mapping[str, int], routes: Iterable[tuple[str, int]]
) -> Open | None:
    """Return what *counts* (upstream address -> requests) say of the services *names* on *side*, at whatever port.

    None where a row is missing of *routes* (name and port), which the proxy has loaded: that is an error, not a zero.
    WebSockets go to the same host by its name with a dot at its end, which Caddy counts in a row of its own.
    """
    if any(f"{key_of(name, side)}:{port}" not in counts for name, port in routes):
        return None
    hosts = {key_of(name, side) for name in names}
    rows = [(address.rpartition(":")[0], count) for address, count in counts.items()]
    return Open(
        requests=sum(count for host, count in rows if host in hosts),
        websockets=sum(count for host, count in rows if host.endswith(".") and host[:-1] in hosts),
    )


@dataclass(frozen=True, slots=True)
class Draining:
    """How far a drain is: *quiet* polls in a row saw nothing that it waits for."""

    quiet: int = 0

    def polled(self, seen: Open, *, websockets_matter: bool) -> Draining:
        """Return the drain after one more poll."""
        busy = seen.requests > 0 or (websockets_matter and seen.websockets > 0)
        return Draining(0 if busy else self.quiet + 1)

    @property
    def over(self) -> bool:
        """Tell whether nothing is in flight any more."""
        return self.quiet >= QUIET

"""Decides: when a drain is over, from the proxy's counts of what is in flight."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from teal.core.side import Side, key_of
from teal.core.stack import Service

QUIET = 3  # polls in a row that must see nothing


@dataclass(frozen=True, slots=True)
class Open:
    """What is in flight on one side: ordinary requests and streams, and WebSockets, which are counted apart."""

    requests: int
    websockets: int


def open_on(side: Side, routes: Iterable[Service], counts: Mapping[str, int]) -> Open | None:
    """Return what *counts* (upstream address -> requests) say of *side*; None where a row is missing.

    A row that is missing is an error, not a zero. WebSockets go to the same host by its name with a dot at
    its end, which Caddy counts in a row of its own.
    """
    requests = websockets = 0
    for route in routes:
        name = key_of(route.name, side)
        row = counts.get(f"{name}:{route.port}")
        if row is None:
            return None
        requests += row
        websockets += counts.get(f"{name}.:{route.port}", 0)
    return Open(requests, websockets)


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

"""Decides: what the proxy's state file says, as a value; the snippet ``teal.caddy`` reads the same words."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from enum import StrEnum

from teal.core.model.side import Side

MOUNT = "/etc/teal"  # where the snippet finds the state file, inside the proxy's container
HELD = 30.0  # seconds for which the snippet keeps a request that it can't pass on
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
    """One state of the proxy: users go to *users*; who shows *key* goes to *asked*."""

    users: Mode
    asked: Side | None = None
    key: str = ""

    @property
    def side(self) -> Side | None:
        """Return the side that serves users, or None while requests are held or turned away."""
        return None if self.away else Side(self.users)

    @property
    def away(self) -> bool:
        """Tell whether users are kept away from every side."""
        return self.users in AWAY

    @property
    def settled(self) -> Traffic:
        """Return the same traffic without any key."""
        return Traffic(self.users)

    def keyed(self, asked: Side, key: str) -> Traffic:
        """Return the same traffic for users, with *asked* open to whoever shows *key*."""
        return replace(self, asked=asked, key=key)


PLAIN = Traffic(Mode.PLAIN)


def to(side: Side) -> Traffic:
    """Return the traffic that sends all users to *side*."""
    return Traffic(Mode(side))


def format_traffic(traffic: Traffic) -> str:
    """Return the content of the state file: one line, no newline at its end."""
    return f"{traffic.users} {traffic.asked} {traffic.key}" if traffic.key else str(traffic.users)


def parse_traffic(text: str) -> Traffic | None:
    """Return what the state file's *text* means, or None where the proxy would not know it (and go plain)."""
    if text in set(Mode):
        return Traffic(Mode(text))
    match = _KEYED.fullmatch(text)
    if match is None or match[1] not in set(Mode):
        return None
    return Traffic(Mode(match[1]), Side(match[2]), match[3])

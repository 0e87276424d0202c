"""The proxy's state file as a value, and what its counts say of requests in flight.

- The file is one line: where users go (``blue``, ``green``, ``plain``, ``hold``, ``maintenance``), and where a command
  checks a side first, that side and the key that leads to it. ``teal.caddy`` reads the same words.
- Users may go to two sides: ``blue+green=40`` is a canary, in which those with a bucket below 40 go to green, of 256;
  ``blue.8^green.7`` lets pages of release 7 stay on green, where they came from, and ``blue.8`` gives pages of
  release 8 the cookie for that. A snippet of version 1 knows neither: it is asked for its version first.
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
from teal.core.model.units import ReleaseId, Seconds

MOUNT = "/etc/teal"  # where the snippet finds the state file, inside the proxy's container
HELD = Seconds(30.0)  # for which the snippet keeps a request that it can't pass on
ALL = 256  # buckets of a canary: a share of this many is everybody
WITH_TWO_SIDES = 2  # the first version of the snippet that knows a canary and pages
_SIDES = "blue|green|plain"
_LINE = re.compile(
    rf"(?P<users>{_SIDES}|hold|maintenance)"
    rf"(?:\+(?P<second>{_SIDES})=(?P<share>[0-9a-f]{{2}}|g0)"
    rf"|\.(?P<release>[1-9][0-9]*)(?:\^(?P<older_side>{_SIDES})\.(?P<older>[1-9][0-9]*))?)?"
    rf"(?: (?P<preview>{_SIDES}) (?P<key>[A-Za-z0-9]+))?"
)


class Mode(StrEnum):
    """Where users go: to a side, or nowhere for a while."""

    BLUE = "blue"
    GREEN = "green"
    PLAIN = "plain"
    HOLD = "hold"
    MAINTENANCE = "maintenance"


AWAY = frozenset({Mode.HOLD, Mode.MAINTENANCE})  # nobody serves users; Caddy is given an address that never answers


@dataclass(frozen=True, slots=True)
class Canary:
    """*share* of 256 buckets of users go to a second *side*; whose bucket is below it, as long as it rises."""

    side: Side
    share: int  # 0 for none, 256 for everybody

    @property
    def percent(self) -> float:
        """Return the share in per cent."""
        return self.share * 100 / ALL


@dataclass(frozen=True, slots=True)
class Pages:
    """Pages bear the number of the *release* that serves; those of an *older* one stay on the side that has it."""

    release: ReleaseId
    older: tuple[Side, ReleaseId] | None = None


@dataclass(frozen=True, slots=True)
class Traffic:
    """One state of the proxy: users go to *users*; who shows *key* goes to *preview*.

    With a *canary* some of them go to its side, with *pages* what older pages ask for goes where these came from; never
    both. To all that asks for one side *users* is the side: with a canary the old one, with pages the new one.
    """

    users: Mode
    preview: Side | None = None
    key: str = ""
    canary: Canary | None = None
    pages: Pages | None = None

    @property
    def side(self) -> Side | None:
        """Return the side that serves users, or None while requests are held or turned away."""
        return None if self.offline else Side(self.users)

    @property
    def offline(self) -> bool:
        """Tell whether users are kept away from every side."""
        return self.users in AWAY

    def leads(self, *, bucket: int | None = None, page: int | None = None, navigates: bool = False) -> Side | None:
        """Return the side to which a user's request is led, None while nobody serves users.

        *bucket* and *page* are what its cookies say; *navigates* tells a GET for a page.
        """
        if self.canary and (self.canary.share >= ALL or (bucket is not None and bucket < self.canary.share)):
            return self.canary.side
        if self.pages and self.pages.older and page == self.pages.older[1] and not navigates:
            return self.pages.older[0]
        return self.side

    @property
    def without_key(self) -> Traffic:
        """Return the same traffic without any key."""
        return replace(self, preview=None, key="")

    @property
    def needs(self) -> int:
        """Return the version of the snippet that knows this."""
        return WITH_TWO_SIDES if self.canary or self.pages else 1

    @property
    def sides(self) -> tuple[Side, ...]:
        """Return every side that users may come to."""
        others = (
            self.canary.side if self.canary else None,
            self.pages.older[0] if self.pages and self.pages.older else None,
        )
        return tuple(dict.fromkeys(each for each in (self.side, *others) if each))

    def with_key(self, preview: Side, key: str) -> Traffic:
        """Return the same traffic for users, with *preview* open to whoever shows *key*."""
        return replace(self, preview=preview, key=key)


PLAIN = Traffic(Mode.PLAIN)


def to(side: Side) -> Traffic:
    """Return the traffic that sends all users to *side*."""
    return Traffic(Mode(side))


def canary(old: Side, new: Side, share: int) -> Traffic:
    """Return the traffic that sends *share* of 256 buckets of users to *new*, and all others to *old*."""
    return Traffic(Mode(old), canary=Canary(new, max(0, min(share, ALL))))


def buckets(percent: float) -> int:
    """Return how many of the 256 buckets are *percent* of users: none and all are so only if said."""
    if percent <= 0 or percent >= 100:
        return ALL if percent > 0 else 0
    return min(ALL - 1, max(1, round(percent * ALL / 100)))


def format_traffic(traffic: Traffic) -> str:
    """Return the content of the state file: one line, no newline at its end."""
    line = str(traffic.users)
    if traffic.canary:
        share = "g0" if traffic.canary.share >= ALL else f"{traffic.canary.share:02x}"
        line += f"+{traffic.canary.side}={share}"
    elif traffic.pages:
        line += f".{traffic.pages.release}"
        line += "^{}.{}".format(*traffic.pages.older) if traffic.pages.older else ""
    return f"{line} {traffic.preview} {traffic.key}" if traffic.key else line


def parse_traffic(text: str) -> Traffic | None:
    """Return what the state file's *text* means, or None where the proxy would not know it (and go plain)."""
    found = _LINE.fullmatch(text)
    if found is None or (found["users"] in AWAY and (found["second"] or found["release"])):
        return None
    preview = Side(found["preview"]) if found["preview"] else None
    traffic = Traffic(Mode(found["users"]), preview, found["key"] or "")
    if found["second"]:
        share = ALL if found["share"] == "g0" else int(found["share"], 16)
        return replace(traffic, canary=Canary(Side(found["second"]), share))
    if found["release"]:
        older = (Side(found["older_side"]), ReleaseId(int(found["older"]))) if found["older"] else None
        return replace(traffic, pages=Pages(ReleaseId(int(found["release"])), older))
    return traffic


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

"""Who may look and who may act: one-time tokens, sessions, a trusted proxy's headers, form tokens. No I/O."""

from __future__ import annotations

import hmac
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_address
from typing import Literal

Role = Literal["view", "act"]
_SESSIONS = 100  # of which the oldest goes first


@dataclass(frozen=True, slots=True)
class Visitor:
    """Somebody who was let in."""

    key: str  # what their form tokens are bound to
    name: str  # "" for whoever holds the address that was printed
    role: Role


@dataclass(frozen=True, slots=True)
class Front:
    """A proxy in front that says who asks, and is believed: only from where it stands."""

    header: str  # that names the user, in lower case
    peers: tuple[IPv4Network | IPv6Network, ...]
    groups: str = "remote-groups"  # the header that lists the user's groups
    acting: str = "teal-act"  # the group whose members may act

    def named(self, peer: str, headers: Mapping[str, str]) -> Visitor | None:
        """Return whom the proxy names; None for nobody, or where something else than it asks."""
        name = headers.get(self.header, "").strip()
        if not name or not self._stands_at(peer):
            return None
        groups = {each.strip() for each in headers.get(self.groups, "").replace(";", ",").split(",")}
        return Visitor(f"user {name}", name, "act" if self.acting in groups else "view")

    def _stands_at(self, peer: str) -> bool:
        try:
            address = ip_address(peer)
        except ValueError:
            return False
        return any(address in network for network in self.peers)


@dataclass(slots=True)
class Book:
    """The sessions that are open, and the token that opens the next one."""

    read_only: bool = False
    front: Front | None = None
    token: str = ""
    _secret: bytes = field(default_factory=lambda: secrets.token_bytes(32))
    _sessions: dict[str, Visitor] = field(default_factory=dict)

    def new_token(self) -> str:
        """Return a token that opens one session; an older one that was not used opens none any more."""
        self.token = secrets.token_urlsafe(24)
        return self.token

    def open_session(self, token: str) -> str:
        """Return the value of the cookie of a new session, "" where *token* is not the one; it works once."""
        if not self.token or not _same(token, self.token):
            return ""
        self.token = ""
        cookie = secrets.token_urlsafe(32)
        while len(self._sessions) >= _SESSIONS:
            del self._sessions[next(iter(self._sessions))]
        self._sessions[cookie] = Visitor(cookie, "", "view" if self.read_only else "act")
        return cookie

    def visitor(self, peer: str, headers: Mapping[str, str], cookie: str) -> Visitor | None:
        """Return who asks, None for a stranger."""
        found = self.front.named(peer, headers) if self.front else None
        if found is None:
            return self._sessions.get(cookie)
        return Visitor(found.key, found.name, "view") if self.read_only else found

    def form_token(self, visitor: Visitor) -> str:
        """Return what each form of *visitor* carries."""
        return hmac.new(self._secret, visitor.key.encode(), "sha256").hexdigest()

    def is_form_token(self, visitor: Visitor, given: str) -> bool:
        """Tell whether a form with that token was made for *visitor*."""
        return _same(given, self.form_token(visitor))


def _same(given: str, right: str) -> bool:
    return hmac.compare_digest(given.encode(), right.encode())

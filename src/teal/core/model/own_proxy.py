"""Teal's own proxy: what it is called, and what its owner may say of it.

It is a Caddy in a Compose project of its own, shared like a service of the stack, which it stands beside as one: the
plain models have it under a name that no file has.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

OWN = "teal-proxy"  # as a service of the stack
IMAGE = "caddy:2"


@dataclass(frozen=True, slots=True)
class OwnProxy:
    """Teal's own proxy as the owner of a stack wants it."""

    image: str = IMAGE
    environment: Mapping[str, str] = field(default_factory=dict)
    trusts: bool = False  # what a proxy in front on this machine says of users is passed on, also at public ports


def own_project(stack: str) -> str:
    """Return the Compose project in which Teal's own proxy of *stack* runs."""
    return f"{stack}-teal"

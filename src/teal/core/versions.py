"""Decides: what a version means, as the engine and the proxy write theirs."""

from __future__ import annotations

import re

CADDY = (2, 11, 2)  # older ones do not count what is in flight at an address that is chosen per request


def engine_version(text: str) -> tuple[int, int]:
    """Return the engine's version as rendering asks for it; 0.0 where it is not of the usual form."""
    found = re.match(r"(\d+)\.(\d+)", text)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def is_old_caddy(text: str) -> bool:
    """Tell whether *text* is the version of a Caddy that can't be drained; one in no usual form is let be."""
    parts = (part for part in text.split("-")[0].split(".")[:3] if part.isdecimal() and len(part) < 9)
    return (tuple(map(int, parts)) or CADDY) < CADDY

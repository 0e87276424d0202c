"""Versions, as the engine and the proxy write theirs."""

from __future__ import annotations

import re

CADDY = (2, 11, 2)  # older ones do not count what is in flight at an address that is chosen per request


def engine_version(text: str) -> tuple[int, int]:
    """Return the engine's version as rendering asks for it; 0.0 where it is not of the usual form."""
    found = re.match(r"(\d+)\.(\d+)", text)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def is_old_caddy(text: str) -> bool | None:
    """Tell whether *text* is the version of a Caddy that can't be drained; None where it is in no usual form."""
    found = re.match(r"v?(\d{1,8})\.(\d{1,8})(?:\.(\d{1,8}))?(?![\d.])", text)
    return tuple(int(part or 0) for part in found.groups()) < CADDY if found else None

"""Decides: whether the machine has room for a second color."""

from __future__ import annotations

from dataclasses import dataclass

from teal.errors import Refused

MARGIN = 1.2
SMALL = 12 * 1024**3  # below this much memory in all a warning is due
DISK = 1024**3  # bytes that must be free for images and state


@dataclass(frozen=True, slots=True)
class Room:
    """What the machine has and what the active color uses now, in bytes, page cache left out."""

    total: int
    available: int
    used: int
    disk: int


def gib(amount: float) -> str:
    """Return bytes as people read them."""
    return f"{amount / 1024**3:.1f} GB" if amount >= 1024**3 / 10 else f"{amount / 1024**2:.0f} MB"


def check_room(room: Room, *, force_memory: bool) -> tuple[str, ...]:
    """Return warnings, or raise ``Refused`` where a second color will not fit."""
    needed = room.used * MARGIN
    if needed > room.available and not force_memory:
        raise Refused(
            f"a second color needs about {gib(needed)} of memory, {gib(room.available)} are available",
            hint="--strategy recreate needs room for one color only (brief downtime); --force-memory tries it anyway",
        )
    if room.disk < DISK:
        raise Refused(
            f"only {gib(room.disk)} of disk are free where Teal keeps its state",
            hint="make room (`teal cleanup` removes what the retention policy no longer keeps), then deploy again",
        )
    if room.total < SMALL:
        return (f"this machine has {gib(room.total)} of memory; 12 GB and more are recommended for two colors",)
    return ()

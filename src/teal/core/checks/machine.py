"""Whether the machine has room for a second color."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from teal.core.model.problem import Problem, error, warning

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


def check_room(room: Room, *, force_memory: bool = False) -> Iterator[Problem]:
    """Say where a second color will not fit, or hardly."""
    needed = room.used * MARGIN
    if needed > room.available and not force_memory:
        yield error(
            "memory",
            f"a second color needs about {gib(needed)} of memory, {gib(room.available)} is available",
            "--strategy recreate needs room for one color only (brief downtime); --force-memory tries it anyway",
        )
    if room.disk < DISK:
        yield error(
            "disk",
            f"only {gib(room.disk)} of disk is free where Teal keeps its state",
            "make room (`teal cleanup` removes what the retention policy no longer keeps), then deploy again",
        )
    if room.total < SMALL:
        message = f"this machine has {gib(room.total)} of memory; 12 GB or more is recommended for two colors"
        yield warning("memory", message, "")

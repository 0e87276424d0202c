"""Decides: which contracts are open once a release has been made, and since which release each of them is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from teal.core.model.migrations import OpenChange

UNNAMED = "contract"  # of which there may be several at a time: nobody can tell


def owed(known: Iterable[OpenChange], brought: Mapping[str, int], release: int) -> tuple[tuple[str, int], ...]:
    """Return the contracts to record as open, each with the first release that doesn't need what it removes.

    *brought* are those that *release* names, with the release that the owner says they need at least, or 0. One that
    is open and that it doesn't name is of a newer source: then *release* may need what it removes, too.
    """
    still = {each.name: each for each in known if each.closed is None}
    new = [(name, max(least, release)) for name, least in brought.items() if name not in still or name == UNNAMED]
    moved = [(name, release + 1) for name, each in still.items() if name not in brought and each.release <= release]
    return (*new, *moved)

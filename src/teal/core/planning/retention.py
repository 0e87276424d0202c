"""Which kept releases stay, and which one a rollback returns to.

- The active release stays, and the ``keep_releases`` others that served last; all others are pruned.
- A rollback returns to the release below the active one that served last, which need not be the newest: that one may
  have been rolled back.
- A release that stands in a color, and of which the journal knows nothing, counts as one that has served.
"""

from __future__ import annotations

from teal.core.model.observed import Observed
from teal.core.model.release import Release
from teal.core.model.side import COLORS
from teal.core.model.units import ReleaseId
from teal.core.planning.steps import Prune


def prune_step(observed: Observed, *, active: ReleaseId | None, keep: int) -> Prune | None:
    """Return the releases beyond the policy: all but *active* and the *keep* others that served last."""
    others = [number for number in reversed(served(observed)) if number != active]
    latest = list(dict.fromkeys(others))[:keep]
    gone = tuple(r.number for r in observed.releases if r.number != active and r.number not in latest)
    return Prune(gone) if gone else None


def previous(observed: Observed, active: ReleaseId | None) -> Release | None:
    """Return the release that ``rollback`` returns to: of the kept ones below *active* the one that served last.

    Not the newest: that one may have been rolled back, and then the release before it served last.
    """
    if active is None:
        return None
    order = served(observed)
    older = [r for r in observed.releases if r.number < active and r.number in order]
    return max(older, key=lambda release: order.index(release.number), default=None)


def served(observed: Observed) -> tuple[ReleaseId, ...]:
    """Return the releases that served users once, the latest last.

    One that stands in a color and of which the journal knows nothing has: it was lost, and what fails there is removed.
    """
    standing = [number for color in COLORS if (number := observed.release_on(color)) is not None]
    unknown = (number for number in dict.fromkeys(standing) if number not in observed.past.known)
    return (*unknown, *observed.past.served_releases)


def missing_images(observed: Observed, release: Release) -> tuple[str, ...]:
    """Return the services of *release* whose image the engine no longer has."""
    services = (s.name for s in release.rotating if release.images.get(s.name) not in observed.images)
    return (*services, *(name for name, id_ in release.mounted_images.items() if id_ not in observed.images))

"""The state of each kept release, and which one a rollback brings back.

One answer for all who ask: ``teal status``, ``teal rollback`` and the closing lines of a deploy.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from teal.core.model.observed import Observed
from teal.core.model.release import Release
from teal.core.model.units import ReleaseId
from teal.core.planning.retention import missing_images, previous, served
from teal.core.planning.rollback_floor import floor_of
from teal.errors import Refused

ReleaseState = Literal["active", "served", "failed", "taken-back", "never-served", "gone", "below-floor"]
SAID: dict[ReleaseState, str] = {  # each state in words
    "active": "active",
    "served": "served",
    "failed": "its last rollback failed",
    "taken-back": "was taken back",
    "never-served": "never served",
    "gone": "can't come back",
    "below-floor": "below the rollback floor",
}


@dataclass(frozen=True, slots=True)
class Kept:
    """A kept release as it stands: *why* it failed, never served, or can't come back; "" where nobody knows."""

    release: Release
    state: ReleaseState
    why: str = ""

    @property
    def said(self) -> str:
        """Return its state in words, without the reason."""
        return SAID[self.state]

    @property
    def remark(self) -> tuple[str, ...]:
        """Return what whoever brings it back by its number should know."""
        why = f": {self.why}" if self.why else ""
        if self.state == "failed":
            return (f"the last rollback to release {self.release.number} failed{why}",)
        if self.state == "taken-back":
            return (self.why or f"release {self.release.number} was taken back",)
        return (f"release {self.release.number} never served{why}",) if self.state == "never-served" else ()


def kept_releases(observed: Observed) -> tuple[Kept, ...]:
    """Return every kept release with its state, the newest first."""
    return tuple(_kept(observed, release) for release in reversed(observed.releases))


def _kept(observed: Observed, release: Release) -> Kept:
    number, floor, past = release.number, floor_of(observed.contracts), observed.past
    if number == observed.active_release:
        return Kept(release, "active")
    if floor and number < floor.release:
        return Kept(release, "below-floor", floor.why)
    gone = missing_images(observed, release)
    if gone and not _stands(observed, release):
        return Kept(release, "gone", f"the image of {', '.join(gone)} was removed from the engine")
    if number in past.taken_back:
        return Kept(release, "taken-back", past.taken_back[number])
    if number not in served(observed):
        return Kept(release, "never-served", past.failed.get(number, ""))
    return Kept(release, "failed", past.failed[number]) if number in past.failed else Kept(release, "served")


def way_back(observed: Observed) -> Kept | None:
    """Return the release that a bare ``teal rollback`` means; it brings back only one whose state is ``served``."""
    release = previous(observed, observed.active_release)
    return _kept(observed, release) if release else None


def rollback_release(observed: Observed, wanted: ReleaseId | None) -> Kept:
    """Return the release that a rollback brings back: *wanted*, or the one that served last.

    Raises ``Refused`` with the reason. One that never served, or failed to come back, comes only by its number.
    """
    _refuse_below(observed, wanted)
    release = observed.kept(wanted) if wanted is not None else previous(observed, observed.active_release)
    _refuse_below(observed, release.number if release else None)
    if release is None:
        what = f"release {wanted} is not kept" if wanted is not None else "there is no earlier release to return to"
        floor = floor_of(observed.contracts)
        raise Refused(f"{what}; {floor.why}" if floor else what, hint=_listed(observed))
    found = _kept(observed, release)
    if found.state == "active":
        raise Refused(
            f"release {release.number} is the active one", hint="`teal status` shows what rollback would return to"
        )
    if found.state == "gone":
        raise Refused(
            f"release {release.number} can't come back: {found.why}",
            hint="deploy the older source again; `docker system prune -a` takes images that no container uses",
        )
    if found.state == "failed" and wanted is None:
        raise Refused(
            f"the last rollback to release {release.number} failed: {found.why}", hint=_again(observed, release.number)
        )
    return found


def _again(observed: Observed, failed: ReleaseId) -> str:
    """Return how to try release *failed* once more, and which others have served."""
    others = [f"`teal rollback {each.release.number}`" for each in kept_releases(observed) if each.state == "served"]
    else_ = f", or take another that has served: {', '.join(others)}" if others else ""
    return f"`teal rollback {failed}` tries it once more{else_}"


def _listed(observed: Observed) -> str:
    """Return in words which releases are kept beside the active one, and what is wrong with each."""
    kept = [each for each in reversed(kept_releases(observed)) if each.state != "active"]
    said = [f"{k.release.number}" + f" ({k.said})" * (k.state != "served") for k in kept]
    return f"kept releases besides the active one: {', '.join(said) or 'none'}"


def _stands(observed: Observed, release: Release) -> bool:
    """Tell whether containers of *release* still exist, so that its images can't be gone."""
    return any(container.release == release.number for container in observed.containers)


def _refuse_below(observed: Observed, release: ReleaseId | None) -> None:
    """Raise ``Refused`` where *release* is below the rollback floor, with the nearest one that can come back."""
    floor = floor_of(observed.contracts)
    if floor is None or release is None or release >= floor.release:
        return
    able = [each.release.number for each in kept_releases(observed) if each.state == "served"]
    if able:
        hint = f"the nearest release that can come back is {min(able)}: teal rollback {min(able)}"
    else:
        active = observed.active_release
        serving = f"release {active} serves; " if active is not None else ""
        hint = f"{serving}no other release from {floor.release} on is kept: go forward with `teal deploy`"
    raise Refused(f"release {release} can't come back: {floor.why}", hint=hint)

"""The images that are built and pulled before a release is made of them, as ``docker compose up`` would."""

from __future__ import annotations

from collections.abc import Iterable

from teal.core.model.stack import ImageSource, Service, Stack
from teal.core.planning.steps import Build
from teal.core.services.images import mounted_images


def images_due(stack: Stack, build: ImageSource, absent: frozenset[str]) -> Build | None:
    """Return how the images of a release come about; None where all are there. *absent*: those that are not."""
    due = services_due(stack.pinned, build, absent)
    mounted = tuple(name for name in mounted_images(stack) if name in absent) if build != "none" else ()
    if due is None:
        return Build((), mounted=mounted) if mounted else None
    return Build(due.services, due.pull, due.absent, mounted)


def services_due(services: Iterable[Service], build: ImageSource, absent: frozenset[str]) -> Build | None:
    """Return how the images of *services* come about; None where all are there.

    One whose policy is ``always`` is pulled each time. A build makes the image anew, whether it is there or not.
    """
    if build == "none":
        return None
    builds = tuple(s.name for s in services if s.builds)
    others = [s for s in services if not s.builds and s.pull != "never"]
    pulled = tuple(s.name for s in others if build == "pull" or s.pull == "always")
    missing = tuple(s.name for s in others if s.name not in pulled and s.image in absent)
    return Build(builds, pulled, missing) if builds or pulled or missing else None

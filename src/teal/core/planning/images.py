"""Decides: which images are built and pulled before a release is made of them, as ``docker compose up`` would."""

from __future__ import annotations

from collections.abc import Iterable

from teal.core.choices import Images
from teal.core.model.stack import Service, Stack
from teal.core.planning.steps import Build
from teal.core.rendering.files import mounted_images


def references(stack: Stack) -> tuple[str, ...]:
    """Return the names of all images that a release of *stack* is made of, each once."""
    return tuple(dict.fromkeys((*(service.image for service in stack.pinned), *mounted_images(stack))))


def images_due(stack: Stack, build: Images, absent: frozenset[str]) -> Build | None:
    """Return how the images of a release come about; None where all are there. *absent*: those that are not."""
    due = services_due(stack.pinned, build, absent)
    mounted = tuple(name for name in mounted_images(stack) if name in absent) if build != "none" else ()
    if due is None:
        return Build((), mounted=mounted) if mounted else None
    return Build(due.services, due.pull, due.absent, mounted)


def services_due(services: Iterable[Service], build: Images, absent: frozenset[str]) -> Build | None:
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


def way_to_get(service: Service) -> str:
    """Return how the image of *service*, which is not there and was not made by this deploy, can be got."""
    if service.builds:
        return "deploy without --no-build"
    by_hand = f"get it: docker pull {service.image}"
    if service.pull == "never":
        return f"{by_hand}; or let Compose pull it: its `pull_policy` is never"
    return f"deploy without --no-build, or {by_hand}"

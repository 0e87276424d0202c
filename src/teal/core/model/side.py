"""The sides on which a stack's rotating services can stand, and the names of all that belongs to them in Docker."""

from __future__ import annotations

from enum import StrEnum

from teal.core.model.units import ReleaseId


class Side(StrEnum):
    """One of the two colors, or plain: the stack as ``docker compose up`` alone runs it."""

    BLUE = "blue"
    GREEN = "green"
    PLAIN = "plain"

    @property
    def is_color(self) -> bool:
        """Tell whether this is one of the two colors."""
        return self is not Side.PLAIN

    @property
    def other(self) -> Side:
        """Return the color whose turn is next; from plain, blue begins."""
        return Side.GREEN if self is Side.BLUE else Side.BLUE


COLORS = (Side.BLUE, Side.GREEN)


def project_of(stack: str, side: Side) -> str:
    """Return the Compose project that holds *side* of *stack*; the shared services live in the plain one."""
    return f"{stack}-{side}" if side.is_color else stack


def key_of(service: str, side: Side) -> str:
    """Return the service's key, which is also its name on shared networks, on *side*."""
    return f"{service}-{side}" if side.is_color else service


def once_project(stack: str) -> str:
    """Return the Compose project in which one-shots run: never a color's."""
    return f"{stack}-once"


MOUNTED = "mounted"  # in the place of a service: images that are mounted as volumes


def repository(project: str, service: str) -> str:
    """Return the repository under which Teal tags the images of kept releases."""
    return f"teal/{project}/{service}".lower()


def image_tag(project: str, service: str, release: ReleaseId) -> str:
    """Return the tag that keeps a release's image from being pruned."""
    return f"{repository(project, service)}:{release}"


def mounted_tag(release: ReleaseId, at: int) -> str:
    """Return the tag, in the repository of ``MOUNTED``, of the image at place *at* of those that a release mounts."""
    return f"{release}-{at}"


def one_shot_name(project: str, service: str, release: ReleaseId) -> str:
    """Return the name of the container in which a one-shot of a release runs; it outlives Teal, and a failure."""
    return f"{project}-once-{service}-{release}"


def job_name(project: str, job: str) -> str:
    """Return the name of the container in which a command of the migrations runs: one at a time, of any release."""
    return f"{project}-once-{job}"

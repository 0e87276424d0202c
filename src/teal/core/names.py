"""Decides: what is called how in Docker beside the colors: images of kept releases, containers of one-shots."""

from __future__ import annotations

MOUNTED = "mounted"  # in the place of a service: images that are mounted as volumes


def repository(project: str, service: str) -> str:
    """Return the repository under which Teal tags the images of kept releases."""
    return f"teal/{project}/{service}".lower()


def image_tag(project: str, service: str, release: int) -> str:
    """Return the tag that keeps a release's image from being pruned."""
    return f"{repository(project, service)}:{release}"


def mounted_tag(release: int, at: int) -> str:
    """Return the tag, in the repository of ``MOUNTED``, of the image at place *at* of those that a release mounts."""
    return f"{release}-{at}"


def one_shot_name(project: str, service: str, release: int) -> str:
    """Return the name of the container in which a one-shot of a release runs; it outlives Teal, and a failure."""
    return f"{project}-once-{service}-{release}"


def job_name(project: str, job: str) -> str:
    """Return the name of the container in which a command of the migrations runs: one at a time, of any release."""
    return f"{project}-once-{job}"

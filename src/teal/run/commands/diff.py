"""``diff``: what differs between two releases, or a release and today's files; also shown by plan and deploy."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from teal.core.model.observed import Observed
from teal.core.model.release import Release, RenderInputs
from teal.core.model.side import Side
from teal.core.model.stack import Service, Stack
from teal.core.model.units import ReleaseId
from teal.core.model.versions import engine_version
from teal.core.rendering.diff import Compared, Difference, ImageSeen, difference, of_release, of_stack
from teal.core.rendering.networks import GATEWAYS
from teal.core.rendering.project import render_both, render_once
from teal.core.services.images import mounted_images
from teal.errors import Refused, Unavailable
from teal.ports import ImageInfo
from teal.run.api import DiffResult
from teal.run.context import Ports
from teal.run.observe import observe

TODAY = "today"
WORDS = ("active", "standby", TODAY)
Wanted = ReleaseId | str  # the number of a release, or one of the words


async def diff(ports: Ports, stack: Stack, before: Wanted, after: Wanted) -> DiffResult:
    """Return what differs between *before* and *after*; *stack* must hold its models where one of them is today."""
    observed = await observe(ports, stack)
    one, other = [await _compared(ports, stack, observed, wanted) for wanted in (before, after)]
    return DiffResult(stack.project, difference(one, other))


async def _compared(ports: Ports, stack: Stack, observed: Observed, wanted: Wanted) -> Compared:
    if wanted == TODAY:
        images = await present(ports, {each.name: each for each in stack.pinned if not each.builds})
        return await todays(ports, stack, images)
    return await kept(ports, _release(observed, wanted))


def _release(observed: Observed, wanted: Wanted) -> Release:
    """Return the kept release that is *wanted*; raise ``Refused`` where there is none."""
    number = wanted if isinstance(wanted, int) else None
    if wanted == "active":
        number = observed.active_release
    elif wanted == "standby" and observed.active:
        number = observed.release_on(observed.active.other)
    release = observed.kept(number)
    if release is None:
        numbers = ", ".join(str(each.number) for each in observed.releases)
        what = f"release {number} is not kept" if number is not None else f"no release is {wanted}"
        raise Refused(
            what, hint=f"kept releases: {numbers or 'none yet'}; `teal diff` compares them with today's files"
        )
    return release


async def kept(ports: Ports, release: Release) -> Compared:
    """Return the kept *release*, with its images as far as the engine still has them."""
    named = {each.name: each for each in (release.stack.services if release.stack else release.services)}
    found = await asyncio.gather(*map(ports.engine.image, release.images.values()))
    images = {name: _seen(image, named.get(name)) for name, image in zip(release.images, found, strict=True) if image}
    trees = ports.releases.renderings(release.number)
    return of_release(release, trees, ports.releases.folder(release.number), images)


async def todays(ports: Ports, stack: Stack, images: Mapping[str, ImageInfo]) -> Compared:
    """Return what today's files would make; *images* as far as they are known."""
    try:
        engine = engine_version((await ports.engine.info()).version)
    except Unavailable:
        engine = GATEWAYS
    named = {each.name: each for each in stack.pinned}
    ids = {name: images[name].id if name in images else each.image for name, each in named.items()}
    mounts = mounted_images(stack)
    there = zip(mounts, await asyncio.gather(*map(ports.engine.image, mounts)), strict=True)
    made = RenderInputs(ReleaseId(0), ids, "/-", engine, {name: image.id for name, image in there if image})
    seen = {name: _seen(image, named[name]) for name, image in images.items()}
    return of_stack(stack, render_both(stack, made), render_once(stack, Side.BLUE, made), made.folder, seen)


async def present(ports: Ports, services: Mapping[str, Service]) -> dict[str, ImageInfo]:
    """Return the images of *services* that the engine has."""
    found = await asyncio.gather(*(ports.engine.image(each.image) for each in services.values()))
    return {name: image for name, image in zip(services, found, strict=True) if image}


def _seen(image: ImageInfo, service: Service | None) -> ImageSeen:
    name = service.image if service else ""
    return ImageSeen(image.id, name, image.created, image.user, image.revision, bool(image.healthcheck))


async def since_active(
    ports: Ports, stack: Stack, observed: Observed, images: Mapping[str, ImageInfo]
) -> Difference | None:
    """Return what a deploy of today's files changes; None where no kept release serves."""
    active = observed.kept(observed.active_release)
    if active is None:
        return None
    try:
        before, after = await asyncio.gather(kept(ports, active), todays(ports, stack, images))
    except Refused:  # a rendering can't be read: a deploy needs none of the old ones
        return None
    return difference(before, after)

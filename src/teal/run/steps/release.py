"""A release is made: images built or pulled, pinned, rendered, kept."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from teal.core.model.release import Release, RenderInputs, RequiredVolume, snapshot
from teal.core.model.side import MOUNTED, Side, image_tag, mounted_tag, one_shot_name, repository
from teal.core.model.stack import Service, Stack
from teal.core.model.units import ReleaseId
from teal.core.model.versions import engine_version
from teal.core.planning.leave import own_names
from teal.core.planning.steps import Build
from teal.core.rendering.networks import networks_by_service
from teal.core.rendering.project import render_both, render_once
from teal.core.services.classify import with_images
from teal.core.services.images import mounted_images, references, way_to_get
from teal.errors import Refused, TealError
from teal.ports import ImageInfo
from teal.run.context import Ports, RunContext
from teal.run.steps import assets


async def absent(ports: Ports, stack: Stack) -> frozenset[str]:
    """Return the images that a release of *stack* is made of and the engine doesn't have."""
    names = references(stack)
    found = await asyncio.gather(*(ports.engine.image(name) for name in names))
    return frozenset(name for name, image in zip(names, found, strict=True) if image is None)


async def build(context: RunContext, step: Build) -> bool:
    """Build and pull; what a build, or a hook before it, has brought meanwhile needs no pull."""
    side = step.side
    for name in step.services:
        context.reporter.tell(side, name, "building")
    if step.services:
        await context.ports.compose.build(step.services, on_line=context.reporter.tool)
    for name in step.services:
        context.reporter.tell(side, name, "built")
    lacking = await absent(context.ports, context.stack)
    images = {service.name: service.image for service in context.stack.pinned}
    wanted = (*step.pull, *(name for name in step.absent if images[name] in lacking))
    for name in wanted:
        context.reporter.tell(side, name, "pulling")
    if wanted:
        await context.ports.compose.pull(wanted, on_line=context.reporter.tool)
    mounted = tuple(name for name in step.mounted if name in lacking)
    if mounted:
        await context.ports.compose.pull_images(mounted, on_line=context.reporter.tool)
    return not (step.services or wanted or mounted)


async def image_ids(context: RunContext, services: Iterable[Service]) -> dict[str, str]:
    """Return service -> image id as the engine has them now; raise ``Refused`` where one is missing."""
    return {name: image.id for name, image in (await images(context, services)).items()}


async def images(context: RunContext, services: Iterable[Service]) -> dict[str, ImageInfo]:
    """Return service -> image as the engine has them now; raise ``Refused`` where one is missing."""
    services = tuple(services)
    found = await asyncio.gather(*(context.ports.engine.image(service.image) for service in services))
    there: dict[str, ImageInfo] = {}
    for service, image in zip(services, found, strict=True):
        if image is None:
            raise Refused(
                f"the image of {service.name} ({service.image}) is not there",
                hint=way_to_get(service),
            )
        there[service.name] = image
    return there


async def mounted(context: RunContext) -> dict[str, str]:
    """Return image -> id of those that are mounted as volumes; raise ``Refused`` where one is missing."""
    references = mounted_images(context.stack)
    found = await asyncio.gather(*(context.ports.engine.image(each) for each in references))
    for reference, image in zip(references, found, strict=True):
        if image is None:
            raise Refused(
                f"the image {reference}, which a service mounts, is not there",
                hint=f"get it: docker pull {reference}",
            )
    return {reference: image.id for reference, image in zip(references, found, strict=True) if image}


async def save(context: RunContext, number: ReleaseId, side: Side) -> bool:
    """Write the release (both renderings, its files, its record) and pin its images under Teal's tags."""
    engine = context.ports.engine
    found = await images(context, context.stack.pinned)
    stack = with_images(context.stack, {name: image.facts for name, image in found.items()})
    ids = {name: image.id for name, image in found.items()}
    folder = context.ports.releases.folder(number)
    info, mounts = await asyncio.gather(engine.info(), mounted(context))
    made = RenderInputs(number, ids, folder, engine_version(info.version), mounts)
    both, once = render_both(stack, made), render_once(stack, side, made)
    rendered = both[side]
    release = Release(
        number=number,
        side=side,
        created=context.ports.clock.now(),
        images=ids,
        services=stack.rotating,
        fingerprint=stack.fingerprint,
        definitions=stack.definitions,
        shared_networks=rendered.shared_networks,
        network_keys=networks_by_service(stack, side),
        volumes=tuple({each.name: each for each in (*rendered.volumes, *once.volumes)}.values()),
        stack=snapshot(context.stack),
        mounted_images=mounts,
        variables=tuple(sorted(context.stack.variables - context.stack.unset)),
    )
    context.ports.releases.keep(release, both, once)  # before the tags: what a kill leaves of it, a later deploy prunes
    await _tag(context, release)
    await require(context, release)
    await assets.keep(context, number, ids)
    return False


async def _tag(context: RunContext, release: Release) -> None:
    """Give the images of *release* a name of Teal's: no plain prune takes them then."""
    engine, project, number = context.ports.engine, context.stack.project, release.number
    services = (engine.tag(id_, repository(project, name), str(number)) for name, id_ in release.images.items())
    mounts = (
        engine.tag(id_, repository(project, MOUNTED), mounted_tag(number, at))
        for at, id_ in enumerate(release.mounted_images.values())
    )
    await asyncio.gather(*services, *mounts)


async def moved(ports: Ports, release: Release, stack: Stack) -> tuple[str, ...]:
    """Return the names of images that mean another one by now than *release* runs, though the files say them alike."""
    names = own_names(release, stack)
    found = await asyncio.gather(*(ports.engine.image(each) for each in (*names, *names.values())))
    now = dict(zip(names, found[: len(names)], strict=True))
    there = {id_ for id_, image in zip(names.values(), found[len(names) :], strict=True) if image is not None}
    return tuple(
        name for name, id_ in names.items() if id_ in there and ((image := now[name]) is None or image.id != id_)
    )


async def put_back(context: RunContext, release: ReleaseId, images: tuple[str, ...]) -> bool:
    """Give each name of *images* to the image that *release* runs; tell whether all were its own already."""
    kept = context.release(release)
    names = own_names(kept, context.stack)
    due = [name for name in await moved(context.ports, kept, context.stack) if name in images]
    for name in due:
        place, _, tag = name.rpartition(":")
        await context.ports.engine.tag(names[name], place, tag)
    return not due


async def require(context: RunContext, release: Release) -> None:
    """Make sure of the volumes that *release* mounts; the networks that it joins came with the shared services.

    They bear Compose's own labels, so that a later ``docker compose up`` of the plain stack adopts them silently.
    """
    engine, project = context.ports.engine, context.stack.project
    there = await engine.volumes(volume.name for volume in release.volumes)
    for volume in release.volumes:
        if volume.name not in there:
            _refuse_external(volume)
            own = {"com.docker.compose.project": project, "com.docker.compose.volume": volume.key}
            labels = {**volume.labels, **own}
            await engine.create_volume(volume.name, labels=labels, driver=volume.driver, options=volume.options)


def _refuse_external(volume: RequiredVolume) -> None:
    if volume.external:
        raise Refused(
            f"the external volume {volume.name} does not exist",
            hint=f"create it (docker volume create {volume.name}), or correct `volumes` in the Compose file",
        )


async def prune(context: RunContext, numbers: Iterable[ReleaseId]) -> bool:
    """Drop kept releases with their one-shots' containers and image tags; one whose one-shot still runs stays."""
    kept = {release.number: release for release in context.ports.releases.all()}
    for number in numbers:
        if number not in kept or not await _forget_one_shots(context, kept[number]):
            continue
        for tag in _tags(context.stack.project, kept[number]):
            try:
                await context.ports.engine.untag(tag)
            except TealError as error:
                context.reporter.note(
                    f"an image of release {number} could not be removed: {error.message}", warning=True
                )
        context.ports.releases.drop(number)
    return False


def _tags(project: str, release: Release) -> list[str]:
    """Return the names that Teal gave to the images of *release*."""
    mounts = (
        f"{repository(project, MOUNTED)}:{mounted_tag(release.number, at)}" for at in range(len(release.mounted_images))
    )
    return [*(image_tag(project, service, release.number) for service in release.images), *mounts]


async def _forget_one_shots(context: RunContext, release: Release) -> bool:
    """Remove what failed or killed one-shots of *release* have left; tell whether none of them runs any more."""
    ended = True
    for service in release.images.keys() - {service.name for service in release.rotating}:
        name = one_shot_name(context.stack.project, service, release.number)
        container = await context.ports.engine.container(name)
        if container is not None and container.running:
            ended = False
        elif container is not None:
            await context.ports.engine.remove(container.id)
    return ended

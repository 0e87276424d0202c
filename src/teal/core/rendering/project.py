"""A release as a Compose project of one color, from the owner's resolved model.

What the owner wrote stays as it is, dollars doubled, but for:

- names of project, services and networks: they keep the colors apart;
- what two colors can't both have: published ports, ``container_name``;
- what would ask a registry or a shell again later: images are pinned, values are written out, files are copied.

A release is rendered for both colors when it is made, so that it can come back in either. One-shots and the commands
of migrations are a project of their own, on the stack's networks.
"""

from __future__ import annotations

from collections.abc import Mapping

from teal.core.model.compose import Node, mapping, networks_of, sequence, services_in, text, unescaped
from teal.core.model.release import Rendered, RenderInputs, RequiredVolume
from teal.core.model.side import COLORS, Side, key_of, once_project, project_of
from teal.core.model.stack import Role, Service, Stack, Tree
from teal.core.rendering.files import ReleaseFiles, by_value
from teal.core.rendering.networks import declared, meeting, name_of
from teal.core.rendering.service import job, one_shot, probed, rotating


def render_both(stack: Stack, inputs: RenderInputs) -> dict[Side, Rendered]:
    """Return the release for both colors, so that it can come back in either."""
    return {side: render(stack, side, inputs) for side in COLORS}


def render(stack: Stack, side: Side, inputs: RenderInputs) -> Rendered:
    """Return the rotating services of *stack* as the project of *side*."""
    model = stack.models[side]
    services = services_in(model)
    own = {each.name: services[each.name] for each in stack.rotating}
    folder = ReleaseFiles(inputs.folder, side, inputs.mounted_images)
    meets = meeting(stack, side)
    together = probed(stack.rotating)
    made: Tree = {
        key_of(each.name, side): rotating(each, stack, inputs, folder, meets, together) for each in stack.rotating
    }
    keys = frozenset(key for service in own.values() for key in networks_of(service))
    tree = _project(project_of(stack.project, side), stack, own, made, folder)
    if keys:
        tree["networks"] = declared(stack, side, keys, meets)
    return Rendered(
        project=project_of(stack.project, side),
        side=side,
        tree=tree,
        files=tuple(folder.files.values()),
        volumes=_volumes(model, own),
        shared_networks={each.name: _met(each, side, model, meets) for each in stack.rotating},
    )


def _met(service: Service, side: Side, model: Node, meets: frozenset[str]) -> dict[str, tuple[str, ...]]:
    """Return the stack's networks that *service* joins, each with its aliases there."""
    own = networks_of(services_in(model)[service.name])
    return {name_of(model, key): (key_of(service.name, side),) for key in own if key in meets}


def render_once(stack: Stack, side: Side, inputs: RenderInputs) -> Rendered:
    """Return the one-shots of *stack*, each to be run by itself from the new images, on the stack's own networks.

    The commands of its migrations are among them.
    """
    folder, meets = ReleaseFiles(inputs.folder, side, inputs.mounted_images), meeting(stack, side)
    shots = stack.having(Role.ONE_SHOT)
    made: Tree = {each.name: one_shot(each, stack, inputs, folder, meets) for each in shots}
    jobs = _jobs(stack, inputs, folder, meets)
    return _run_once(stack, folder, meets, {**made, **jobs}, {each.name: each.name for each in shots})


def render_jobs(stack: Stack, side: Side, inputs: RenderInputs) -> Rendered:
    """Return nothing but what migrates *stack*, to be run by itself outside of a deploy."""
    folder, meets = ReleaseFiles(inputs.folder, side, inputs.mounted_images), meeting(stack, side)
    named = stack.migrations.one_shot if stack.migrations else ""
    shots = [each for each in stack.having(Role.ONE_SHOT) if each.name == named]
    made: Tree = {each.name: one_shot(each, stack, inputs, folder, meets) for each in shots}
    return _run_once(
        stack, folder, meets, {**made, **_jobs(stack, inputs, folder, meets)}, {each.name: each.name for each in shots}
    )


def _jobs(stack: Stack, inputs: RenderInputs, folder: ReleaseFiles, meets: frozenset[str]) -> Tree:
    if stack.migrations is None or not stack.migrations.jobs:
        return {}
    service = stack.service(stack.migrations.service)
    jobs = stack.migrations.jobs.items()
    return {name: job(name, words, service, stack, inputs, folder, meets) for name, words in jobs}


def _run_once(stack: Stack, folder: ReleaseFiles, meets: frozenset[str], made: Tree, of: Mapping[str, str]) -> Rendered:
    """Return the project of what is *made*; *of* says whose definition each is, else that of the migrations."""
    side, model = folder.side, stack.models[folder.side]
    services = services_in(model)
    others = stack.migrations.service if stack.migrations else ""
    own = {name: services[of.get(name, others)] for name in made}
    keys = frozenset(key for service in own.values() for key in networks_of(service)) & meets
    tree = _project(once_project(stack.project), stack, own, made, folder)
    if keys:
        tree["networks"] = {key: {"name": name_of(model, key), "external": True} for key in sorted(keys)}
    return Rendered(
        project=once_project(stack.project),
        side=side,
        tree=tree,
        files=tuple(folder.files.values()),
        volumes=_volumes(model, own),
        shared_networks={name: {name_of(model, k): () for k in networks_of(own[name]) if k in keys} for name in own},
    )


def _project(name: str, stack: Stack, own: Mapping[str, Node], made: Tree, folder: ReleaseFiles) -> Tree:
    tree: Tree = {"name": name, "services": made}
    volumes = _volumes(stack.models[folder.side], own)
    if volumes:
        tree["volumes"] = {each.key: {"name": each.name, "external": True} for each in volumes}
    for kind in ("secrets", "configs"):
        values = by_value(kind, own, stack, folder)
        if values:
            tree[kind] = values
    return tree


def _volumes(model: Node, services: Mapping[str, Node]) -> tuple[RequiredVolume, ...]:
    mounts = (mapping(volume) for service in services.values() for volume in sequence(service.get("volumes")))
    keys = {text(m.get("source")) for m in mounts if m.get("type") == "volume" and m.get("source")}
    return tuple(_volume(model, key) for key in sorted(keys))


def _volume(model: Node, key: str) -> RequiredVolume:
    volume = mapping(mapping(model.get("volumes")).get(key))
    name = text(volume.get("name")) or f"{text(model.get('name'))}_{key}"
    options, labels = (
        {each: unescaped(value) for each, value in mapping(volume.get(kind)).items()}
        for kind in ("driver_opts", "labels")
    )
    return RequiredVolume(name, key, bool(volume.get("external")), text(volume.get("driver")), options, labels)

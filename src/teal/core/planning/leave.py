"""What the plain stack of today's files would be beside the active release, and how its images come back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from hashlib import sha256

from teal.core.model.compose import Node, mapping, sequence, services_in, text, unescaped
from teal.core.model.release import Release, to_json
from teal.core.model.side import Side
from teal.core.model.stack import Service, Stack
from teal.core.model.units import ReleaseId
from teal.core.services.images import mounted_images

Definition = dict[str, str]  # key of a service, or file that it is given -> digest of what it says
_OF_NO_CONTAINER = {"build", "pull_policy", "depends_on", "develop", "profiles"}  # keys that change nothing in one
_DIGITS = 16


def definitions(stack: Stack, contents: Mapping[str, str]) -> dict[str, Definition]:
    """Return what makes up the plain container of each rotating service of *stack*, as digests: values may be secret.

    *contents*: host file -> digest, of those that become part of a release.
    """
    model = stack.models[Side.PLAIN]
    services = services_in(model)
    return {each.name: _definition(services[each.name], model, contents) for each in stack.rotating}


def _definition(service: Node, model: Node, contents: Mapping[str, str]) -> Definition:
    found = {key: _digest(value) for key, value in service.items() if key not in {*_OF_NO_CONTAINER, "environment"}}
    environment = mapping(service.get("environment"))
    found |= {f"environment {name}": _digest(value) for name, value in environment.items()}
    for volume in map(mapping, sequence(service.get("volumes"))):
        source = unescaped(volume.get("source"))
        if source in contents:
            found[f"file {source.rpartition('/')[2]}"] = contents[source]
    for kind in ("secrets", "configs"):
        for name in (text(mapping(each).get("source")) for each in sequence(service.get(kind))):
            said = mapping(mapping(model.get(kind)).get(name))
            found[f"{kind[:-1]} {name}"] = contents.get(unescaped(said.get("file"))) or _digest(said)
    return found


def _digest(value: object) -> str:
    return sha256(to_json({"": value}).encode()).hexdigest()[:_DIGITS]


def changed_by_leaving(release: Release | None, number: ReleaseId | None, stack: Stack) -> tuple[str, ...]:
    """Return in words what users would get otherwise from the plain stack of today's files than from *release*.

    Its images are put back, and are no difference. *number* is the release's, which may not be kept any more.
    """
    if release is None:
        return (f"release {number} is not kept: what today's files and images change is not known",)
    if release.fingerprint == stack.fingerprint:
        return ()
    if not release.definitions:
        return (f"release {release.number} was kept by an older Teal: what today's files change is not known",)
    return tuple(_changes(release, stack))


def _changes(release: Release, stack: Stack) -> Iterator[str]:
    now, roles = {each.name: each for each in stack.rotating}, {each.name: each.role for each in stack.services}
    before = {each.name: each for each in release.rotating}
    for name, service in before.items():
        if name not in now:
            gone = f"{name} is not in today's files: it would not run any more"
            other = f"{name} is {roles.get(name)} in today's files: leave does not start it"
            yield other if name in roles else gone
            continue
        changed = [*_image(service, now[name]), *_keys(release.definitions.get(name, {}), stack.definitions[name])]
        if changed:
            yield f"{name}: {', '.join(changed)}"
    yield from (f"{name} is not in the release: it would be new" for name in now if name not in before)


def _image(before: Service, now: Service) -> Iterator[str]:
    if named(before.image) != named(now.image):
        yield f"image {before.image} → {now.image}"


def _keys(before: Mapping[str, str], now: Mapping[str, str]) -> list[str]:
    every = dict.fromkeys((*before, *now))
    return [key for key in every if key != "image" and before.get(key) != now.get(key)]


def named(reference: str) -> str:
    """Return an image's name with its tag: ``latest`` where none is said."""
    return reference if "@" in reference or ":" in reference.rpartition("/")[2] else f"{reference}:latest"


def own_names(release: Release, stack: Stack) -> dict[str, str]:
    """Return the images' names that mean the same in today's files as in *release* -> the ids that it runs.

    A name that the files have changed since is left alone: the tag of one version must not point to another. So
    does a digest, which can mean one image only.
    """
    known = {each.name: each for each in (release.stack.services if release.stack else release.services)}
    found: dict[str, str] = {}
    for service in stack.pinned:
        was, id_ = known.get(service.name), release.images.get(service.name)
        if was and id_ and named(was.image) == named(service.image) and "@" not in service.image:
            found.setdefault(named(service.image), id_)
    mounts = ((name, release.mounted_images[name]) for name in mounted_images(stack) if name in release.mounted_images)
    return found | {named(name): id_ for name, id_ in mounts if "@" not in name}

"""Decides: which files become part of a release, and which mounts stay as they are.

Secrets and configs are written by value, small read-only files of the project are copied: what a release needs
must be there, unchanged, when it comes back.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from teal.core.rendered import ReleaseFile
from teal.core.side import Side
from teal.core.stack import Stack, Tree
from teal.core.tree import Node, escaped, mapping, sequence, services_in, text, unescaped


@dataclass(slots=True)
class Folder:
    """The release's folder as it fills while one side is rendered."""

    path: str  # absolute
    side: Side
    mounted: Mapping[str, str] = field(default_factory=dict)  # image that is mounted as a volume -> its id
    files: dict[str, ReleaseFile] = field(default_factory=dict)

    def add(self, file: ReleaseFile) -> str:
        """Take *file* in and return the path at which the container's mount will find it, as a model writes it."""
        self.files[file.name] = file
        return escaped(f"{self.path}/files/{file.name}")


def copied_volumes(service: Node, stack: Stack, folder: Folder) -> list[object]:
    """Return the mounts of *service*, with copies in place of the files that belong to the release."""
    return [_mount(mapping(volume), stack, folder) for volume in sequence(service.get("volumes"))]


def _mount(volume: Node, stack: Stack, folder: Folder) -> Tree:
    source = unescaped(volume.get("source"))
    if volume.get("type") == "image":
        return {**volume, "source": folder.mounted.get(source) or volume.get("source")}
    if not is_copied(volume, stack):
        return dict(volume)
    bind = {k: v for k, v in mapping(volume.get("bind")).items() if k != "create_host_path"}
    return {**volume, "source": folder.add(_copy(source, stack.directory)), "bind": {**bind, "create_host_path": False}}


def mounted_images(stack: Stack) -> tuple[str, ...]:
    """Return the images that services of a release mount as volumes, each once."""
    services = services_in(stack.models[Side.BLUE])
    volumes = [mapping(each) for one in stack.pinned for each in sequence(services[one.name].get("volumes"))]
    return tuple(dict.fromkeys(unescaped(each.get("source")) for each in volumes if each.get("type") == "image"))


def is_copied(volume: Node, stack: Stack) -> bool:
    """Tell whether this mount's file becomes part of a release."""
    bound = volume.get("type") == "bind" and bool(volume.get("read_only"))
    return bound and unescaped(volume.get("source")) in stack.copies


def _copy(source: str, directory: str) -> ReleaseFile:
    """Return the copy of *source*, called the same in every checkout of the project."""
    mark = sha256(source.removeprefix(f"{directory}/").encode()).hexdigest()[:8]
    return ReleaseFile(f"{mark}-{source.rsplit('/', 1)[-1]}", source=source)


def by_value(kind: str, names: Sequence[str], stack: Stack, folder: Folder) -> Tree:
    """Return the top-level ``secrets`` or ``configs`` (*kind*) called *names*, each a file of the release."""
    values = mapping(stack.models[folder.side].get(kind))
    return {name: {"file": folder.add(_value(kind, name, mapping(values[name]), stack, folder.side))} for name in names}


def _value(kind: str, name: str, definition: Node, stack: Stack, side: Side) -> ReleaseFile:
    if definition.get("file"):
        return _copy(unescaped(definition["file"]), stack.directory)
    return ReleaseFile(f"{side}-{kind[:-1]}-{name}", content=unescaped(definition.get("content")))


def mounted(kind: str, service: Node) -> list[Tree]:
    """Return where *service* finds its secrets or configs; owner and mode are the file's own."""
    return [
        {key: value for key, value in mapping(each).items() if key in {"source", "target"}}
        for each in sequence(service.get(kind))
    ]


def named(kind: str, services: Mapping[str, Node]) -> list[str]:
    """Return the names of the secrets or configs that *services* use, each once."""
    return sorted({text(mapping(each).get("source")) for s in services.values() for each in sequence(s.get(kind))})


def live_mounts(stack: Stack) -> Iterator[tuple[str, str, str]]:
    """Yield (service, host path, path in the container) of every mount that no release keeps: it is as it is now."""
    services = services_in(stack.models[Side.BLUE])
    for each in stack.rotating:
        for volume in map(mapping, sequence(services[each.name].get("volumes"))):
            if volume.get("type") == "bind" and not is_copied(volume, stack):
                yield each.name, unescaped(volume.get("source")), unescaped(volume.get("target"))

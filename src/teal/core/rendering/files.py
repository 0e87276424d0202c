"""The files that become part of a release, and the mounts that stay as they are.

Secrets and configs are written by value, small read-only files of the project are copied: what a release needs
must be there, unchanged, when it comes back.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256

from teal.core.model.compose import Node, escaped, mapping, number, sequence, services_in, text, unescaped
from teal.core.model.release import ReleaseFile
from teal.core.model.side import Side
from teal.core.model.stack import Stack, Tree

DEFAULT_MODE = 0o444  # Compose's own, of a secret or config that is given by value
_PLACES = {"secrets": "/run/secrets/", "configs": "/"}  # where a container finds one that names no place

_PROFILE = re.compile(r"seccomp[:=](.+)")


@dataclass(slots=True)
class ReleaseFiles:
    """The release's folder as it fills while one side is rendered."""

    path: str  # absolute
    side: Side
    mounted_images: Mapping[str, str] = field(default_factory=dict)  # image that is mounted as a volume -> its id
    files: dict[str, ReleaseFile] = field(default_factory=dict)

    def add(self, file: ReleaseFile) -> str:
        """Take *file* in and return the path at which the container's mount will find it, as a model writes it."""
        self.files[file.name] = file
        return escaped(f"{self.path}/files/{file.name}")


def copied_volumes(service: Node, stack: Stack, folder: ReleaseFiles) -> list[object]:
    """Return the mounts of *service*, with copies in place of the files that belong to the release."""
    return [_mount(mapping(volume), stack, folder) for volume in sequence(service.get("volumes"))]


def _mount(volume: Node, stack: Stack, folder: ReleaseFiles) -> Tree:
    source = unescaped(volume.get("source"))
    if volume.get("type") == "image":
        return {**volume, "source": folder.mounted_images.get(source) or volume.get("source")}
    if not is_copied(volume, stack):
        return dict(volume)
    bind = {k: v for k, v in mapping(volume.get("bind")).items() if k != "create_host_path"}
    return {**volume, "source": folder.add(_copy(source, stack.directory)), "bind": {**bind, "create_host_path": False}}


def is_copied(volume: Node, stack: Stack) -> bool:
    """Tell whether this mount's file becomes part of a release."""
    bound = volume.get("type") == "bind" and bool(volume.get("read_only"))
    return bound and unescaped(volume.get("source")) in stack.copies


def _copy(source: str, directory: str) -> ReleaseFile:
    """Return the copy of *source*, called the same in every checkout of the project."""
    mark = sha256(source.removeprefix(f"{directory}/").encode()).hexdigest()[:8]
    return ReleaseFile(f"{mark}-{source.rsplit('/', 1)[-1]}", source=source)


def by_value(kind: str, services: Mapping[str, Node], stack: Stack, folder: ReleaseFiles) -> Tree:
    """Return the top-level ``secrets`` or ``configs`` (*kind*) that *services* use, each a file of the release.

    One that is given by value is there once for each owner and mode that it is asked for with.
    """
    values = mapping(stack.models[folder.side].get(kind))
    found: Tree = {}
    for service in services.values():
        for each in _given(kind, service, values):
            file = _value(kind, each, folder.side, stack)
            path = escaped(file.source) if file.source in stack.folders else folder.add(file)
            found[each.key] = {"file": path}
    return dict(sorted(found.items()))


@dataclass(frozen=True, slots=True)
class _Given:
    """A secret or config as a service asks for it: owner and mode matter to one that is given by value alone."""

    name: str
    target: object
    definition: Node
    uid: int
    gid: int
    mode: int

    @property
    def key(self) -> str:
        """Return its key in a rendering."""
        if self.definition.get("file") or (self.uid, self.gid, self.mode) == (0, 0, DEFAULT_MODE):
            return self.name
        return f"{self.name}.{self.uid}-{self.gid}-{self.mode:o}"


def _given(kind: str, service: Node, values: Node) -> Iterator[_Given]:
    """Yield the secrets or configs that *service* gets; Compose makes no file of an empty value."""
    for each in map(mapping, sequence(service.get(kind))):
        name, mode = text(each.get("source")), text(each.get("mode"))
        definition = mapping(values[name])
        if definition.get("file") or definition.get("content"):
            octal = int(mode, 8) if re.fullmatch("[0-7]{1,5}", mode) else DEFAULT_MODE
            target = each.get("target") or f"{_PLACES[kind]}{name}"
            yield _Given(name, target, definition, *_owner(each, service), octal)


def _owner(reference: Node, service: Node) -> tuple[int, int]:
    """Return user and group of a value; where an owner is asked for, the engine gives it to the service's own user."""
    uid, gid = number(reference.get("uid")), number(reference.get("gid"))
    user = re.fullmatch(r"(\d+)(?::(\d+))?", text(service.get("user")))
    if user and (reference.get("uid") or reference.get("gid")):
        return int(user[1]), int(user[2] or gid)
    return uid, gid


def _value(kind: str, given: _Given, side: Side, stack: Stack) -> ReleaseFile:
    if given.definition.get("file"):
        return _copy(unescaped(given.definition["file"]), stack.directory)
    content = unescaped(given.definition.get("content"))
    return ReleaseFile(
        f"{side}-{kind[:-1]}-{given.key}", content=content, uid=given.uid, gid=given.gid, mode=given.mode
    )


def mounted(kind: str, service: Node, model: Node) -> list[Tree]:
    """Return where *service* finds its secrets or configs; owner and mode are the file's own."""
    return [{"source": each.key, "target": each.target} for each in _given(kind, service, mapping(model.get(kind)))]


def security_options(service: Node, stack: Stack, folder: ReleaseFiles) -> list[object]:
    """Return the security options of *service*; a seccomp profile that they name is copied."""
    return [_secured(text(option), stack, folder) for option in sequence(service.get("security_opt"))]


def _secured(option: str, stack: Stack, folder: ReleaseFiles) -> str:
    found = _PROFILE.fullmatch(option)
    if not found or found[1] in {"unconfined", "builtin"}:
        return option
    source = unescaped(found[1])
    path = source if source.startswith("/") else f"{stack.directory}/{source.removeprefix('./')}"
    return f"seccomp={folder.add(_copy(path, stack.directory))}"


def live_mounts(stack: Stack) -> Iterator[tuple[str, str, str]]:
    """Yield (service, host path, path in the container) of every mount that no release keeps: it is as it is now."""
    services = services_in(stack.models[Side.BLUE])
    for each in stack.rotating:
        for volume in map(mapping, sequence(services[each.name].get("volumes"))):
            if volume.get("type") == "bind" and not is_copied(volume, stack):
                yield each.name, unescaped(volume.get("source")), unescaped(volume.get("target"))
        for kind in ("secrets", "configs"):
            yield from _live_values(kind, each.name, services[each.name], stack)


def _live_values(kind: str, name: str, service: Node, stack: Stack) -> Iterator[tuple[str, str, str]]:
    """Yield the secrets or configs of a service that are folders."""
    values = mapping(stack.models[Side.BLUE].get(kind))
    for each in map(mapping, sequence(service.get(kind))):
        source = unescaped(mapping(values[text(each.get("source"))]).get("file"))
        if source in stack.folders:
            yield name, source, unescaped(each.get("target") or f"{_PLACES[kind]}{text(each.get('source'))}")

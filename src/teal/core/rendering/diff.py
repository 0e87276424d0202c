"""What differs between two releases, or a release and today's files: which keys, and never what they hold.

Values are compared as the renderings have them, and stay here. Said of them are only those that can't be secret: an
image and its date, a port, a path inside a container, a limit, a user, the name of a network.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from typing import Literal

from msgspec import Struct

from teal.core.model.compose import Node, mapping, sequence, services_in, text, unescaped
from teal.core.model.migrations import Migrations
from teal.core.model.release import Release, Rendered, snapshot
from teal.core.model.side import COLORS, Side
from teal.core.model.stack import Service, Stack, Tree
from teal.core.model.units import Moment

How = Literal["added", "removed", "changed"]
What = Literal[
    "service",
    "role",
    "image",
    "variable",
    "secret",
    "config",
    "file",
    "port",
    "mount",
    "command",
    "limit",
    "healthcheck",
    "label",
    "extra-host",
    "user",
    "network",
    "option",
    "migrations",
]
WarningKind = Literal["variable", "healthcheck", "port", "mount", "extra-host", "older-image", "root"]


class Change(Struct, frozen=True):
    """One thing that differs; *before* and *after* only where they can't be secret."""

    service: str  # "" for the stack as a whole
    what: What
    key: str  # the variable's name, the path in the container, the port, …; "" where there is only one
    how: How
    before: str = ""
    after: str = ""


class DiffWarning(Struct, frozen=True):
    """A change that has taken users down elsewhere: a person is asked before it is deployed."""

    service: str
    kind: WarningKind
    text: str

    @property
    def said(self) -> str:
        """Return it as a line."""
        return f"{self.service}: {self.text}" if self.service else self.text


class Difference(Struct, frozen=True):
    """What differs, and what of it is worth a second look."""

    before: str  # "release 41"
    after: str  # "release 42", or "today's files"
    changes: tuple[Change, ...] = ()
    warnings: tuple[DiffWarning, ...] = ()
    unknown: tuple[str, ...] = ()  # services whose images were not compared: a deploy makes them, or one is gone


@dataclass(frozen=True, slots=True)
class ImageSeen:
    """An image as the engine has it."""

    id: str
    name: str = ""  # as the files name it
    created: Moment = Moment(0.0)  # 0 where it says nothing
    user: str = ""
    revision: str = ""  # of its source, by its label
    healthcheck: bool = False


@dataclass(frozen=True, slots=True)
class Compared:
    """A release, or what today's files would make, as far as it is compared."""

    name: str
    folder: str  # the release's own: copied files are mounted from there
    colors: Mapping[Side, Tree]
    once: Tree
    nodes: Mapping[Side, Mapping[str, Node]]  # service -> its part of the rendering
    services: Mapping[str, Service]
    images: Mapping[str, ImageSeen] = field(default_factory=dict)  # service -> image, of those that are known
    definitions: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # as a release keeps them
    migrations: Migrations | None = None


def of_release(release: Release, trees: Mapping[str, Tree], folder: str, images: Mapping[str, ImageSeen]) -> Compared:
    """Return the kept *release*, *trees* by the names of its renderings."""
    around = release.stack.services if release.stack else release.services
    colors, once = {side: trees[str(side)] for side in COLORS}, trees["once"]
    return Compared(
        name=f"release {release.number}",
        folder=folder,
        colors=colors,
        once=once,
        nodes=_nodes(colors, once),
        services={each.name: each for each in around if each.role.rotates or each.name in release.images},
        images=images,
        definitions=release.definitions,
        migrations=release.stack.migrations if release.stack else None,
    )


def of_stack(
    stack: Stack, colors: Mapping[Side, Rendered], once: Rendered, folder: str, images: Mapping[str, ImageSeen]
) -> Compared:
    """Return what today's files would make."""
    trees = {side: rendered.tree for side, rendered in colors.items()}
    return Compared(
        name="today's files",
        folder=folder,
        colors=trees,
        once=once.tree,
        nodes=_nodes(trees, once.tree),
        services={each.name: each for each in stack.pinned},
        images=images,
        definitions=stack.definitions,
        migrations=snapshot(stack).migrations,
    )


def _nodes(colors: Mapping[Side, Tree], once: Tree) -> dict[Side, dict[str, Node]]:
    """Return each service's part of the rendering of each color; what runs once is the same in both."""
    ones = dict(services_in(once))
    own = {side: services_in(tree).values() for side, tree in colors.items()}
    return {
        side: ones | {text(mapping(each.get("labels")).get("teal.service")): each for each in nodes}
        for side, nodes in own.items()
    }


def difference(before: Compared, after: Compared) -> Difference:
    """Return what differs between *before* and *after*."""
    changes = tuple(dict.fromkeys(_changes(before, after)))
    known = before.images.keys() & after.images.keys()
    both = before.services.keys() & after.services.keys()
    return Difference(
        before.name,
        after.name,
        changes,
        tuple(_warnings(changes, before, after)),
        tuple(sorted(both - known)),
    )


def _changes(before: Compared, after: Compared) -> Iterator[Change]:
    for name in dict.fromkeys((*before.services, *after.services)):
        was, now = before.services.get(name), after.services.get(name)
        if was is None or now is None:
            how: How = "added" if was is None else "removed"
            yield Change(name, "service", "", how, was.role if was else "", now.role if now else "")
            continue
        if was.role is not now.role:
            yield Change(name, "role", "", "changed", was.role, now.role)
        yield from _image(name, before, after)
        if was.port != now.port and was.port and now.port:
            yield Change(name, "port", "of the route", "changed", str(was.port), str(now.port))
        for side in COLORS:  # an overlay may change one color alone
            yield from _service(name, _View(before, side, name), _View(after, side, name))
        yield from _definition(name, before.definitions.get(name), after.definitions.get(name))
    yield from _jobs(before, after)
    for side in COLORS:
        yield from _by_key("", "network", *(_defined(each, side) for each in (before, after)))
    yield from _migrations(before.migrations, after.migrations)


def _image(name: str, before: Compared, after: Compared) -> Iterator[Change]:
    was, now = before.images.get(name), after.images.get(name)
    if was and now and was.id != now.id:
        yield Change(name, "image", "", "changed", said(was), said(now))
        return
    named = before.services[name].image, after.services[name].image
    if named[0] != named[1]:
        yield Change(name, "image", "", "changed", *named)


def said(image: ImageSeen) -> str:
    """Return an image in words: its name, the beginning of its id, when it was made, of which source."""
    made = datetime.fromtimestamp(image.created, UTC).strftime("of %Y-%m-%d %H:%M UTC") if image.created > 0 else ""
    revision = f"source {image.revision[:12]}" if image.revision else ""
    return f"{image.name} ({', '.join(filter(None, (image.id.removeprefix('sha256:')[:12], made, revision)))})".strip()


_FOLDER = re.compile(r"/[^=]*/releases/\d+/files/")  # of a release, also where the state directory was moved since


class _View:
    """One service in one color."""

    def __init__(self, of: Compared, side: Side, name: str) -> None:
        self.node = of.nodes[side].get(name, {})
        self.folder = of.folder
        self.volumes = {**mapping(of.once.get("volumes")), **mapping(of.colors[side].get("volumes"))}

    def without_folder(self, value: object) -> str:
        """Return *value* as it would be in any release's folder."""
        return _FOLDER.sub("files/", unescaped(value).replace(f"{self.folder}/files/", "files/"))


def _environment(view: _View) -> Mapping[str, object]:
    own = {"TEAL_COLOR", "TEAL_RELEASE"}
    return {name: value for name, value in mapping(view.node.get("environment")).items() if name not in own}


def _labels(view: _View) -> Mapping[str, object]:
    return {k: v for k, v in mapping(view.node.get("labels")).items() if not k.startswith("teal.")}


def _mounts(view: _View) -> Mapping[str, object]:
    found: dict[str, object] = {}
    for each in map(mapping, sequence(view.node.get("volumes"))):
        source = view.without_folder(each.get("source"))
        name = text(mapping(view.volumes.get(text(each.get("source")))).get("name"))
        found[unescaped(each.get("target"))] = {**each, "source": name or source}
    written = view.node.get("tmpfs")
    for place in map(text, [written] if isinstance(written, str) else sequence(written)):
        found[place.partition(":")[0]] = place
    return found


def _hosts(view: _View) -> Mapping[str, object]:
    written = view.node.get("extra_hosts")
    if isinstance(written, Mapping):
        return dict(written)
    pairs = (re.split("[=:]", text(each), maxsplit=1) for each in sequence(written))
    found: dict[str, object] = {}
    for name, *address in pairs:
        found[name] = (*sequence(found.get(name)), *address)
    return found


def _health(view: _View) -> Mapping[str, object]:
    """Return the owner's healthcheck; how often a starting container is asked depends on how many others there are."""
    check = {k: v for k, v in mapping(view.node.get("healthcheck")).items() if k != "start_interval"}
    return {"": check} if check.get("test") or check.get("disable") else {}


def _ports(view: _View) -> Mapping[str, object]:
    published = map(mapping, sequence(view.node.get("ports")))
    exposed = ((text(each), "exposed") for each in sequence(view.node.get("expose")))
    return {f"{text(each.get('published'))}:{text(each.get('target'))}": each for each in published} | dict(exposed)


def _on(view: _View) -> Mapping[str, object]:
    return {key.removesuffix(".shared"): "" for key in mapping(view.node.get("networks"))}


def _limits(view: _View) -> Mapping[str, object]:
    resources = mapping(mapping(view.node.get("deploy")).get("resources"))
    limits = ((f"{kind} {k}", v) for kind in resources for k, v in mapping(resources[kind]).items())
    return {k: v for k, v in view.node.items() if k in _LIMITS} | dict(limits)


def _command(view: _View) -> Mapping[str, object]:
    return {key: view.node[key] for key in ("entrypoint", "command") if view.node.get(key)}


def _user(view: _View) -> Mapping[str, object]:
    return {"": view.node["user"]} if view.node.get("user") else {}


def _options(view: _View) -> Mapping[str, object]:
    deploy = {f"deploy.{k}": v for k, v in mapping(view.node.get("deploy")).items() if k != "resources"}
    secured = [view.without_folder(each) for each in sequence(view.node.get("security_opt"))]
    own = {k: secured if k == "security_opt" else v for k, v in view.node.items() if k not in _ELSEWHERE}
    return own | deploy


_LIMITS = frozenset(
    {"mem_limit", "mem_reservation", "memswap_limit", "mem_swappiness", "oom_score_adj", "oom_kill_disable"}
    | {"pids_limit", "shm_size", "ulimits", "cpus", "cpu_count", "cpu_percent", "cpu_shares", "cpu_period", "cpu_quota"}
    | {"cpu_rt_period", "cpu_rt_runtime", "cpuset", "blkio_config"}
)
_ELSEWHERE = _LIMITS | frozenset(
    {"image", "pull_policy", "environment", "labels", "volumes", "tmpfs", "extra_hosts", "healthcheck", "ports"}
    | {"expose", "networks", "entrypoint", "command", "user", "deploy", "secrets", "configs", "depends_on"}
    | {"container_name", "links", "external_links"}
)
_PARTS: Mapping[What, Callable[[_View], Mapping[str, object]]] = {
    "variable": _environment,
    "command": _command,
    "healthcheck": _health,
    "port": _ports,
    "mount": _mounts,
    "extra-host": _hosts,
    "user": _user,
    "limit": _limits,
    "network": _on,
    "label": _labels,
    "option": _options,
}
_SHOWN: frozenset[What] = frozenset({"user", "limit"})  # what of its values may be said


def _service(name: str, before: _View, after: _View) -> Iterator[Change]:
    for what, read in _PARTS.items():
        yield from _by_key(name, what, read(before), read(after))


def _by_key(name: str, what: What, before: Mapping[str, object], after: Mapping[str, object]) -> Iterator[Change]:
    for key in dict.fromkeys((*before, *after)):
        if key not in after:
            yield Change(name, what, key, "removed", _shown(what, before[key]))
        elif key not in before:
            yield Change(name, what, key, "added", "", _shown(what, after[key]))
        elif before[key] != after[key]:
            yield Change(name, what, key, "changed", _shown(what, before[key]), _shown(what, after[key]))


def _shown(what: What, value: object) -> str:
    return unescaped(value) if what in _SHOWN and isinstance(value, str | int | float) else ""


def _definition(name: str, before: Mapping[str, str] | None, after: Mapping[str, str] | None) -> Iterator[Change]:
    """Yield what of a service's files, secrets and published ports differs by what is kept of them: digests."""
    if not before or not after:
        return  # a one-shot's, or a release that an older Teal kept: nobody knows
    for what in _KEPT:
        kept = [
            {k.partition(" ")[2]: v for k, v in each.items() if k.startswith(f"{what} ")} for each in (before, after)
        ]
        yield from _by_key(name, what, *kept)
    ports = [{"published": each["ports"]} if "ports" in each else {} for each in (before, after)]
    yield from _by_key(name, "port", *ports)


_KEPT: tuple[What, ...] = ("file", "secret", "config")


def _jobs(before: Compared, after: Compared) -> Iterator[Change]:
    """Yield the commands of migrations that came, went or say something else."""
    jobs = [
        {k: mapping(v).get("command") for k, v in services_in(each.once).items() if k not in each.services}
        for each in (before, after)
    ]
    yield from _by_key("", "migrations", *jobs)


def _defined(of: Compared, side: Side) -> Mapping[str, object]:
    """Return how a color's own networks are defined."""
    return {k: v for k, v in mapping(of.colors[side].get("networks")).items() if not k.endswith(".shared")}


def _migrations(before: Migrations | None, after: Migrations | None) -> Iterator[Change]:
    """Yield which keys of ``migrations`` say something else; the commands are told as jobs, checkouts lie elsewhere."""
    if before is None or after is None:
        if before is not after:
            yield Change("", "migrations", "", "added" if before is None else "removed")
        return
    for each in fields(Migrations):
        if each.name in {"commands", "prints", "pending", "files", "queries"}:
            continue
        if getattr(before, each.name) != getattr(after, each.name):
            yield Change("", "migrations", each.name, "changed")


_GONE: Mapping[What, tuple[WarningKind, str]] = {
    "variable": ("variable", "the variable {key} is gone"),
    "port": ("port", "the port {key} is gone"),
    "mount": ("mount", "the mount at {key} is gone"),
    "file": ("mount", "the file {key} is not mounted any more"),
    "secret": ("mount", "the secret {key} is gone"),
    "config": ("mount", "the config {key} is gone"),
    "extra-host": ("extra-host", "extra_hosts names {key} no more"),
}


def _warnings(changes: Iterable[Change], before: Compared, after: Compared) -> Iterator[DiffWarning]:
    yield from (_gone(each) for each in changes if each.how == "removed" and each.what in _GONE)
    for name in (name for name in before.services if name in after.services):
        if _checked(before, name) and _checked(after, name) is False:
            yield DiffWarning(name, "healthcheck", "its healthcheck is gone")
        if _is_root(before, name) is False and _is_root(after, name):
            yield DiffWarning(name, "root", "it would run as root, and does not today")
        was, now = before.images.get(name), after.images.get(name)
        if was and now and was.id != now.id and 0 < now.created < was.created:
            yield DiffWarning(name, "older-image", f"its image is older than that of {before.name}: {said(now)}")


def _gone(change: Change) -> DiffWarning:
    kind, words = _GONE[change.what]
    key = "that it published" if (change.what, change.key) == ("port", "published") else change.key
    return DiffWarning(change.service, kind, words.format(key=key))


def _checked(of: Compared, name: str) -> bool | None:
    """Tell whether the engine checks *name*'s health, by its file or its image; None where that isn't known."""
    written = [_health(_View(of, side, name)) for side in COLORS]
    if all(written):
        return not any(_disabled(mapping(each[""])) for each in written)
    image = of.images.get(name)
    return image.healthcheck if image else None


def _disabled(check: Node) -> bool:
    return bool(check.get("disable")) or list(map(text, sequence(check.get("test"))))[:1] == ["NONE"]


def _is_root(of: Compared, name: str) -> bool | None:
    """Tell whether *name* runs as root, by its file or its image; None where that isn't known."""
    written = _user(_View(of, Side.BLUE, name))
    image = of.images.get(name)
    if not written and image is None:
        return None
    user = text(written[""]) if written else (image.user if image else "")
    return user.partition(":")[0] in {"", "0", "root"}

"""A release, pinned and kept; and its rendering: what is written, copied and created as it is."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from teal.core.model.migrations import Migrations
from teal.core.model.side import Side
from teal.core.model.stack import CommandCheck, Hook, HttpCheck, Service, Settings, Stack, Strategy, Tree
from teal.core.model.units import Moment, ReleaseId

# YAML readers take these raw or not at all; as \uXXXX both JSON and YAML read them.
_UNSAFE = re.compile("[\x7f-\x9f\u2028\u2029\ufeff]")


@dataclass(frozen=True, slots=True)
class RenderInputs:
    """The facts of a release that its rendering needs beside the stack."""

    number: ReleaseId
    images: Mapping[str, str]  # service -> image id, "sha256:…"
    folder: str  # the release's own, absolute
    engine: tuple[int, int] = (28, 0)  # its version
    mounted_images: Mapping[str, str] = field(default_factory=dict)  # image that is mounted as a volume -> its id


@dataclass(frozen=True, slots=True)
class ReleaseFile:
    """A file below ``files/`` of the release's folder: a copy of *source*, or *content* as it is.

    A copy has its source's owner and mode, content those that are given here. Nobody else on the host can read either,
    since the folder is closed.
    """

    name: str
    source: str = ""
    content: str = ""
    uid: int = 0
    gid: int = 0
    mode: int = 0o444


@dataclass(frozen=True, slots=True)
class RequiredVolume:
    """A volume of the stack that must exist before the color is created; *key* as in its files."""

    name: str
    key: str
    external: bool  # the owner's to create
    driver: str = ""
    options: Mapping[str, str] = field(default_factory=dict)  # driver_opts
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Rendered:
    """A Compose project for one color, or for the one-shots of a release."""

    project: str
    side: Side
    tree: Tree
    files: tuple[ReleaseFile, ...]
    volumes: tuple[RequiredVolume, ...]
    shared_networks: Mapping[str, Mapping[str, tuple[str, ...]]]
    # ^ service -> {name of a stack's network that it joins: aliases there}

    @property
    def text(self) -> str:
        """Return the project as the text of its Compose file."""
        return to_json(self.tree)


def to_json(tree: Mapping[str, object]) -> str:
    """Return *tree* as JSON that Compose, which reads it as YAML, understands the same way."""
    written = json.dumps(tree, ensure_ascii=False, indent=1)
    return _UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", written)


@dataclass(frozen=True, slots=True)
class StackSnapshot:
    """What commands need of a stack when its files aren't read: to look, and to go back whatever was edited since."""

    project: str
    directory: str
    proxy: str
    services: tuple[Service, ...]  # all of them, shared ones and one-shots too
    settings: Settings
    checks: tuple[HttpCheck | CommandCheck, ...] = ()
    hooks: tuple[Hook, ...] = ()
    migrations: Migrations | None = None
    strategy: Strategy = "blue-green"

    @property
    def as_stack(self) -> Stack:
        """Return the stack as it was, without its models: nothing can be rendered or built from it."""
        return Stack(
            project=self.project,
            directory=self.directory,
            files=(),
            models={},
            services=self.services,
            proxy=self.proxy,
            settings=self.settings,
            checks=self.checks,
            hooks=self.hooks,
            migrations=self.migrations,
            strategy=self.strategy,
        )


def snapshot(stack: Stack) -> StackSnapshot:
    """Return what of *stack* outlives its files."""
    return StackSnapshot(
        stack.project,
        stack.directory,
        stack.proxy,
        stack.services,
        stack.settings,
        stack.checks,
        stack.hooks,
        stack.migrations,
        stack.strategy,
    )


@dataclass(frozen=True, slots=True)
class Release:
    """What fills a color: pinned images and a rendered configuration, kept until the policy lets it go.

    The renderings themselves (one for each color) lie beside it on disk; they hold secrets, this doesn't.
    """

    number: ReleaseId
    side: Side  # the color that it was made for; it can be rendered into the other one, too
    created: Moment
    images: Mapping[str, str]  # service -> image id, "sha256:…"
    services: tuple[Service, ...]  # as they were: a rollback asks these, never today's files
    fingerprint: str = ""
    shared_networks: Mapping[str, Mapping[str, tuple[str, ...]]] = field(default_factory=dict)
    # ^ service -> {the stack's network on which shared services meet it: aliases there}
    volumes: tuple[RequiredVolume, ...] = ()  # those that it mounts
    stack: StackSnapshot | None = None  # the stack around it
    mounted_images: Mapping[str, str] = field(default_factory=dict)  # image that is mounted as a volume -> its id
    variables: tuple[str, ...] = ()  # that its files named and somebody had set, or that had a default
    network_keys: Mapping[str, tuple[str, ...]] = field(
        default_factory=dict
    )  # service -> keys of its networks in the files
    definitions: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    # ^ service -> {key of its plain definition, or file that it is given: digest}; empty where an older Teal kept it

    @property
    def rotating(self) -> tuple[Service, ...]:
        """Return the services that stand in a color."""
        return tuple(each for each in self.services if each.role.rotates)

    @property
    def before_switch(self) -> tuple[str, ...]:
        """Return the names of what starts before the switch: routes and what they need."""
        return tuple(each.name for each in self.services if each.before_switch)

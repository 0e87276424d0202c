"""Decides: what rendering a release gives: values that the edge writes, copies and creates as they are."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from teal.core.model.side import Side
from teal.core.model.stack import Tree

# YAML readers take these raw or not at all; as \uXXXX both JSON and YAML read them.
_UNSAFE = re.compile("[\x7f-\x9f\u2028\u2029\ufeff]")


@dataclass(frozen=True, slots=True)
class Making:
    """The facts of a release that its rendering needs beside the stack."""

    number: int
    images: Mapping[str, str]  # service -> image id, "sha256:…"
    folder: str  # the release's own, absolute
    engine: tuple[int, int] = (28, 0)  # its version
    mounted: Mapping[str, str] = field(default_factory=dict)  # image that is mounted as a volume -> its id


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
class Required:
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
    volumes: tuple[Required, ...]
    meets: Mapping[str, Mapping[str, tuple[str, ...]]]
    # ^ service -> {name of a stack's network that it joins: aliases there}

    @property
    def text(self) -> str:
        """Return the project as the text of its Compose file."""
        return to_json(self.tree)


def to_json(tree: Mapping[str, object]) -> str:
    """Return *tree* as JSON that Compose, which reads it as YAML, understands the same way."""
    written = json.dumps(tree, ensure_ascii=False, indent=1)
    return _UNSAFE.sub(lambda found: f"\\u{ord(found[0]):04x}", written)

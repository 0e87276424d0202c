"""What an image is that the stack builds itself, as its Dockerfile tells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Copied:
    """A path of the build context ("" for all of it) and where in the image it comes to lie; None: not to be told."""

    source: str
    target: str | None


@dataclass(frozen=True, slots=True)
class Made:
    """What an image is: the last stage of its Dockerfile, or the one asked for, and all that this begins from."""

    image: str = ""  # that it all begins from, as written; empty for scratch, or where a variable hides it
    exposed: tuple[int, ...] = ()
    words: tuple[str, ...] = ()  # of entrypoint and command
    copied: tuple[Copied, ...] = ()  # from the build context
    gathered: tuple[str, ...] = ()  # places in the image that another stage's work is copied to
    environment: Mapping[str, str] = field(default_factory=dict)

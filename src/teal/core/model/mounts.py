"""What is known of each writable mount of what rotates: what was seen on the disk, and what follows from it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal


class Verdict(StrEnum):
    """What a mount that a container may write to is to two releases at once."""

    SAFE = "safe"  # both may write it
    CONFIGURATION = "configuration"  # only read: the release gets a copy, read-only
    SOURCE = "source"  # the program itself, mounted for development
    UNSAFE = "unsafe"  # one writer's: its service is shared, or stops before the next one starts
    ASK = "ask"  # neither files nor disk can tell


@dataclass(frozen=True, slots=True)
class Seen:
    """What a look at a mount's place on this machine showed: names of files, a sample, never what is in them."""

    kind: Literal["", "file", "folder", "socket"] = ""  # empty: nothing is there, or it may not be looked at
    names: tuple[str, ...] = ()  # within the folder, relative, folders with a slash at their end
    databases: tuple[str, ...] = ()  # of these, by their first bytes
    whole: bool = False  # nothing was left out


@dataclass(frozen=True, slots=True)
class Mount:
    """A writable mount of a service that rotates, with its verdict."""

    service: str
    target: str
    source: str  # the volume's key, or the path on this machine; empty for a volume without a name
    kind: Literal["bind", "volume"]
    verdict: Verdict
    reason: str
    declared: bool = False  # teal.yml says that both may write it
    proven: bool = False  # unsafe: the disk or a variable shows it, not a name alone

    @property
    def subject(self) -> str:
        """Return how the mount is called where a person is asked: its service and its target."""
        return f"{self.service}:{self.target}"

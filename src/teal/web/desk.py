"""What the page is given of each stack: how it is opened, how to see that something changed, how `teal` is called."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

from teal.core.model.stack import Stack
from teal.run.context import Ports

Clean = Callable[[str], str]  # masks known secrets, spells out what a terminal would obey


@dataclass(frozen=True, slots=True)
class Opened:
    """A stack that was read, and everything that is asked about it."""

    ports: Ports
    stack: Stack
    notes: Callable[[], tuple[str, ...]] = tuple  # what a person should know of the state directory


Opening = Callable[[], AbstractAsyncContextManager[Opened]]


@dataclass(frozen=True, slots=True)
class Desk:
    """One stack of this machine."""

    name: str
    clean: Clean  # knows the stack's secrets once it was opened
    open: Opening
    stamp: Callable[[], object]  # differs as soon as anything that is kept on disk does
    told: Callable[[], object]  # differs as soon as a run has told something more
    releases: Callable[[], object]  # differs when a release came or went: the stack is to be read anew
    argv: tuple[str, ...]  # `teal` with the options that mean this stack
    cwd: str  # where it is to be called

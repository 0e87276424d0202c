"""What one invocation was asked, and the ways out of it: the stack with its ports, the library's commands."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from teal.cli.discretion import Discretion

if TYPE_CHECKING:
    from teal.cli.library import Library
    from teal.core.stack import Stack
    from teal.run.ports import Ports


@dataclass(frozen=True, slots=True)
class Asked:
    """The options that stand before the command, as Compose has them."""

    files: tuple[str, ...] = ()
    project: str = ""
    directory: str = ""
    env_files: tuple[str, ...] = ()
    profiles: tuple[str, ...] = ()

    def words(self) -> tuple[str, ...]:
        """Return them as Compose's own command line has them."""
        named = (("--project-name", self.project), ("--project-directory", self.directory))
        listed = (("--file", self.files), ("--env-file", self.env_files), ("--profile", self.profiles))
        return (
            *(word for name, value in named if value for word in (name, value)),
            *(word for name, values in listed for value in values for word in (name, value)),
        )


@dataclass(frozen=True, slots=True)
class Times:
    """The durations given as options, as written; empty leaves them to environment and ``teal.yml``."""

    health_timeout: str = ""
    health_interval: str = ""
    drain_timeout: str = ""


class Opened(NamedTuple):
    """A stack and everything that its commands touch."""

    ports: Ports
    stack: Stack
    notes: Callable[[], tuple[str, ...]] = tuple  # what a person should know of the state directory, at the end


class Purpose(Enum):
    """What a stack is opened for."""

    LOOK = "look"  # say what is there: names and roles are enough, and quicker
    RETURN = "return"  # go back: from what is kept, whatever became of the files since
    JUDGE = "judge"  # all that its owner says, and nothing is changed
    CHANGE = "change"  # the same, and the state directory is prepared


Open = Callable[["Session", Purpose], AbstractAsyncContextManager[Opened]]


def _open(session: Session, purpose: Purpose) -> AbstractAsyncContextManager[Opened]:
    from teal.cli.build import opened

    return opened(session.asked, session.times, purpose, session.discreet)


def _library() -> Library:
    from teal.cli.library import the_library

    return the_library()


def _discretion() -> Discretion:
    import os

    return Discretion(os.environ)


def _become(argv: Sequence[str], environment: dict[str, str]) -> None:
    import os

    os.execvpe(argv[0], list(argv), environment)  # noqa: S606 (an argv list, as everywhere)


@dataclass(slots=True)
class Session:
    """One invocation; tests put their own *open*, *library* and *become* in."""

    asked: Asked = field(default_factory=Asked)
    times: Times = field(default_factory=Times)
    json: bool = False
    quiet: bool = False
    opener: Open = _open
    librarian: Callable[[], Library] = _library
    become: Callable[[Sequence[str], dict[str, str]], None] = _become
    discreet: Discretion = field(default_factory=_discretion)

    def open(self, purpose: Purpose) -> AbstractAsyncContextManager[Opened]:
        """Read the stack's files as far as *purpose* asks for it, and build its ports."""
        return self.opener(self, purpose)

    @property
    def library(self) -> Library:
        """Return the library's commands."""
        return self.librarian()

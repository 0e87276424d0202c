"""What one invocation was asked, as values, and what a stack that is opened for it holds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from teal.core.model.stack import Stack
    from teal.run.context import Ports


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

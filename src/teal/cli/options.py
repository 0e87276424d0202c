"""What a stack is opened for, and what it then holds."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from teal.core.model.stack import Stack
    from teal.run.context import Ports


class OpenStack(NamedTuple):
    """A stack and everything that its commands touch."""

    ports: Ports
    stack: Stack
    notes: Callable[[], tuple[str, ...]] = tuple  # what a person should know of the state directory, at the end


class Purpose(Enum):
    """What a stack is opened for."""

    LOOK = "look"  # say what is there: names and roles are enough, and quicker
    RETURN = "return"  # go back: from what is kept, whatever became of the files since
    READ = "read"  # all that its owner says; without an engine as much of it as the files alone tell
    JUDGE = "judge"  # all that its owner says, and nothing is changed
    CHANGE = "change"  # the same, and the state directory is prepared

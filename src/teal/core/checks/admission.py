"""What stands in the way of a deploy, or ought to be known: `check` prints all, `deploy` raises the errors.

- The files alone: what can't be rotated or switched, and what the proxy lacks to be switched.
- What is observed: variables that the last release had, plain copies, host ports that change hands, shared services
  that are unhealthy.
- The machine's room for a second color: ``preflight``, asked once it is known what runs.
"""

from __future__ import annotations

from teal.core.checks.host_ports import changing_hands, left_over
from teal.core.checks.proxy import preparation
from teal.core.checks.stack import lost, problems
from teal.core.checks.volumes import settled
from teal.core.model.observed import Observed
from teal.core.model.problem import Problem
from teal.core.model.stack import Stack
from teal.core.planning.transition import last_release, strays
from teal.core.services.unhealthy import ailing


def by_files(stack: Stack, engine: tuple[int, int], folder: str) -> tuple[Problem, ...]:
    """Return what the files of *stack* show: for an Engine of this version, with the state file in *folder*."""
    return (*problems(stack, engine), *preparation(stack, folder))


def by_sight(observed: Observed, stack: Stack, *, busy: bool = False) -> tuple[Problem, ...]:
    """Return what shows in *observed*; while a command is *busy* there, plain copies may be its doing."""
    copies = () if busy else strays(observed, stack)
    return (
        *lost(stack, last_release(observed)),
        *copies,
        *changing_hands(observed, stack),
        *left_over(observed, stack),
        *settled(observed, stack),
        *ailing(observed, stack),
    )

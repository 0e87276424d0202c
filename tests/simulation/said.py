"""What ``status`` says, held against the world."""

from __future__ import annotations

from collections.abc import Iterator

from teal.core.model.side import COLORS, Side
from teal.run.api import Status
from tests.simulated import World


def untrue(
    status: Status, world: World, side: Side | None, *, moved: bool, stirred: bool, stateless: bool
) -> Iterator[str]:
    """Yield what *status* says and is not so, users being sent to *side*.

    *moved*: they were sent elsewhere since it was asked; *stirred*: something happened to a container since;
    *stateless*: the state file was lost, and no command has restored it.
    """
    active = side if side in COLORS and world.on(side) else None
    if not world.mounted:
        yield from _unseen(status, world)
    elif status.active is not active and not moved:
        yield f"it says that {status.active} is active, and users are sent to {side}"
    yield from _interrupted(status, world, stateless=stateless)
    for color in COLORS:
        said = {name: service.state for name, service in status.colors[color].services.items()}
        real = {world.service(box): box.state for box in world.on(color)}
        if said != real and not stirred:
            yield f"it says of {color} {said}, and it is {real}"


def _interrupted(status: Status, world: World, *, stateless: bool) -> Iterator[str]:
    """Yield where it does not name the command that was interrupted, or names one where none was."""
    left = [run["command"] for run in world.disk.runs if run["ended"] is None]
    if left and not status.lock and not stateless and left[0] not in status.interrupted:
        yield f"{left} were interrupted, and it says {status.interrupted!r}"
    if not left and "was interrupted" in status.interrupted:
        yield f"nothing was interrupted, and it says {status.interrupted!r}"


def _unseen(status: Status, world: World) -> Iterator[str]:
    """Yield where it does not name that the proxy reads another file, and both are there."""
    there = world.disk.state is not None and any(box.ready for box in world.on(Side.PLAIN, ("proxy",)))
    if there and not any("does not see" in each for each in status.problems):
        yield f"the proxy does not see the state file, and it says {status.problems}"

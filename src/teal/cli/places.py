"""Finds where the everyday words of Compose go: the active color (or a named one), its one-shots, the plain stack."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from teal.cli.commands.compose_args import Place
from teal.cli.options import Asked, Opened
from teal.cli.session import Session
from teal.core.model.observed import Container, active_of
from teal.core.model.side import Side, key_of, once_project, project_of
from teal.errors import Refused


@dataclass(frozen=True, slots=True)
class Places:
    """The places of a stack, the one that is meant first."""

    side: Side  # plain where no color is active and none was named
    serves: bool  # users are sent there
    every: tuple[Place, ...]
    proxy: str = ""  # the service that is the proxy

    @property
    def plain(self) -> Place:
        """Return the owner's own files."""
        return self.every[-1]


async def find(session: Session, opened: Opened, color: str | None) -> Places:
    """Return the places for *color*, or for the side that serves where it is None."""
    ports, stack = opened.ports, opened.stack
    containers = await ports.engine.containers(stack.project)
    active = active_of(ports.proxy.read(), containers) or Side.PLAIN
    side = Side(color) if color else active
    plain = _plain(session.asked, opened)
    if side is Side.PLAIN:
        return Places(side, serves=True, every=(plain,), proxy=stack.proxy)
    return Places(side, side is active, (*_of_color(opened, side, containers), plain), stack.proxy)


def _release(containers: tuple[Container, ...], side: Side) -> int:
    numbers = {c.release for c in containers if c.side is side and c.release is not None}
    if not numbers:
        raise Refused(f"nothing stands on {side}", hint="`teal status` shows what stands where")
    return max(numbers)


def _of_color(opened: Opened, side: Side, containers: tuple[Container, ...]) -> tuple[Place, ...]:
    ports, stack, release = opened.ports, opened.stack, _release(containers, side)
    file = Path(ports.releases.rendering(release, side))
    # A lost rendering is Compose's to complain of, where a service of the color is meant; the others need none.
    keys = _keys(file) if file.exists() else tuple(key_of(c.service, side) for c in containers if c.side is side)
    color = Place(
        project_of(stack.project, side), {each.removesuffix(f"-{side}"): each for each in keys}, file=str(file)
    )
    once = Path(ports.releases.once(release))
    if not once.is_file():
        return (color,)
    return color, Place(once_project(stack.project), {each: each for each in _keys(once)}, file=str(once))


def _keys(file: Path) -> tuple[str, ...]:
    try:
        return tuple(json.loads(file.read_bytes())["services"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Refused(
            f"the kept rendering {file} can't be read: {type(error).__name__}", hint="deploy again, then try anew"
        ) from error


def _plain(asked: Asked, opened: Opened) -> Place:
    stack = opened.stack
    return Place(stack.project, {each.name: each.name for each in stack.services}, options=asked.words())

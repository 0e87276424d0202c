"""Decides: where a stack's rotating services can stand, and what that is called in Docker."""

from __future__ import annotations

from enum import StrEnum


class Side(StrEnum):
    """One of the two colors, or plain: the stack as ``docker compose up`` alone runs it."""

    BLUE = "blue"
    GREEN = "green"
    PLAIN = "plain"

    @property
    def is_color(self) -> bool:
        """Tell whether this is one of the two colors."""
        return self is not Side.PLAIN

    @property
    def other(self) -> Side:
        """Return the color whose turn is next; from plain, blue begins."""
        return Side.GREEN if self is Side.BLUE else Side.BLUE


COLORS = (Side.BLUE, Side.GREEN)


def project_of(stack: str, side: Side) -> str:
    """Return the Compose project that holds *side* of *stack*; the shared services live in the plain one."""
    return f"{stack}-{side}" if side.is_color else stack


def key_of(service: str, side: Side) -> str:
    """Return the service's key, which is also its name on shared networks, on *side*."""
    return f"{service}-{side}" if side.is_color else service


def once_project(stack: str) -> str:
    """Return the Compose project in which one-shots run: never a color's."""
    return f"{stack}-once"

"""Decides: how something that stands in the way, or that its owner should know, is said."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with a stack as written, and the way out; an ``error`` refuses a deploy, a ``warning`` doesn't."""

    level: Literal["error", "warning"]
    service: str  # the service that it is about, empty for the whole stack
    message: str
    remedy: str
    place: str = ""  # "compose.yml:12", where it is known

    @property
    def where(self) -> str:
        """Return the place as the beginning of a line; where none is known the service, unless the message names it."""
        subject = self.place or ("" if self.service in self.message else self.service)
        return f"{subject}: " if subject else ""

    @property
    def text(self) -> str:
        """Return the problem in one line."""
        return f"{self.where}{self.message}: {self.remedy}"


def error(service: str, message: str, remedy: str, place: str = "") -> Problem:
    """Return a problem that refuses a deploy; *place* where that is not the line of the service."""
    return Problem("error", service, message, remedy, place)


def warning(service: str, message: str, remedy: str, place: str = "") -> Problem:
    """Return a problem that only wants to be known; *place* where that is not the line of the service."""
    return Problem("warning", service, message, remedy, place)

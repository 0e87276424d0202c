"""Something that stands in the way, or that its owner should know: an error, a warning or a note, with its remedy."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from teal.core.model.proposal import Proposal
from teal.errors import Refused


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with a stack as written, and the way out; an ``error`` alone refuses a deploy."""

    level: Literal["error", "warning", "note"]
    service: str  # what it is about: a service, "memory", "disk", …; empty for the whole stack
    message: str
    remedy: str = ""
    place: str = ""  # "compose.yml:12", where it is known
    proposal: Proposal | None = None  # where a person's answer is the way out

    @property
    def where(self) -> str:
        """Return the place as the beginning of a line; where none is known the service, unless the message names it."""
        subject = self.place or ("" if self.service in self.message else self.service)
        return f"{subject}: " if subject else ""

    @property
    def text(self) -> str:
        """Return the problem in one line."""
        return f"{self.where}{self.message}: {self.remedy}" if self.remedy else f"{self.where}{self.message}"


def error(service: str, message: str, remedy: str, place: str = "", *, ask: Proposal | None = None) -> Problem:
    """Return a problem that refuses a deploy; *place* where that is not the line of the service.

    *ask*: the question whose answer is the way out.
    """
    return Problem("error", service, message, remedy, place, ask)


def warning(service: str, message: str, remedy: str, place: str = "") -> Problem:
    """Return a problem that only wants to be known; *place* where that is not the line of the service."""
    return Problem("warning", service, message, remedy, place)


def note(service: str, message: str, remedy: str = "", place: str = "") -> Problem:
    """Return a problem that is none: what Teal has understood, and whoever knows better can say."""
    return Problem("note", service, message, remedy, place)


def demand(found: Iterable[Problem]) -> tuple[Problem, ...]:
    """Return *found*; raise ``Refused``, which lists every error with its remedy, where there are any."""
    found = tuple(found)
    errors = [problem for problem in found if problem.level == "error"]
    if not errors:
        return found
    others = f" (and {len(errors) - 1} more, above)" if len(errors) > 1 else ""
    detail = "\n".join(problem.text for problem in errors) if len(errors) > 1 else ""
    raise Refused(f"{errors[0].where}{errors[0].message}{others}", hint=errors[0].remedy, detail=detail)

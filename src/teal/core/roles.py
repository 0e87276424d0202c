"""Decides: which role each service of a stack plays."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Role(StrEnum):
    """What a service is to Teal."""

    SHARED = "shared"
    ROUTE = "route"
    WORKER = "worker"
    SINGLETON = "singleton"
    ONE_SHOT = "one-shot"
    TOOL = "tool"

    @property
    def rotates(self) -> bool:
        """Tell whether each color has its own."""
        return self in {Role.ROUTE, Role.WORKER, Role.SINGLETON}


@dataclass(frozen=True, slots=True)
class Assigned:
    """A service's role and why it has it, e.g. "named in compose.blue.yml"."""

    role: Role
    reason: str

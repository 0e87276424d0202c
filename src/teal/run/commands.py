"""Does: Teal's commands as a library; each takes the ports and what is wanted, and returns a value.

Every one of them may raise any error of ``teal.errors``; the mutating ones hold the lock and heal first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class DeployOptions:
    """The choices of one deploy."""

    dry_run: bool = False
    force: bool = False
    force_memory: bool = False
    keep: bool = False  # the old color stays up for an instant rollback
    strategy: Literal["blue-green", "recreate"] = "blue-green"
    build: Literal["build", "pull", "none"] = "build"

"""Does: the choices that commands leave to whoever calls them."""

from __future__ import annotations

from dataclasses import dataclass

from teal.core.choices import Images, Strategy


@dataclass(frozen=True, slots=True)
class DeployOptions:
    """The choices of one deploy."""

    dry_run: bool = False
    force: bool = False
    force_memory: bool = False
    keep: bool = False  # the old color stays up for an instant rollback
    strategy: Strategy = "blue-green"
    build: Images = "build"

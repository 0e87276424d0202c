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
    window: bool = False  # the database changes while users are kept away: `teal migrate window`
    page: bool = False  # users see the maintenance page meanwhile, from the first moment on


@dataclass(frozen=True, slots=True)
class ContractOptions:
    """The choices of one contract."""

    dry_run: bool = False
    soft: bool = False  # columns become tombstones first
    give_up: bool = False  # the way back to older releases is given up
    confirmed: bool = False  # the operator has said yes
    trusted: frozenset[str] = frozenset()  # origins of sessions that the operator vouches for

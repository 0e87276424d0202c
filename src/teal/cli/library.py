"""The library's commands as this room calls them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from teal.core.model.side import Side
from teal.core.model.stack import Stack
from teal.run.api import (
    ByHand,
    Checked,
    Cleaned,
    Contracted,
    ContractOptions,
    DeployOptions,
    Gap,
    HistoryRow,
    MigrateChecked,
    Migrated,
    MigrateStatus,
    Outcome,
    Status,
    Upped,
    UpPlan,
)
from teal.run.context import Ports, Watch


class Library(Protocol):
    """``teal.run.library``, seen from here."""

    async def deploy(self, ports: Ports, stack: Stack, options: DeployOptions, watch: Watch) -> Outcome:
        """Roll *stack* to a new release."""
        ...

    async def rollback(
        self, ports: Ports, stack: Stack, to: int | None, watch: Watch, *, dry_run: bool = False, keep: bool = False
    ) -> Outcome:
        """Bring a kept release back."""
        ...

    async def leave(
        self, ports: Ports, stack: Stack, watch: Watch, *, dry_run: bool = False, agreed: bool = False
    ) -> Outcome:
        """Go back to the plain stack."""
        ...

    async def cleanup(self, ports: Ports, stack: Stack, watch: Watch, *, dry_run: bool) -> Cleaned:
        """Remove what the policy no longer keeps."""
        ...

    async def up(
        self, ports: Ports, stack: Stack, services: Sequence[str], watch: Watch, *, built: bool = False
    ) -> Upped:
        """Start or update shared services."""
        ...

    async def plan_up(self, ports: Ports, stack: Stack, services: Sequence[str]) -> UpPlan:
        """Return what ``up`` will build and restart."""
        ...

    async def build_shared(self, ports: Ports, stack: Stack, services: Sequence[str], watch: Watch) -> None:
        """Build shared services."""
        ...

    async def plan_restart(self, ports: Ports, stack: Stack, *, cut: bool) -> Gap | None:
        """Return what a restart of the proxy means to its users."""
        ...

    async def restart(
        self, ports: Ports, stack: Stack, side: Side, names: Sequence[str], watch: Watch, *, cut: bool
    ) -> ByHand:
        """Restart services of a color."""
        ...

    async def stop(
        self, ports: Ports, stack: Stack, side: Side, names: Sequence[str], watch: Watch, *, cut: bool
    ) -> ByHand:
        """Stop services of a color."""
        ...

    async def down(self, ports: Ports, stack: Stack, watch: Watch) -> ByHand:
        """Remove both colors."""
        ...

    async def migrate_status(self, ports: Ports, stack: Stack, watch: Watch) -> MigrateStatus:
        """Say how the schema stands."""
        ...

    async def migrate_check(self, ports: Ports, stack: Stack, watch: Watch) -> MigrateChecked:
        """Judge the SQL that is pending."""
        ...

    async def migrate_expand(self, ports: Ports, stack: Stack, watch: Watch, *, dry_run: bool = False) -> Migrated:
        """Run the expand phase alone."""
        ...

    async def migrate_backfill(self, ports: Ports, stack: Stack, watch: Watch, *, dry_run: bool = False) -> Migrated:
        """Run the backfills that are due."""
        ...

    async def migrate_contract(
        self, ports: Ports, stack: Stack, name: str, options: ContractOptions, watch: Watch
    ) -> Contracted:
        """Run a contract through its gate."""
        ...

    async def migrate_undo(self, ports: Ports, stack: Stack, name: str, watch: Watch) -> Contracted:
        """Bring back what a soft contract took away."""
        ...

    async def status(self, ports: Ports, stack: Stack) -> Status:
        """Look at the stack."""
        ...

    def history(self, ports: Ports, limit: int) -> tuple[HistoryRow, ...]:
        """Return past runs."""
        ...

    async def check(self, ports: Ports, stack: Stack) -> Checked:
        """Judge configuration and machine."""
        ...


def the_library() -> Library:
    """Return the real one."""
    from teal.run import library

    return library

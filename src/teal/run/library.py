"""Does: Teal's commands as a library; each takes the ports and what is wanted, and returns a value.

Each may raise any error of ``teal.errors``; those that change anything hold the lock and heal first. A command's
module is imported when the command is first named: looking must not wait for all that deploying needs.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from teal.run.api import DeployOptions
    from teal.run.commands.check import check
    from teal.run.commands.cleanup import cleanup
    from teal.run.commands.deploy import deploy, leave, rollback
    from teal.run.commands.migrate import (
        migrate_backfill,
        migrate_check,
        migrate_contract,
        migrate_expand,
        migrate_status,
        migrate_undo,
    )
    from teal.run.commands.services import build_shared, down, plan_restart, plan_up, restart, stop, up
    from teal.run.commands.status import history, status

_MODULES = {
    "DeployOptions": "api",
    "build_shared": "commands.services",
    "check": "commands.check",
    "cleanup": "commands.cleanup",
    "deploy": "commands.deploy",
    "down": "commands.services",
    "history": "commands.status",
    "leave": "commands.deploy",
    "migrate_backfill": "commands.migrate",
    "migrate_check": "commands.migrate",
    "migrate_contract": "commands.migrate",
    "migrate_expand": "commands.migrate",
    "migrate_status": "commands.migrate",
    "migrate_undo": "commands.migrate",
    "plan_restart": "commands.services",
    "plan_up": "commands.services",
    "restart": "commands.services",
    "rollback": "commands.deploy",
    "status": "commands.status",
    "stop": "commands.services",
    "up": "commands.services",
}

__all__ = [
    "DeployOptions",
    "build_shared",
    "check",
    "cleanup",
    "deploy",
    "down",
    "history",
    "leave",
    "migrate_backfill",
    "migrate_check",
    "migrate_contract",
    "migrate_expand",
    "migrate_status",
    "migrate_undo",
    "plan_restart",
    "plan_up",
    "restart",
    "rollback",
    "status",
    "stop",
    "up",
]


def __getattr__(name: str) -> object:
    """Import a command when it is first asked for."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"teal.run.{_MODULES[name]}"), name)

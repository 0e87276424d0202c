"""Does: Teal's commands as a library; each takes the ports and what is wanted, and returns a value.

Each may raise any error of ``teal.errors``; those that change anything hold the lock and heal first.
"""

from __future__ import annotations

from teal.run.checking import check
from teal.run.deploying import deploy, leave, rollback
from teal.run.handling import down, restart, stop
from teal.run.looking import history, status
from teal.run.options import DeployOptions
from teal.run.tidying import cleanup, plan_up, up

__all__ = [
    "DeployOptions",
    "check",
    "cleanup",
    "deploy",
    "down",
    "history",
    "leave",
    "plan_up",
    "restart",
    "rollback",
    "status",
    "stop",
    "up",
]

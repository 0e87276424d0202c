"""``swarm check``: judges whether a stack can run on a Swarm, from its files alone."""

from __future__ import annotations

from collections.abc import Mapping

from teal.core.checks.stack import problems
from teal.core.checks.swarm import swarm_problems
from teal.core.model.stack import Stack
from teal.run.api import CheckResult, Finding
from teal.run.commands.check import role_row


def judge(stack: Stack, files: Mapping[str, int]) -> CheckResult:
    """Return what of *stack* keeps it from a Swarm; *files* are those that it mounts of its project, by size."""
    first = [each for each in problems(stack) if each.level == "error"]  # what no color can have, it can't have there
    found = (*first, *swarm_problems(stack, files))
    findings = tuple(
        Finding(each.level, each.place or each.service, each.message, each.remedy) for each in dict.fromkeys(found)
    )
    ready = all(each.level != "error" for each in findings)
    return CheckResult(stack.project, tuple(map(role_row, stack.services)), findings, ready, engine=True)

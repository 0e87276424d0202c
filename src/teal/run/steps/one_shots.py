"""What must happen once: one-shots, and the owner's hooks."""

from __future__ import annotations

from collections import deque

from teal.core.model.side import once_project, one_shot_name
from teal.core.model.stack import Hook, HookMoment
from teal.core.model.units import ReleaseId
from teal.errors import CheckFailed, Failed
from teal.run.context import RunContext
from teal.run.steps.evidence import TAIL


class _Last:
    """Shows what a command of the owner's says, line by line as it comes, and keeps the last lines."""

    def __init__(self, context: RunContext) -> None:
        self._context = context
        self._lines: deque[str] = deque(maxlen=TAIL)

    def __call__(self, line: str) -> None:
        self._lines.append(line)
        self._context.reporter.tool(line)

    @property
    def text(self) -> str:
        """Return the last lines."""
        return "\n".join(self._lines)


async def run_once(context: RunContext, service: str, release: ReleaseId) -> bool:
    """Run one-shot *service* of *release*, unless the journal knows that it ended well."""
    if context.ports.journal.ran_once(service, release):
        return True
    side = context.release(release).side
    file = context.ports.releases.once(release)
    project = once_project(context.stack.project)
    name = one_shot_name(context.stack.project, service, release)
    context.reporter.tell(side, service, "running")
    last = _Last(context)
    status = await context.ports.compose.run_once(project, file, service, name=name, on_line=last)
    if status != 0:
        raise Failed(
            f"one-shot {service} ended with status {status}",
            detail=last.text,
        )
    return False


async def run_hooks(context: RunContext, when: HookMoment, *, each: bool) -> bool:
    """Run the owner's commands for *when*; raise ``CheckFailed`` where one fails: at once, or after *each* was run."""
    failed: list[CheckFailed] = []
    for hook in context.stack.hooks:
        if hook.when != when:
            continue
        try:
            await _run_hook(context, hook)
        except CheckFailed as error:
            if not each:
                raise
            failed.append(error)
    if failed:
        raise CheckFailed("; ".join(dict.fromkeys(error.message for error in failed)), hint=failed[0].hint)
    return False


async def _run_hook(context: RunContext, hook: Hook) -> None:
    last = _Last(context)
    status = await context.ports.machine.hook(hook.command, context.facts, on_line=last)
    if status != 0:
        message = f"hook {hook.when} `{' '.join(hook.command)}` ended with status {status}"
        raise CheckFailed(message, detail=last.text)

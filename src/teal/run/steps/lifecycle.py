"""Starts and stops a container as Compose does, with the hooks that its service has there."""

from __future__ import annotations

from contextlib import suppress

from teal.core.model.observed import Container
from teal.core.model.stack import ContainerHook, Service
from teal.core.model.units import Seconds
from teal.errors import Failed, Unhealthy
from teal.ports import Ran
from teal.run.context import RunContext


async def begin(context: RunContext, container: Container, service: Service) -> None:
    """Start *container* of *service*, then run its post_start hooks; ``Unhealthy`` where one of them fails.

    Where it ends before them, the gate says why.
    """
    await context.ports.engine.start(container.id)
    for hook in service.post_start:
        with suppress(_NotRunning):
            ran = await _run(context, container, hook)
            if ran.status != 0:
                context.reporter.tell(container.side, service.name, "failed")
                why = f"its post_start hook `{hook.shown}` ended with status {ran.status}"
                raise Unhealthy(f"{container.side}/{service.name}: {why}", detail=ran.output.rstrip())


async def end(context: RunContext, container: Container, service: Service | None, *, grace: Seconds) -> None:
    """Run the pre_stop hooks of *service*, then stop *container*: a hook that fails keeps nobody from stopping it."""
    for hook in service.pre_stop if service and container.running else ():
        with suppress(_NotRunning):
            ran = await _run(context, container, hook)
            if ran.status != 0:
                text = f"the pre_stop hook `{hook.shown}` of {container.side}/{container.service} ended with status"
                context.reporter.note(f"{text} {ran.status}\n{ran.output}".rstrip(), warning=True)
    await context.ports.engine.stop(container.id, grace=grace)


class _NotRunning(Failed):
    """The container has ended before its hook."""


async def _run(context: RunContext, container: Container, hook: ContainerHook) -> Ran:
    limit = context.stack.settings.health_timeout
    try:
        return await context.ports.engine.execute(
            container.id,
            hook.command,
            within=limit,
            user=hook.user,
            privileged=hook.privileged,
            directory=hook.directory,
            environment=hook.environment,
        )
    except Failed as error:
        now = await context.ports.engine.container(container.id)
        if now is not None and now.running:
            return Ran(127, error.message)  # the command itself can't be run
        raise _NotRunning(error.message) from error

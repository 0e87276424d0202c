"""Does: what a restart of the proxy costs its users, told before it is made; how it is kept short."""

from __future__ import annotations

from teal.core.model.observed import Container
from teal.core.model.side import Side
from teal.core.model.stack import Stack
from teal.errors import Refused, TealError
from teal.run.api import Gap
from teal.run.ports import Ports

STOP = 1  # seconds that open requests have to end: however long they take, Caddy lets nobody else in meanwhile


async def gap(ports: Ports, stack: Stack) -> Gap | None:
    """Return what a restart of the running proxy means to its users; None where it doesn't run."""
    proxy = await _running(ports, stack)
    return None if proxy is None else await _gap(ports, proxy)


async def plan_restart(ports: Ports, stack: Stack, *, cut: bool) -> Gap | None:
    """Return the same; raise ``Refused`` where the proxy would not start again, unless *cut* accepts that."""
    proxy = await _running(ports, stack)
    if proxy is None:
        return None
    if not cut:
        await _refuse_broken(ports, proxy)
    return await _gap(ports, proxy)


async def _running(ports: Ports, stack: Stack) -> Container | None:
    every = await ports.engine.containers(stack.project)
    return next((c for c in every if c.side is Side.PLAIN and c.service == stack.proxy and c.running), None)


async def _gap(ports: Ports, proxy: Container) -> Gap:
    """Return the time that its definition gives it to stop, or a short one where Docker's 10 s would hold."""
    return Gap(proxy.service, proxy.grace or STOP, await ports.proxy.open(proxy), own=bool(proxy.grace))


async def _refuse_broken(ports: Ports, proxy: Container) -> None:
    try:
        broken = (await ports.proxy.grasp(proxy)).broken
    except TealError:
        return  # what can't be asked forbids nothing
    if broken:
        raise Refused(
            f"{proxy.service} could not start again: {broken}",
            hint=f"`teal check` says what to do; where its mounts have changed, that is `teal up {proxy.service}`; "
            "`--yes` restarts it all the same",
        )

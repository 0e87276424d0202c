"""Does: holds what the running proxy has in hand against the files of now, and says where they differ."""

from __future__ import annotations

from collections.abc import Iterator

from teal.core.checks.proxy import is_refused
from teal.core.model.observed import Observed
from teal.core.model.problem import Problem, error, warning
from teal.core.model.side import Side
from teal.core.model.stack import Stack
from teal.errors import TealError
from teal.ports import Grasp
from teal.run.ports import Ports


async def grasped(ports: Ports, stack: Stack, observed: Observed, *, changed: str = "") -> tuple[Problem, ...]:
    """Return where the running proxy differs from its files, and what that means; nothing where none runs."""
    proxy = next((c for c in observed.on(Side.PLAIN) if c.service == stack.proxy and c.running), None)
    if proxy is None:
        return ()
    try:
        return tuple(drift(stack, await ports.proxy.grasp(proxy), ports.proxy.reload, changed=changed))
    except TealError as failed:
        return (warning(stack.proxy, failed.message, failed.hint),)


def way(stack: Stack, grasp: Grasp, reload: str, *, changed: str) -> str:
    """Return the one command by which the running proxy takes up its files of now.

    *changed* names what differs from its container, definition or image: only a new container has the new mounts.
    """
    first = "mend the Caddyfile, then " if is_refused(stack) else ""
    if stack.evidence.broken:
        first = f"mend the Caddyfile ({stack.evidence.broken}), then "
    if changed:
        return f"{first}`teal up {stack.proxy}`"
    replaced = grasp.blind or grasp.older
    return first + (f"`teal restart {stack.proxy}`" if replaced else f"`teal exec {stack.proxy} {reload}`")


def drift(stack: Stack, grasp: Grasp, reload: str, *, changed: str) -> Iterator[Problem]:
    """Yield where the running proxy differs from its files of now."""
    proxy, again = stack.proxy, way(stack, grasp, reload, changed=changed)
    if grasp.blind:
        message = "the proxy does not see Teal's state file: its directory was removed and made anew, requests are held"
        yield error(proxy, message, f"{again} mounts it again")
    for name in grasp.gone:
        message = f"{name} is gone: the proxy runs on, and could not start again"
        yield warning(proxy, message, "put it back (`teal snippet > teal.caddy` writes Teal's own)")
    if changed:
        yield _redefined(stack, grasp, again, changed)
        return
    for name in grasp.older:
        message = f"{name} was replaced, and the proxy goes on seeing the one before"
        yield warning(proxy, message, f"{again} mounts the new one, with a gap of a second or two")
    if grasp.broken:
        message = f"the proxy could not start with its Caddyfile of now: {grasp.broken}"
        yield warning(proxy, message, "mend it before anything restarts the proxy")
    if grasp.stale:
        message = "the proxy does not run its Caddyfile of now"
        yield warning(proxy, message, f"{again}, while nothing is deployed")


def _redefined(stack: Stack, grasp: Grasp, again: str, changed: str) -> Problem:
    """Return what a definition means that the container has not: a bare restart keeps the old mounts."""
    message = f"its {changed} has changed since it was started"
    if stack.evidence.broken:
        return warning(stack.proxy, f"{message}, and Caddy does not accept its Caddyfile of now", again)
    if grasp.broken:
        message += f"; a mere restart would keep the old one, and fail ({grasp.broken})"
    return warning(stack.proxy, message, f"{again} applies it, with a restart")

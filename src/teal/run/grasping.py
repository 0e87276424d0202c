"""Does: holds what the running proxy has in hand against the files of now, and says where they differ."""

from __future__ import annotations

from collections.abc import Iterator

from teal.core.observed import Observed
from teal.core.problem import Problem, error, warning
from teal.core.side import Side
from teal.core.stack import Stack
from teal.errors import TealError
from teal.ports import Grasp
from teal.run.ports import Ports


async def grasped(ports: Ports, stack: Stack, observed: Observed) -> tuple[Problem, ...]:
    """Return where the running proxy differs from its files, and what that means; nothing where none runs."""
    proxy = next((c for c in observed.on(Side.PLAIN) if c.service == stack.proxy and c.running), None)
    if proxy is None:
        return ()
    try:
        return tuple(_said(stack.proxy, await ports.proxy.grasp(proxy)))
    except TealError as failed:
        return (warning(stack.proxy, failed.message, failed.hint),)


def _said(proxy: str, grasp: Grasp) -> Iterator[Problem]:
    again = f"`teal restart {proxy}`"
    if grasp.blind:
        message = "the proxy does not see Teal's state file: its directory was removed and made anew, requests are held"
        yield error(proxy, message, f"{again} mounts it again")
    for name in grasp.gone:
        message = f"{name} is gone: the proxy runs on, and could not start again"
        yield warning(proxy, message, "put it back (`teal snippet > teal.caddy` writes Teal's own)")
    for name in grasp.older:
        message = f"{name} was replaced, and the proxy goes on seeing the one before"
        yield warning(proxy, message, f"{again} mounts the new one, with a gap of about a second")
    if grasp.broken:
        message = f"the proxy could not start with its Caddyfile of now: {grasp.broken}"
        yield warning(proxy, message, "mend it before anything restarts the proxy")
    if grasp.stale:
        remedy = f"`teal exec {proxy} caddy reload --config /etc/caddy/Caddyfile`, while nothing is deployed"
        yield warning(proxy, "the proxy does not run its Caddyfile of now", remedy)

"""Decides: whether a stack's files are prepared for the switch, and which lines prepare them."""

from __future__ import annotations

from collections.abc import Iterator

from teal.core.model.compose import mapping, sequence, services_in, text, unescaped
from teal.core.model.problem import Problem, error
from teal.core.model.side import Side
from teal.core.model.stack import Stack
from teal.core.model.traffic import MOUNT


def preparation(stack: Stack, folder: str) -> Iterator[Problem]:
    """Say what the proxy lacks to read the state file in *folder* on this host, each with the line to add."""
    if not stack.proxy:
        return
    if not stack.evidence.routes:
        yield error(
            stack.proxy,
            "the Caddyfile does not import Teal's snippet",
            "`teal snippet > teal.caddy` beside it, `import teal.caddy` at its top, and in place of each "
            "`reverse_proxy NAME:PORT {…}` write `import teal NAME PORT {…}`",
        )
    mounted = _mounted(stack)
    if not mounted:
        line = f"- ${{TEAL_HOME:-/var/lib/teal}}/${{COMPOSE_PROJECT_NAME:-{stack.project}}}/proxy:{MOUNT}:ro"
        message = f"{stack.proxy} does not mount Teal's state directory at {MOUNT}"
        yield error(stack.proxy, message, f"add to its volumes: `{line}`")
    elif mounted.rstrip("/") != folder.rstrip("/"):
        message = f"{stack.proxy} mounts {mounted} at {MOUNT}, and Teal's state is in {folder}"
        yield error(stack.proxy, message, "give both the same TEAL_HOME, e.g. in `.env`")


def _mounted(stack: Stack) -> str:
    """Return the host directory that the proxy mounts for the state file, "" for none."""
    proxy = services_in(stack.models[Side.PLAIN]).get(stack.proxy, {})
    for volume in map(mapping, sequence(proxy.get("volumes"))):
        if text(volume.get("target")).rstrip("/") == MOUNT:
            return unescaped(volume.get("source"))
    return ""

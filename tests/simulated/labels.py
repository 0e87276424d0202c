"""Labels of containers and networks, read by the simulated world itself.

Written again, apart from the real engine's decoding, so that a fault there is not in both worlds at once: the contract
suite would not see it.
"""

from __future__ import annotations

from collections.abc import Mapping

from teal.core.model.side import Side
from teal.errors import Failed

PROJECT = "com.docker.compose.project"
SERVICE = "com.docker.compose.service"
NETWORK = "com.docker.compose.network"
CONFIG_HASH = "com.docker.compose.config-hash"
ONE_OFF = "com.docker.compose.oneoff"
_PLAIN_NAME = "teal.service"


def side_in(stack: str, labels: Mapping[str, str]) -> Side | None:
    """Return the side of *stack* that these labels name; None for another project, and for `docker compose run`."""
    sides = {stack: Side.PLAIN, f"{stack}-blue": Side.BLUE, f"{stack}-green": Side.GREEN, f"{stack}-teal": Side.PLAIN}
    return sides.get(labels.get(PROJECT, "")) if labels.get(ONE_OFF, "False") == "False" else None


def plain_name(side: Side, labels: Mapping[str, str]) -> str:
    """Return the service as the owner's files call it: ``rag`` for ``rag-blue`` on blue."""
    given = labels.get(SERVICE, "")
    return labels.get(_PLAIN_NAME) or (given.removesuffix(f"-{side.value}") if side is not Side.PLAIN else given)


def refused(message: str) -> Failed:
    """Return the error for what the engine refuses, in its own words."""
    return Failed(message, hint="this is the engine's own message; its log: journalctl -u docker")

"""What the owner of a stack says of a Swarm: nothing of it is needed on one machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class SwarmWish:
    """How the stack is to run on a Swarm."""

    registry: str = ""  # HOST[:PORT][/PATH] to which what is built is pushed
    replicas: Mapping[str, int] = field(default_factory=dict)  # rotating service -> how many in a color

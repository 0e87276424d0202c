"""Does: the edges of Teal in one bundle, handed to every command."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from teal.core.planning.events import Event
from teal.ports import Clock, Compose, Databases, Engine, Journal, Lock, Machine, Proxy, Releases

Watch = Callable[[Event], None]  # is told what happens; must not raise or block


@dataclass(frozen=True, slots=True)
class Ports:
    """Everything outside of Teal that a command touches."""

    engine: Engine
    compose: Compose
    proxy: Proxy
    releases: Releases
    journal: Journal
    lock: Lock
    clock: Clock
    machine: Machine
    databases: Databases

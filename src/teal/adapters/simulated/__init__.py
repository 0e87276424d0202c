"""Translates: a whole world in memory behind the same ports: engine, Compose, proxy, disk, users, and virtual time.

Nothing here sleeps or touches the machine. It is for tests: of Teal, and of whatever is built on its library.
"""

from teal.adapters.simulated import life
from teal.adapters.simulated.behaviour import Behaviour
from teal.adapters.simulated.clock import SimulatedClock
from teal.adapters.simulated.compose import SimulatedCompose
from teal.adapters.simulated.database import SimulatedDatabases
from teal.adapters.simulated.engine import SimulatedEngine
from teal.adapters.simulated.journal import MemoryJournal
from teal.adapters.simulated.lock import MemoryLock
from teal.adapters.simulated.loop import Stuck, VirtualLoop
from teal.adapters.simulated.machine import SimulatedMachine
from teal.adapters.simulated.process import Killed, Process, Trouble
from teal.adapters.simulated.proxy import SimulatedProxy
from teal.adapters.simulated.releases import MemoryReleases
from teal.adapters.simulated.users import Request, Users
from teal.adapters.simulated.world import Box, Happening, Picture, World

__all__ = [
    "Behaviour",
    "Box",
    "Happening",
    "Killed",
    "MemoryJournal",
    "MemoryLock",
    "MemoryReleases",
    "Picture",
    "Process",
    "Request",
    "SimulatedClock",
    "SimulatedCompose",
    "SimulatedDatabases",
    "SimulatedEngine",
    "SimulatedMachine",
    "SimulatedProxy",
    "Stuck",
    "Trouble",
    "Users",
    "VirtualLoop",
    "World",
    "life",
]

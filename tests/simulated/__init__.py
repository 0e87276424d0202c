"""A whole world in memory behind the same ports: engine, Compose, proxy, disk, users, and virtual time.

Nothing here sleeps or touches the machine. It is for tests: of Teal, and of whatever is built on its library.
"""

from tests.simulated import life
from tests.simulated.behaviour import Behaviour
from tests.simulated.compose import SimulatedCompose
from tests.simulated.database import SimulatedDatabases
from tests.simulated.engine import SimulatedEngine
from tests.simulated.host import SimulatedClock, SimulatedMachine
from tests.simulated.loop import Stuck, VirtualLoop, virtual_loop
from tests.simulated.process import Killed, Process, Trouble
from tests.simulated.proxy import SimulatedProxy
from tests.simulated.stores import MemoryJournal, MemoryLock, MemoryReleases, MemoryReports, MemoryRunLogs
from tests.simulated.users import Request, Users
from tests.simulated.world import Box, Happening, Picture, World

__all__ = [
    "Behaviour",
    "Box",
    "Happening",
    "Killed",
    "MemoryJournal",
    "MemoryLock",
    "MemoryReleases",
    "MemoryReports",
    "MemoryRunLogs",
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
    "virtual_loop",
]

"""The edges of Teal as protocols: what run/ asks of the world, what adapters/ answer, what a fake must do.

Every method may raise ``Unavailable`` where the world does not answer. Times are seconds; stamps are seconds
since the epoch; names are the real Docker names.
"""

from teal.core.model.observed import Holder
from teal.ports.compose import Compose, Due, ModelReader, Question, Resolved
from teal.ports.database import Database, Databases
from teal.ports.engine import Engine, EngineInfo, HealthRun, ImageInfo, Network, Ran
from teal.ports.machine import Clock, LineSink, Machine
from teal.ports.proxy import Answer, Endpoint, Heard, Loaded, Prober, Proxy, ProxyDrift, Target
from teal.ports.stores import Journal, Lock, Releases, Reports, RunLogs, RunRecord

__all__ = [
    "Answer",
    "Clock",
    "Compose",
    "Database",
    "Databases",
    "Due",
    "Endpoint",
    "Engine",
    "EngineInfo",
    "HealthRun",
    "Heard",
    "Holder",
    "ImageInfo",
    "Journal",
    "LineSink",
    "Loaded",
    "Lock",
    "Machine",
    "ModelReader",
    "Network",
    "Prober",
    "Proxy",
    "ProxyDrift",
    "Question",
    "Ran",
    "Releases",
    "Reports",
    "Resolved",
    "RunLogs",
    "RunRecord",
    "Target",
]

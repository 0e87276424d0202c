"""An open-loop load generator with counting: see `Load`."""

from proof.load.control import Load, LoadFailed, Progress
from proof.load.count import Limits, Switch, latencies, summarize
from proof.load.mix import Mix
from proof.load.report import Report
from proof.load.sample import Action, Fault, Sample

__all__ = [
    "Action",
    "Fault",
    "Limits",
    "Load",
    "LoadFailed",
    "Mix",
    "Progress",
    "Report",
    "Sample",
    "Switch",
    "latencies",
    "summarize",
]

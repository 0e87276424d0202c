"""A command of Teal, run while clocks, its events and the state file are watched."""

import json
import os
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from proof.bench.renames import Renames
from proof.managed import TEAL, Managed, ProofFailed

Event = dict[str, Any]


@dataclass(slots=True)
class Driven:
    """One run, from the start of its process; times are ``time.time()``, durations seconds."""

    began: float
    ended: float = 0.0
    switched: float | None = None
    answered: float | None = None  # a user's first answer from the new side, where it was asked for
    events: list[Event] = field(default_factory=list)
    cpu: float = 0.0  # of the process and the commands that it ran
    gate_cpu: float = 0.0  # of the process alone, while services started
    gate: tuple[float, float] = (0.0, 0.0)  # when that was

    @property
    def live(self) -> float:
        """Return the seconds until users were sent to the new side."""
        assert self.switched is not None
        return self.switched - self.began

    @property
    def done(self) -> float:
        """Return the seconds until the process had ended."""
        return self.ended - self.began

    @property
    def outcome(self) -> Event:
        """Return the last line."""
        return self.events[-1]

    @property
    def stops(self) -> dict[str, float]:
        """Return how long each service took to stop."""
        begun: dict[str, float] = {}
        took: dict[str, float] = {}
        for event in self.events:
            if event.get("event") == "service" and event["state"] == "stopping":
                begun[event["service"]] = event["elapsed"]
            elif event.get("event") == "service" and event["state"] == "stopped" and event["service"] in begun:
                took[event["service"]] = event["elapsed"] - begun[event["service"]]
        return took


def drive(stack: Managed, *arguments: str, ask: bool = False) -> Driven:
    """Run ``teal --json`` with *arguments*; *ask* for an answer as soon as users are sent elsewhere."""
    with Renames(stack, ask=ask) as renames:
        run = Driven(time.time())
        argv = [TEAL, "--json", *arguments]
        child = subprocess.Popen(argv, cwd=stack.folder, env=stack.environment, stdout=subprocess.PIPE, text=True)
        _follow(child, run)
        _, status, used = os.wait4(child.pid, 0)
        run.ended = time.time()
        child.returncode = os.waitstatus_to_exitcode(status)
        run.cpu = used.ru_utime + used.ru_stime
    if child.returncode != 0:
        raise ProofFailed(f"{' '.join(argv)} ended with status {child.returncode}: {run.events[-1:]}")
    if renames.seen:
        run.switched, run.answered = renames.seen[0].at, renames.seen[0].answered
    return run


def _follow(child: "subprocess.Popen[str]", run: Driven) -> None:
    """Read the events as they come, and the process's own CPU time where the first services start and have started."""
    assert child.stdout is not None
    before = 0.0
    for line in child.stdout:
        event = json.loads(line)
        run.events.append(event)
        if event.get("step") != "start" or run.gate[1]:
            continue
        if event["event"] == "step-began":
            before, run.gate = cpu(child.pid), (time.time(), 0.0)
        else:
            run.gate_cpu, run.gate = cpu(child.pid) - before, (run.gate[0], time.time())


def cpu(pid: int) -> float:
    """Return the seconds of CPU that a process has used in all its threads, its children left out."""
    tasks = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(task.read_text().split()[0]) for task in tasks) / 1e9

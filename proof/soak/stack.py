"""The small stack that is deployed over and over, and the commands that one round of its life is made of."""

import os
import resource
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from proof.load import Mix, Switch
from proof.managed import ROOT, Managed, ProofFailed, free_port
from proof.soak.library import Library

Kind = Literal["deploy", "rollback", "library", "failure"]
CYCLE: tuple[Kind, ...] = (
    "deploy", "rollback", "library", "deploy", "failure", "deploy",
    "rollback", "deploy", "rollback", "library", "deploy", "deploy",
)  # fmt: skip
MIX = Mix(
    get=500, post=380, chain=100, slow=20, upload=0, events=0, ws=0, participants=2, plain_only=True, slow_seconds=0.3
)


@dataclass(frozen=True, slots=True)
class Round:
    """One command: its kind, the seconds from its start to its end, those of each kind of step, and of CPU.

    The CPU is that of the command and of what it ran; it tells a slow machine from a command that has more to do.
    """

    number: int
    kind: Kind
    seconds: float
    phases: dict[str, float] = field(default_factory=dict)
    cpu: float = 0.0


@contextmanager
def soak_stack() -> Iterator[Managed]:
    """Yield a copy of the small stack, its first release on blue; remove it at the end."""
    work = Path(tempfile.mkdtemp(prefix="teal-proof-"))
    folder = work / "soak"
    shutil.copytree(ROOT / "tests" / "stacks" / "soak", folder, ignore=shutil.ignore_patterns("__pycache__", ".env"))
    project = f"teal-test-{os.getpid()}-soak"
    stack = Managed(folder, project, f"http://127.0.0.1:{free_port()}", "https://localhost:0", str(work / "home"))
    stack.write_env()
    (folder / "teal.caddy").write_text(stack.teal("snippet").stdout)
    try:
        stack.teal("deploy")
        yield stack
    finally:
        stack.remove()
        shutil.rmtree(work, ignore_errors=True)


def kind_of(number: int) -> Kind:
    """Return what round *number* is for, the first being 1."""
    return CYCLE[(number - 1) % len(CYCLE)]


def perform(stack: Managed, library: Library, number: int) -> Round:
    """Do what round *number* is for; a failure is one that the stack itself makes, and must cost nothing."""
    kind = kind_of(number)
    began, used = time.monotonic(), _cpu()
    phases: dict[str, float] = {}
    match kind:
        case "deploy":
            stack.write_env(ROUND=str(number))  # a new image
            phases = stack.result("deploy")["phases"]
        case "rollback":
            phases = stack.result("rollback")["phases"]
        case "library":
            library.deploy()
        case "failure":
            _fail(stack, number)
    return Round(number, kind, time.monotonic() - began, phases, _cpu() - used)


def _cpu() -> float:
    """Return the seconds of CPU of all children that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _fail(stack: Managed, number: int) -> None:
    """Deploy a release whose route exits at once."""
    stack.write_env(ROUND=str(number), BREAK="yes")
    done = stack.teal("deploy", check=False)
    stack.write_env(ROUND=str(number))
    if done.returncode != 1 or "web exited with status 1" not in done.stderr:
        raise ProofFailed(f"a release that breaks ended with status {done.returncode}\n{done.stdout}\n{done.stderr}")


def last_switch(stack: Managed) -> Switch:
    """Return the last switch that the journal knows, by its own time."""
    query = (
        "SELECT step.ended, json_extract(payload, '$.release'), json_extract(payload, '$.to') FROM step "
        "WHERE name = 'switch' AND ended IS NOT NULL ORDER BY id DESC LIMIT 1"
    )
    journal = Path(stack.home) / stack.project / "journal.db"
    with closing(sqlite3.connect(f"{journal.as_uri()}?mode=ro", uri=True, timeout=5)) as connection:
        ended, release, color = connection.execute(query).fetchone()
    return Switch(float(ended), str(release), str(color))

"""The small stack that is deployed over and over, and the commands that one round of its life is made of."""

import os
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from proof.bench.drive import drive
from proof.load import Mix, Switch
from proof.managed import ROOT, Managed, ProofFailed, free_port
from proof.soak.library import Library

Kind = Literal["deploy", "rollback", "library", "failure"]
CYCLE: tuple[Kind, ...] = ("deploy", "rollback", "library", "deploy", "failure", "deploy")
MIX = Mix(
    get=500, post=380, chain=100, slow=20, upload=0, events=0, ws=0, participants=2, plain_only=True, slow_seconds=0.3
)


@dataclass(frozen=True, slots=True)
class Round:
    """One command: its kind, the seconds from its start to its end, and those of each kind of step."""

    number: int
    kind: Kind
    seconds: float
    phases: dict[str, float] = field(default_factory=dict)


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


def perform(stack: Managed, library: Library, number: int) -> Round:
    """Do what round *number* is for; a failure is one that the stack itself makes, and must cost nothing."""
    kind = CYCLE[(number - 1) % len(CYCLE)]
    began = time.monotonic()
    phases: dict[str, float] = {}
    match kind:
        case "deploy":
            stack.write_env(ROUND=str(number))  # a new image
            phases = drive(stack, "deploy").outcome["phases"]
        case "rollback":
            phases = drive(stack, "rollback").outcome["phases"]
        case "library":
            library.deploy()
        case "failure":
            _fail(stack, number)
    return Round(number, kind, time.monotonic() - began, phases)


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

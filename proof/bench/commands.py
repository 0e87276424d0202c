"""How long a person waits for the commands that are typed most."""

import subprocess
import sys
import time
from collections.abc import Iterator, Sequence

from proof.bench.row import Row, ratio
from proof.managed import TEAL, Managed


def commands(stack: Managed, times: int) -> Iterator[Row]:
    """Compare ``status`` with ``docker compose ps``, and ``--help`` with an interpreter that does nothing."""
    mine, theirs = _pairs(stack, [TEAL, "status"], ["docker", "compose", "ps"], times * 2)
    yield ratio("teal status", mine, theirs, what="docker compose ps", limit=3)
    mine, theirs = _pairs(stack, [TEAL, "--help"], [sys.executable, "-I", "-c", "pass"], times * 4)
    yield ratio("teal --help", mine, theirs, what="python3 -I -c pass", limit=10)


def _pairs(stack: Managed, one: Sequence[str], other: Sequence[str], times: int) -> tuple[list[float], list[float]]:
    """Return the seconds of both commands, run in turn; the first runs, which fill caches, don't count."""
    took = [(_took(stack, one), _took(stack, other)) for _ in range(times + 1)][1:]
    return [pair[0] for pair in took], [pair[1] for pair in took]


def _took(stack: Managed, argv: Sequence[str]) -> float:
    began = time.perf_counter()
    subprocess.run(argv, cwd=stack.folder, env=stack.environment, capture_output=True, check=True)
    return time.perf_counter() - began

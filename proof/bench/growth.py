"""How the time of a deploy grows with the number of rotating services."""

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from proof.bench.bare import slot
from proof.bench.drive import drive
from proof.bench.row import Row, median
from proof.managed import ROOT, Managed, free_port

SIZES = (5, 10, 20)
MINI = ROOT / "tests" / "stacks" / "mini"


def growth(times: int) -> Iterator[Row]:
    """Deploy stacks of 5, 10 and 20 small services that boot at once, beside a bare ``up --wait`` of the same."""
    found = {size: _measured(size, max(1, (times + 1) // 2)) for size in SIZES}
    for size, (live, done, bare) in found.items():
        name = f"live, {size} rotating services (done {done:.1f} s)"
        yield Row(name, f"{live:.2f} s", f"bare up --wait {bare:.2f} s", f"{live - bare:+.2f} s")
    least, most = found[SIZES[0]], found[SIZES[-1]]
    more = SIZES[-1] - SIZES[0]
    each, other = ((most[n] - least[n]) / more * 1000 for n in (0, 2))
    yield Row("  each service more", f"{each:.0f} ms", f"bare {other:.0f} ms", f"{each - other:+.0f} ms")


def _measured(size: int, times: int) -> tuple[float, float, float]:
    """Return live, done and the bare ``up``, medians of *times*."""
    with _stack(size) as stack:
        stack.teal("deploy")
        bare, runs = [], []
        for _ in range(times):
            bare.append(slot(stack).up())
            runs.append(drive(stack, "deploy", "--no-build", "--force"))
    return median([run.live for run in runs]), median([run.done for run in runs]), median(bare)


@contextmanager
def _stack(size: int) -> Iterator[Managed]:
    """Yield a stack of a route and the workers that it needs, *size* in all; remove it at the end."""
    work = Path(tempfile.mkdtemp(prefix="teal-proof-"))
    folder = work / "grown"
    shutil.copytree(MINI, folder, ignore=shutil.ignore_patterns("compose.yml", "__pycache__"))
    (folder / "compose.yml").write_text(json.dumps(_model(size)))
    project = f"teal-test-{os.getpid()}-grown-{size}"
    stack = Managed(folder, project, f"http://127.0.0.1:{free_port()}", "https://localhost:0", str(work / "home"))
    stack.write_env()
    (folder / "teal.caddy").write_text(stack.teal("snippet").stdout)
    try:
        yield stack
    finally:
        stack.remove()
        shutil.rmtree(work, ignore_errors=True)


def _model(size: int) -> dict[str, Any]:
    needed = [f"part-{n}" for n in range(1, size)]
    services = {name: _service() for name in needed}
    services["web"] = {**_service(), "depends_on": needed}
    services["proxy"] = {
        "image": "caddy:2.11",
        "ports": ["127.0.0.1:${HTTP_PORT}:80"],
        "volumes": [
            "./Caddyfile:/etc/caddy/Caddyfile:ro",
            "./teal.caddy:/etc/caddy/teal.caddy:ro",
            "${TEAL_HOME}/${COMPOSE_PROJECT_NAME}/proxy:/etc/teal:ro",
        ],
    }
    return {"services": services}


def _service() -> dict[str, Any]:
    ask = "import urllib.request as u; u.urlopen('http://127.0.0.1:3000/')"
    return {
        "image": "python:3.13-slim",
        "command": ["python", "-u", "app.py"],
        "working_dir": "/app",
        "volumes": ["./app.py:/app/app.py:ro"],
        "environment": {"GREETING": "hello", "BOOT_SECONDS": "0"},
        "stop_grace_period": "3s",
        "healthcheck": {"test": ["CMD", "python", "-c", ask], "interval": "5s", "start_period": "30s"},
    }

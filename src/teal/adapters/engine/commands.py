"""Translates: a container's log, and commands that run inside it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from teal.adapters.engine import cgroups
from teal.adapters.engine.api import decoded
from teal.adapters.engine.decode import InspectedExec, Made
from teal.adapters.engine.speaker import Speaker
from teal.adapters.engine.streams import Frames, Raw, text, unframed
from teal.adapters.engine.trouble import EngineSaid
from teal.adapters.http import Answer
from teal.ports import Ran

TIMED_OUT = 124  # as timeout(1) says it
MOST = 1 << 20  # bytes of output that are kept: the last ones


class Commands(Speaker):
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

    async def execute(
        self,
        id: str,
        command: Sequence[str],
        *,
        within: float,
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
        made = decoded(await self._api.post(path, body), Made, path)
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


async def _collect(answer: Answer, reader: Frames | Raw, output: bytearray) -> None:
    async for raw in answer.pieces():
        output += reader.feed(raw)
        del output[:-MOST]

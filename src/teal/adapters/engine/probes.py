"""Translates: whether a service answers at its container's own address, from this machine."""

from __future__ import annotations

import asyncio

from teal.adapters.engine.speaker import Speaker
from teal.core.stack import HttpProbe, TcpProbe

WITHIN = 1.0  # seconds


class Probes(Speaker):
    """Questions to a container over its network, past the proxy."""

    async def listening(self, address: str, probe: HttpProbe | TcpProbe) -> bool:
        """Tell whether *probe* passes at *address* within a second."""
        try:
            async with asyncio.timeout(WITHIN):
                if isinstance(probe, TcpProbe):
                    return await _accepts(address, probe.port)
                return 200 <= await _status(address, probe) < probe.below
        except (OSError, TimeoutError, EOFError, ValueError, asyncio.LimitOverrunError):
            return False


async def _accepts(address: str, port: int) -> bool:
    _, writer = await asyncio.open_connection(address, port)
    writer.close()
    return True


async def _status(address: str, probe: HttpProbe) -> int:
    """Return the status of a GET; asked as ``localhost``, like a healthcheck, for hosts that check the name."""
    reader, writer = await asyncio.open_connection(address, probe.port)
    try:
        writer.write(
            f"GET {probe.path} HTTP/1.1\r\nHost: localhost:{probe.port}\r\n"
            "User-Agent: teal\r\nAccept: */*\r\nConnection: close\r\n\r\n".encode()
        )
        line = await reader.readuntil(b"\n")
    finally:
        writer.close()
    protocol, status, *_ = line.decode("ascii").split()
    if not protocol.startswith("HTTP/"):
        raise ValueError(protocol)
    return int(status)

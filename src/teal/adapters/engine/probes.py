"""Whether a service answers at its container's own address, from this machine."""

from __future__ import annotations

import asyncio
import os
import re
from contextlib import suppress

from teal.adapters.engine.api import EngineResource
from teal.core.model.log_text import first_words
from teal.core.model.stack import HttpProbe, TcpProbe
from teal.core.services.health import Probed

WITHIN = 1.0  # seconds
READ = 1 << 14  # bytes of an answer that are looked through for what it says
_CHUNK = re.compile(r"[0-9A-Fa-f]+(;.*)?")  # the size of a piece of the body, between the pieces


class Probes(EngineResource):
    """Questions to a container over its network, past the proxy."""

    async def probe(self, address: str, probe: HttpProbe | TcpProbe) -> Probed:
        """Return what *probe* comes to at *address* within a second."""
        try:
            async with asyncio.timeout(WITHIN):
                if isinstance(probe, TcpProbe):
                    return await _accepts(address, probe.port)
                return await _answers(address, probe)
        except TimeoutError:
            return Probed(passed=False, said=f"no answer within {WITHIN:.0f} s")
        except OSError as error:
            return Probed(passed=False, said=os.strerror(error.errno).lower() if error.errno else "no connection")
        except (EOFError, ValueError, asyncio.LimitOverrunError):
            return Probed(passed=False, said="the answer is not HTTP")


async def _accepts(address: str, port: int) -> Probed:
    _, writer = await asyncio.open_connection(address, port)
    writer.close()
    return Probed(passed=True)


async def _answers(address: str, probe: HttpProbe) -> Probed:
    """Return what a GET comes to; asked as ``localhost``, like a healthcheck, for hosts that check the name."""
    reader, writer = await asyncio.open_connection(address, probe.port)
    try:
        writer.write(
            f"GET {probe.path} HTTP/1.1\r\nHost: localhost:{probe.port}\r\n"
            "User-Agent: teal\r\nAccept: */*\r\nConnection: close\r\n\r\n".encode()
        )
        protocol, status, *_ = (await reader.readuntil(b"\n")).decode("ascii").split()
        if not protocol.startswith("HTTP/"):
            raise ValueError(protocol)
        if 200 <= int(status) < probe.below:
            return Probed(passed=True, status=int(status))
        return Probed(passed=False, status=int(status), said=await _said(reader))
    finally:
        writer.close()


async def _said(reader: asyncio.StreamReader) -> str:
    """Return the first words of the answer's body, as far as they come at once."""
    whole = b""
    with suppress(TimeoutError, OSError):
        async with asyncio.timeout(WITHIN / 4):
            while len(whole) < READ and (piece := await reader.read(READ)):
                whole += piece
    head, _, body = whole.partition(b"\r\n\r\n")
    text = body.decode(errors="replace")
    if b"transfer-encoding: chunked" in head.lower():
        text = "\n".join(line for line in text.splitlines() if not _CHUNK.fullmatch(line))
    return first_words(text)

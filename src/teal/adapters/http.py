"""Translates: HTTP/1.1 as the engine and the proxy speak it, over a unix socket, TCP or TLS, and nothing more.

A library for the whole of HTTP takes longer to import than most commands take to run.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

PIECE = 1 << 16  # bytes read at once
HEAD = 1 << 18  # bytes that a head may have
_EMPTY = frozenset({204, 304})  # statuses that come without a body


class HttpError(Exception):
    """No whole answer came; the cause is the kernel's own error where there was one."""


class Silent(HttpError):
    """No answer came in time."""


class Place(NamedTuple):
    """Where to connect: a unix *socket*, or *host* and *port*; *tls*: by TLS to that name, whatever its certificate."""

    socket: str = ""
    host: str = ""
    port: int = 0
    tls: str = ""


class Answer:
    """A status and headers, their names in lower case; the body is yet to be read."""

    def __init__(self, status: int, headers: Mapping[str, str], connection: Connection) -> None:
        self.status = status
        self.headers = headers
        self._connection = connection

    async def pieces(self) -> AsyncIterator[bytes]:
        """Yield the body as it comes; each piece within the time that the request gave."""
        async for piece in self._connection.body(self):
            yield piece

    async def lines(self) -> AsyncIterator[bytes]:
        """Yield the lines of the body as they come, without their ends."""
        rest = b""
        async for piece in self.pieces():
            *whole, rest = (rest + piece).split(b"\n")
            for line in whole:
                yield line
        if rest:
            yield rest

    async def read(self) -> bytes:
        """Return the whole body."""
        return b"".join([piece async for piece in self.pieces()])


class Connection:
    """One connection; it carries one request after the other."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._within: float | None = None
        self._idle = True  # nothing of an answer is still to come

    @property
    def usable(self) -> bool:
        """Tell whether another request may be sent."""
        return self._idle and not self._writer.is_closing() and not self._reader.at_eof()

    def close(self) -> None:
        """Close it, whatever is still to come."""
        self._writer.close()

    async def ask(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes = b"", *, within: float | None
    ) -> Answer:
        """Send a request; return its answer once the head is there. *within*: seconds of silence that are borne."""
        self._within, self._idle = within, False
        lines = [f"{method} {target} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items())]
        lines += [f"Content-Length: {len(body)}"] if body or method == "POST" else []
        with _told():
            async with asyncio.timeout(within):
                self._writer.write("\r\n".join([*lines, "\r\n"]).encode("latin-1") + body)
                await self._writer.drain()
                return await self._head()

    async def _head(self) -> Answer:
        status = 100
        while status < 200 and status != 101:  # what comes before the answer proper
            first, *rest = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            protocol, _, after = first.partition(" ")
            if not protocol.startswith("HTTP/1.") or not after[:3].isdecimal():
                raise HttpError(f"what answers does not speak HTTP: {first[:40]!r}")
            status = int(after[:3])
        pairs = (line.partition(":") for line in rest if line)
        return Answer(status, {name.strip().lower(): value.strip() for name, _, value in pairs}, self)

    async def body(self, answer: Answer) -> AsyncIterator[bytes]:
        """Yield the body of *answer*, the last one."""
        length = answer.headers.get("content-length", "")
        if answer.status in _EMPTY:
            pieces = self._sized(0)
        elif answer.headers.get("transfer-encoding", "").lower() == "chunked":
            pieces = self._chunked()
        else:
            pieces = self._sized(int(length)) if length.isdecimal() else self._to_the_end()
        async for piece in pieces:
            yield piece
        ended = answer.headers.get("connection", "").lower() == "close"
        self._idle = not ended  # one whose end is the connection's is found out by that

    async def _sized(self, left: int) -> AsyncIterator[bytes]:
        while left > 0:
            piece = await self._some(min(left, PIECE))
            if not piece:
                raise HttpError("the answer broke off")
            left -= len(piece)
            yield piece

    async def _chunked(self) -> AsyncIterator[bytes]:
        while size := _size(await self._line()):
            async for piece in self._sized(size):
                yield piece
            await self._line()
        while await self._line():  # trailers
            pass

    async def _to_the_end(self) -> AsyncIterator[bytes]:
        while piece := await self._some(PIECE):
            yield piece

    async def _some(self, most: int) -> bytes:
        with _told():
            async with asyncio.timeout(self._within):
                return await self._reader.read(most)

    async def _line(self) -> bytes:
        with _told():
            async with asyncio.timeout(self._within):
                return (await self._reader.readuntil(b"\r\n"))[:-2]


def _size(line: bytes) -> int:
    try:
        return int(line.partition(b";")[0], 16)
    except ValueError as error:
        raise HttpError("the answer is garbled") from error


async def connect(place: Place, *, within: float | None) -> Connection:
    """Return a new connection to *place*."""
    with _told():
        async with asyncio.timeout(within):
            if place.socket:
                return Connection(*await asyncio.open_unix_connection(place.socket, limit=HEAD))
            context = _trusting() if place.tls else None
            name = place.tls or None
            return Connection(
                *await asyncio.open_connection(place.host, place.port, ssl=context, server_hostname=name, limit=HEAD)
            )


def _trusting() -> ssl.SSLContext:
    """Return a client's context that believes any certificate: Teal asks the stack's own proxy on this machine."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["http/1.1"])
    return context


@contextmanager
def _told() -> Iterator[None]:
    """Turn what the kernel and the streams raise into an ``HttpError``."""
    try:
        yield
    except TimeoutError as error:
        raise Silent("no answer in time") from error
    except asyncio.IncompleteReadError as error:
        raise HttpError("the connection was closed without an answer") from error
    except (OSError, asyncio.LimitOverrunError, ValueError) as error:
        raise HttpError(str(error) or type(error).__name__) from error


class Pool:
    """Connections to one place, each used again once its answer was read to the end."""

    def __init__(self, place: Place) -> None:
        self._place = place
        self._idle: list[Connection] = []

    async def take(self, *, within: float | None) -> Connection:
        """Return a connection that nobody else uses."""
        while self._idle:
            connection = self._idle.pop()
            if connection.usable:
                return connection
            connection.close()
        return await connect(self._place, within=within)

    def give(self, connection: Connection) -> None:
        """Give a connection back; one that can't be used again is closed."""
        if connection.usable:
            self._idle.append(connection)
        else:
            connection.close()

    async def close(self) -> None:
        """Close all that are idle."""
        idle, self._idle = self._idle, []
        for connection in idle:
            connection.close()
        if idle:
            with suppress(OSError):
                await asyncio.sleep(0)  # lets the transports close before the loop does

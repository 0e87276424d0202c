"""HTTP/1.1 to the engine and the proxy, over a unix socket, TCP or TLS.

The protocol is h11's. A client library for the whole of HTTP takes longer to import than most commands take to run.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, NamedTuple

import h11

from teal.core.model.units import Seconds

if TYPE_CHECKING:
    from collections.abc import Iterator

PIECE = 1 << 16  # bytes read at once
HEAD = 1 << 18  # bytes that a head may have


class HttpError(Exception):
    """No whole answer came; the cause is the kernel's own error where there was one."""


class Silent(HttpError):
    """No answer came in time."""


class Server(NamedTuple):
    """Where to connect: a unix *socket*, or *host* and *port*; *tls*: by TLS to that name, whatever its certificate."""

    socket: str = ""
    host: str = ""
    port: int = 0
    tls: str = ""


class Response:
    """A status and headers, their names in lower case; the body is yet to be read."""

    def __init__(self, status: int, headers: Mapping[str, str], connection: HttpConnection) -> None:
        self.status = status
        self.headers = headers
        self._connection = connection

    async def pieces(self) -> AsyncIterator[bytes]:
        """Yield the body as it comes; each piece within the time that the request gave."""
        async for piece in self._connection.body():
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


class HttpConnection:
    """One connection; it carries one request after the other. The protocol is h11's, the bytes are moved here."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._within: Seconds | None = None
        self._protocol = h11.Connection(h11.CLIENT, max_incomplete_event_size=HEAD)

    @property
    def usable(self) -> bool:
        """Tell whether another request may be sent."""
        ready = self._protocol.our_state is h11.IDLE and self._protocol.their_state is h11.IDLE
        return ready and not self._writer.is_closing() and not self._reader.at_eof()

    def close(self) -> None:
        """Close it, whatever is still to come."""
        self._writer.close()

    async def ask(
        self, method: str, target: str, headers: Mapping[str, str], body: bytes = b"", *, within: Seconds | None
    ) -> Response:
        """Send a request; return its answer once the head is there. *within*: seconds of silence before it gives up."""
        self._within = within
        sized = {"Content-Length": str(len(body))} if body or method == "POST" else {}
        request = h11.Request(method=method, target=target, headers=list({**headers, **sized}.items()))
        with _told():
            parts = (self._protocol.send(event) for event in (request, h11.Data(data=body), h11.EndOfMessage()))
            self._writer.write(b"".join(part or b"" for part in parts))
            async with asyncio.timeout(within):
                await self._writer.drain()
            event = await self._next()
        while isinstance(event, h11.InformationalResponse):
            event = await self._next()
        if not isinstance(event, h11.Response):
            raise HttpError("the connection was closed without an answer")
        pairs = ((name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in event.headers)
        return Response(event.status_code, dict(pairs), self)

    async def body(self) -> AsyncIterator[bytes]:
        """Yield the body of the last answer."""
        while isinstance(event := await self._next(), h11.Data):
            yield bytes(event.data)
        if not isinstance(event, h11.EndOfMessage):
            raise HttpError("the answer broke off")
        if self._protocol.our_state is h11.DONE and self._protocol.their_state is h11.DONE:
            self._protocol.start_next_cycle()

    async def _next(self) -> h11.Event | type[h11.NEED_DATA] | type[h11.PAUSED]:
        """Return the next part of the answer, read as far as it needs."""
        with _told():
            while (event := self._protocol.next_event()) is h11.NEED_DATA:
                async with asyncio.timeout(self._within):
                    self._protocol.receive_data(await self._reader.read(PIECE))
        return event


async def connect(place: Server, *, within: Seconds | None) -> HttpConnection:
    """Return a new connection to *place*."""
    with _told():
        async with asyncio.timeout(within):
            if place.socket:
                return HttpConnection(*await asyncio.open_unix_connection(place.socket, limit=HEAD))
            context = _trusting() if place.tls else None
            name = place.tls or None
            return HttpConnection(
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
    except h11.RemoteProtocolError as error:
        closed = "ConnectionClosed" in str(error)
        why = "the connection was closed without an answer" if closed else f"the answer is garbled: {error}"
        raise HttpError(why) from error
    except (OSError, h11.LocalProtocolError, ValueError) as error:
        raise HttpError(str(error) or type(error).__name__) from error


class Pool:
    """Connections to one place, each used again once its answer was read to the end."""

    def __init__(self, place: Server) -> None:
        self._place = place
        self._idle: list[HttpConnection] = []

    async def take(self, *, within: Seconds | None) -> HttpConnection:
        """Return a connection that nobody else uses."""
        for _ in range(2 * bool(self._idle)):
            await asyncio.sleep(0)  # an end that the other side has sent meanwhile is seen
        while self._idle:
            connection = self._idle.pop()
            if connection.usable:
                return connection
            connection.close()
        return await connect(self._place, within=within)

    def give(self, connection: HttpConnection) -> None:
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

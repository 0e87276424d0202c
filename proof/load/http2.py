"""HTTP/2 over TLS: a small client on h2 that keeps one connection and many streams. Never retries."""

import asyncio
import contextlib
import ssl
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    RemoteSettingsChanged,
    ResponseReceived,
    StreamEnded,
    StreamReset,
    WindowUpdated,
)
from h2.exceptions import ProtocolError
from h2.settings import SettingCodes
from hyperframe.frame import Frame, GoAwayFrame

from proof.load.exchange import Answer, Cut, Request

WINDOW = 2**24  # bytes; large, so that the client never holds the server back
MOST_STREAMS = 100  # at once on one connection; then another is opened


class _Graceful(H2Connection):
    """h2 treats a GOAWAY as the end; by the standard the streams already begun go on."""

    def _receive_goaway_frame(self, frame: GoAwayFrame) -> tuple[list[Frame], list[Event]]:
        event = ConnectionTerminated()
        event.error_code = frame.error_code
        event.last_stream_id = frame.last_stream_id
        return [], [event]


@dataclass(slots=True)
class _Stream:
    answer: Answer
    done: asyncio.Future[None] = field(default_factory=asyncio.Future)
    window: asyncio.Event = field(default_factory=asyncio.Event)
    sent: bool = False  # the whole request has gone out

    def end(self) -> None:
        if not self.done.done():
            self.done.set_result(None)
        self.window.set()

    def fail(self, why: str) -> None:
        if not self.done.done():
            self.done.set_exception(Cut(why))
        self.window.set()


class _Connection(asyncio.Protocol):
    """One connection. *usable* turns false with GOAWAY, loss or error."""

    def __init__(self) -> None:
        self._h2 = _Graceful(H2Configuration(client_side=True, header_encoding="utf-8"))
        self._streams: dict[int, _Stream] = {}
        self._transport: asyncio.Transport | None = None
        self.usable = True

    @property
    def busy(self) -> int:
        """Return how many streams are open."""
        return len(self._streams)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        settings = {SettingCodes.INITIAL_WINDOW_SIZE: WINDOW, SettingCodes.ENABLE_PUSH: 0}
        self._h2.initiate_connection()
        self._h2.update_settings(settings)  # type: ignore[arg-type]
        self._h2.increment_flow_control_window(WINDOW)
        self._flush()

    def data_received(self, data: bytes) -> None:
        try:
            events = self._h2.receive_data(data)
        except ProtocolError as error:
            self._end(f"HTTP/2 protocol error: {error}")
            return
        for event in events:
            self._take(event)
        self._flush()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end(f"connection lost: {exc or 'closed by the server'}")

    def _take(self, event: Event) -> None:
        match event:
            case ResponseReceived():
                self._head(event)
            case DataReceived():
                self._data(event)
            case StreamEnded() if stream := self._streams.get(event.stream_id or 0):
                stream.end()
            case StreamReset() if stream := self._streams.get(event.stream_id or 0):
                stream.fail(f"stream reset: {event.error_code!s}")
            case ConnectionTerminated():
                self._goaway(event)
            case WindowUpdated() | RemoteSettingsChanged():
                for stream in self._streams.values():
                    stream.window.set()
            case _:
                pass

    def _head(self, event: ResponseReceived) -> None:
        stream = self._streams.get(event.stream_id or 0)
        if stream is not None:
            headers = {str(name): str(value) for name, value in event.headers or ()}
            stream.answer.head(int(headers[":status"]), headers)

    def _data(self, event: DataReceived) -> None:
        stream = self._streams.get(event.stream_id or 0)
        if stream is not None:
            stream.answer.body += event.data or b""
        self._h2.acknowledge_received_data(event.flow_controlled_length or 0, event.stream_id or 0)

    def _goaway(self, event: ConnectionTerminated) -> None:
        self.usable = False
        for number, stream in self._streams.items():
            if number > (event.last_stream_id or 0):
                stream.fail(f"refused by GOAWAY {event.error_code!s}")

    def _end(self, why: str) -> None:
        self.usable = False
        for stream in self._streams.values():
            stream.fail(why)
        self.close()

    def _flush(self) -> None:
        if self._transport is not None and (data := self._h2.data_to_send()):
            self._transport.write(data)

    async def send(self, request: Request, authority: str, answer: Answer) -> None:
        """Run one exchange on a new stream."""
        number, stream = self._h2.get_next_available_stream_id(), _Stream(answer)
        self._streams[number] = stream
        try:
            self._h2.send_headers(number, _headers(request, authority), end_stream=request.body is None)
            self._flush()
            if request.body is not None:
                await self._body(number, stream, request)
            stream.sent = True
            await stream.done
        finally:
            self._forget(number, stream)

    async def _body(self, number: int, stream: _Stream, request: Request) -> None:
        for piece in request.pieces():
            await self._piece(number, stream, piece)
            if request.pace:
                await asyncio.sleep(request.pace)
            if stream.done.done():  # cut, or answered before the body was wanted
                stream.done.result()
                return
        self._h2.end_stream(number)
        self._flush()

    async def _piece(self, number: int, stream: _Stream, piece: bytes) -> None:
        while piece and not stream.done.done():
            room = min(self._h2.local_flow_control_window(number), self._h2.max_outbound_frame_size)
            if room <= 0:
                stream.window.clear()
                await stream.window.wait()
                continue
            self._h2.send_data(number, piece[:room])
            self._flush()
            piece = piece[room:]

    def _forget(self, number: int, stream: _Stream) -> None:
        del self._streams[number]
        whole = stream.done.done() and not stream.done.cancelled()
        failed = whole and stream.done.exception() is not None
        if not failed and not (whole and stream.sent):  # given up by us, or answered early: tell the server
            with contextlib.suppress(ProtocolError):
                self._h2.reset_stream(number, error_code=ErrorCodes.CANCEL)
                self._flush()
        if not self.usable and not self._streams:
            self.close()

    def close(self) -> None:
        """Close the connection."""
        if self._transport is not None:
            self._transport.close()


class Http2:
    """One origin over HTTP/2."""

    def __init__(self, origin: str, tls: ssl.SSLContext) -> None:
        parts = urlsplit(origin)
        self._authority = parts.netloc
        self._host, self._port = parts.hostname or "localhost", parts.port or 443
        self._tls = tls
        self._pool: list[_Connection] = []
        self._opening = asyncio.Lock()

    async def exchange(self, request: Request, answer: Answer, *, fresh: bool) -> None:
        """Send *request* once and fill *answer*."""
        connection = await (self._open() if fresh else self._shared())
        try:
            await connection.send(request, self._authority, answer)
        finally:
            if fresh:
                connection.close()

    async def _shared(self) -> _Connection:
        async with self._opening:
            self._pool = [one for one in self._pool if one.usable]
            for connection in self._pool:
                if connection.busy < MOST_STREAMS:
                    return connection
            connection = await self._open()
            self._pool.append(connection)
            return connection

    async def _open(self) -> _Connection:
        loop = asyncio.get_running_loop()
        address = "127.0.0.1" if self._host == "localhost" else self._host
        transport, connection = await loop.create_connection(
            _Connection, address, self._port, ssl=self._tls, server_hostname=self._host
        )
        if transport.get_extra_info("ssl_object").selected_alpn_protocol() != "h2":
            transport.close()
            raise Cut("the server does not speak HTTP/2")
        return connection

    async def close(self) -> None:
        """Close the kept connections."""
        for connection in self._pool:
            connection.close()


def _headers(request: Request, authority: str) -> list[tuple[str, str]]:
    headers = [
        (":method", request.method),
        (":scheme", "https"),
        (":authority", authority),
        (":path", request.path),
    ]
    if request.body is not None and request.sized:
        headers.append(("content-length", str(len(request.body))))
    return headers

"""Serves the application until it is told to end, and prints the address that lets a browser in."""

from __future__ import annotations

import asyncio
import logging
import signal
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field

import uvicorn

from teal.errors import Refused
from teal.web.app import application
from teal.web.desk import Desk
from teal.web.guard import Doors
from teal.web.visitors import Book, Front

_PATIENCE = 2  # seconds that open streams have to end when the page does


@dataclass(frozen=True, slots=True)
class Serving:
    """Where and for whom the page is served."""

    address: str = "127.0.0.1"
    port: int = 7420
    hosts: tuple[str, ...] = ()
    root: str = ""
    read_only: bool = False
    logs: bool = True
    front: Front | None = None
    actions: tuple[str, ...] = field(default_factory=tuple)


def doors_of(serving: Serving) -> Doors:
    """Return the doors of a page that is served so."""
    book = Book(serving.read_only, serving.front)
    own = {serving.address} if serving.address not in {"0.0.0.0", "::"} else set()  # noqa: S104 (compared, not bound)
    hosts = frozenset(each.lower() for each in (*serving.hosts, *own))
    return Doors(book, hosts, serving.root.rstrip("/"), f"teal_{serving.port}")


async def serve(desks: Mapping[str, Desk], serving: Serving, say: Callable[[str], None]) -> None:
    """Serve the page until a signal ends it; *say* is told each address that lets a browser in."""
    listening = _listening(serving)
    doors = doors_of(serving)
    app = application(desks, doors, actions=serving.actions, read_only=serving.read_only, logs=serving.logs)
    settings = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,  # a login's token would be in it
        proxy_headers=False,  # who asks is told by the connection: a header could be anybody's
        server_header=False,
        timeout_graceful_shutdown=_PATIENCE,
        lifespan="on",
    )
    logging.getLogger("asyncio").setLevel(logging.ERROR)  # that a browser has gone away is no news
    await _Server(settings, lambda: say(_address(doors, serving, listening.getsockname()[1]))).serve([listening])


def _listening(serving: Serving) -> socket.socket:
    family = socket.AF_INET6 if ":" in serving.address else socket.AF_INET
    try:
        return socket.create_server((serving.address, serving.port), family=family)
    except OSError as error:
        raise Refused(
            f"nothing can listen at {serving.address}, port {serving.port}: {error.strerror}",
            hint="where another page runs there, --port takes another one: teal dashboard --port 7421",
        ) from error


class _Server(uvicorn.Server):
    """Says where it is once it listens, and again, with a new token, at each SIGHUP."""

    def __init__(self, config: uvicorn.Config, said: Callable[[], None]) -> None:
        super().__init__(config)
        self._told = said

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to listen."""
        await super().startup(sockets)
        self._told()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """End at the first signal that asks for it, the streams closed; the second ends at once."""
        loop = asyncio.get_running_loop()
        for each in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(each, self.handle_exit, each, None)
        loop.add_signal_handler(signal.SIGHUP, self._told)
        yield


def _address(doors: Doors, serving: Serving, port: int) -> str:
    host = f"[{serving.address}]" if ":" in serving.address else serving.address
    return f"http://{host}:{port}{doors.root}/login?token={doors.book.new_token()}"

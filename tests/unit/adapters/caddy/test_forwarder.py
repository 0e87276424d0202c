"""A published port whose forwarder of Docker's has ended: Teal asks the container itself, and the port is named."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

import pytest

from teal.adapters.caddy.client import CaddyClient
from teal.adapters.caddy.proxy import CaddyProxy, deaf_ports
from teal.core.model.observed import Container
from teal.core.model.side import Side
from teal.errors import Unavailable
from teal.ports import Endpoint, Engine


@asynccontextmanager
async def listening(address: str) -> AsyncIterator[int]:
    """Answer each request there; yield the port."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if await reader.readline():
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\nX-Teal-Upstream: web-blue:3000\r\n\r\nhi")
        writer.close()

    async with await asyncio.start_server(answer, address, 0) as server:
        yield int(server.sockets[0].getsockname()[1])


def closed() -> int:
    """Return a port at which nobody listens."""
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def proxy_at(inside: int, port: int) -> Container:
    """Return a proxy that listens at *inside*, which is published at *port*."""
    return Container(
        "1", "proxy", "proxy", Side.PLAIN, None, "", "running", "none", 1.0,
        addresses={"default": "127.0.0.2"}, ports={inside: ("0.0.0.0", port)}, published=frozenset({("0.0.0.0", port)}),
    )  # fmt: skip


async def ask(container: Container, listen: int) -> str:
    door = CaddyProxy.__new__(CaddyProxy)
    door._probe = CaddyClient()
    door._engine = cast(Engine, None)
    return (await door.ask(container, Endpoint("web", 3000, listen, tls=False, host=""), "k")).upstream


def test_where_the_forwarder_has_ended_the_container_itself_is_asked_and_the_port_named() -> None:
    async def play() -> None:
        async with listening("127.0.0.2") as inside:
            container = proxy_at(inside, closed())
            assert await ask(container, inside) == "web-blue:3000"
            assert await deaf_ports(container) == (container.ports[inside][1],)
            async with listening("127.0.0.1") as port:
                assert await deaf_ports(proxy_at(inside, port)) == ()

    asyncio.run(play())


def test_where_the_container_refuses_as_well_nobody_blames_docker() -> None:
    async def play() -> None:
        container = proxy_at(closed(), closed())
        assert await deaf_ports(container) == ()
        with pytest.raises(Unavailable):
            await ask(container, next(iter(container.ports)))

    asyncio.run(play())

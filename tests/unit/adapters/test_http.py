"""The client for engine and proxy, against a server that says byte for byte what the test wants."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from teal.adapters.http import HttpError, Pool, Server, Silent, connect

Act = Callable[[Pool], Awaitable[object]]
OK = b"HTTP/1.1 200 OK\r\n"


def served(*answers: bytes, act: Act, end: bool = True) -> tuple[object, list[bytes]]:
    """Run *act* against a server that gives *answers*, one a connection; return its result and the requests.

    An answer is sent in single bytes; then the connection is closed, or, without *end*, left open for more.
    """
    requests: list[bytes] = []
    left = list(answers)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while left:
            try:
                requests.append(await reader.readuntil(b"\r\n\r\n"))
            except asyncio.IncompleteReadError:
                break
            for byte in left.pop(0):
                writer.write(bytes([byte]))
                await writer.drain()
                await asyncio.sleep(0)
            if end:
                break
        if end:
            writer.close()

    async def whole() -> object:
        async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
            host, port = server.sockets[0].getsockname()[:2]
            pool = Pool(Server(host=host, port=port))
            try:
                return await act(pool)
            finally:
                await pool.close()

    return asyncio.run(whole()), requests


async def got(pool: Pool, *, within: float = 5.0) -> bytes:
    connection = await pool.take(within=within)
    try:
        answer = await connection.ask("GET", "/x", {"Host": "docker"}, within=within)
        return await answer.read()
    finally:
        pool.give(connection)


@pytest.mark.parametrize(
    "answer",
    [
        OK + b"Content-Length: 6\r\n\r\nabc\r\nd",
        OK + b"\r\nabc\r\nd",
        OK + b"Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n3;x=y\r\n\r\nd\r\n0\r\nTrailer: x\r\n\r\n",
        b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + OK + b"content-length:6\r\n\r\nabc\r\nd",
    ],
    ids=["sized", "to the end", "chunked", "after a hint"],
)
def test_a_body_comes_whole_in_whatever_way_it_is_sent(answer):
    assert served(answer, act=got)[0] == b"abc\r\nd"


def test_lines_are_cut_where_they_end_and_the_last_one_is_not_lost():
    async def lines(pool: Pool) -> list[bytes]:
        connection = await pool.take(within=5)
        answer = await connection.ask("GET", "/x", {"Host": "docker"}, within=5)
        found = [line async for line in answer.lines()]
        connection.close()
        return found

    assert served(OK + b"\r\none\ntwo\n\nthr", act=lines)[0] == [b"one", b"two", b"", b"thr"]


def test_a_connection_is_used_again_once_its_answer_was_read():
    sized = OK + b"Content-Length: 1\r\n\r\na"

    async def twice(pool: Pool) -> tuple[bytes, bytes, int]:
        first, second = await got(pool), await got(pool)
        return first, second, len(pool._idle)

    found, requests = served(sized, sized, act=twice, end=False)
    assert found == (b"a", b"a", 1)
    assert requests == [b"GET /x HTTP/1.1\r\nHost: docker\r\n\r\n"] * 2


@pytest.mark.parametrize(
    "answer", [OK + b"Connection: close\r\nContent-Length: 1\r\n\r\na", OK + b"Content-Length: 1\r\n\r\na"]
)
def test_a_connection_that_the_server_has_ended_is_not_used_again(answer):
    async def twice(pool: Pool) -> list[bytes]:
        first = await got(pool)
        await asyncio.sleep(0.05)  # the server's end arrives
        return [first, await got(pool)]

    assert served(answer, answer, act=twice)[0] == [b"a", b"a"]


def test_a_connection_with_an_unread_answer_is_closed():
    async def half(pool: Pool) -> bool:
        connection = await pool.take(within=5)
        await connection.ask("GET", "/x", {"Host": "docker"}, within=5)
        pool.give(connection)
        return not pool._idle and connection._writer.is_closing()

    assert served(OK + b"Content-Length: 5\r\n\r\nabcde", act=half)[0]


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"HTTP/1.1 200 O",
        b"SSH-2.0-OpenSSH\r\n\r\n",
        OK + b"Content-Length: 5\r\n\r\nabc",
        OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nabc",
        OK + b"Transfer-Encoding: chunked\r\n\r\nzz\r\nabc",
    ],
)
def test_half_an_answer_is_none(answer):
    with pytest.raises(HttpError):
        served(answer, act=got)


def test_silence_ends_in_time_before_the_head_and_within_the_body():
    for answer in (b"HTTP/1.1 200", OK + b"Content-Length: 5\r\n\r\nabc"):
        with pytest.raises(Silent):
            served(answer, act=lambda pool: got(pool, within=0.2), end=False)


def test_nobody_there_is_an_error_with_the_kernels_own_behind_it():
    with pytest.raises(HttpError) as raised:
        asyncio.run(connect(Server(socket="/nonexistent/docker.sock"), within=1))
    assert isinstance(raised.value.__cause__, FileNotFoundError)

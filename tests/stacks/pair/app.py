"""web and back: what the load generator asks for, in the standard library alone; a stop finishes what was begun.

GET or POST /echo, GET /slow?seconds=, GET /events?count=&interval=, GET /who, GET /chain (web asks back),
POST /fail?seconds= (then 500 to all).
"""

import asyncio
import json
import os
import signal
import time
import urllib.parse

PORT = 3000
ME = {
    "service": os.environ["SERVICE"],
    "color": os.environ.get("TEAL_COLOR") or "plain",
    "release": os.environ.get("TEAL_RELEASE") or "0",
}
TIMEOUT = 10.0  # seconds for which web tries to reach back
stopping = asyncio.Event()
busy: set[asyncio.Task[None]] = set()
failing: list[float] = []  # until when


class Request:
    """One request, and the writer for its answer."""

    def __init__(self, head: bytes, body: bytes, writer: asyncio.StreamWriter) -> None:
        self.method, target, _ = head.split(b"\r\n", 1)[0].decode().split(" ")
        self.path, _, self.query = target.partition("?")
        self.body, self.started, self._writer = body, time.time(), writer

    def number(self, name: str) -> float:
        return float(urllib.parse.parse_qs(self.query)[name][0])

    def head(self, status: str, *more: str) -> None:
        marks = (f"X-Color: {ME['color']}", f"X-Release: {ME['release']}", f"X-Started: {self.started:.6f}")
        lines = (f"HTTP/1.1 {status}", *marks, *more, "Connection: close" if stopping.is_set() else "", "")
        self._writer.write("\r\n".join(line for line in lines if line).encode() + b"\r\n\r\n")

    async def answer(self, body: bytes, status: str = "200 OK") -> None:
        self.head(status, f"Content-Length: {len(body)}")
        self._writer.write(body)
        await self._writer.drain()

    async def send(self, piece: bytes) -> None:
        """Send a piece of a chunked body."""
        self._writer.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
        await self._writer.drain()


async def echo(request: Request) -> None:
    await request.answer(request.query.encode() if request.method == "GET" else request.body)


async def who(request: Request) -> None:
    await request.answer(json.dumps(ME).encode())


async def slow(request: Request) -> None:
    await asyncio.sleep(request.number("seconds"))
    await request.answer(json.dumps(ME).encode())


async def events(request: Request) -> None:
    request.head("200 OK", "Content-Type: text/event-stream", "Transfer-Encoding: chunked")
    for number in range(int(request.number("count"))):
        await request.send(f"id: {number}\ndata: {json.dumps(ME)}\n\n".encode())
        await asyncio.sleep(request.number("interval"))
    await request.send(b"")


async def chain(request: Request) -> None:
    end = time.monotonic() + TIMEOUT
    while True:
        try:
            async with asyncio.timeout(2):
                return await request.answer(json.dumps([ME, await back()]).encode())
        except (OSError, TimeoutError, ValueError) as error:
            if time.monotonic() > end:
                return await request.answer(f"back: {error!r}".encode(), "502 Bad Gateway")
        await asyncio.sleep(0.2)


async def fail(request: Request) -> None:
    """Answer everything with 500 for some seconds from now on."""
    failing.append(time.monotonic() + request.number("seconds"))
    await request.answer(b"")


async def back() -> dict[str, str]:
    reader, writer = await asyncio.open_connection("back", PORT)
    try:
        writer.write(b"GET /who HTTP/1.1\r\nHost: back\r\nConnection: close\r\n\r\n")
        head = await reader.readuntil(b"\r\n\r\n")
        return json.loads(await reader.readexactly(length(head)))
    finally:
        writer.close()


def length(head: bytes) -> int:
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line.partition(b":")[2])
    return 0


HANDLERS = {"/echo": echo, "/who": who, "/slow": slow, "/events": events, "/chain": chain, "/fail": fail}


async def connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer one request after the other until the client goes or the service stops."""
    try:
        while not stopping.is_set():
            head = await reader.readuntil(b"\r\n\r\n")
            task = asyncio.ensure_future(answer(head, reader, writer))
            busy.add(task)
            task.add_done_callback(busy.discard)
            await task
            if b"connection: close" in head.lower():
                break
    except (asyncio.IncompleteReadError, OSError):
        pass  # the client has gone
    finally:
        writer.close()


async def answer(head: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    request = Request(head, await reader.readexactly(length(head)), writer)
    handler = HANDLERS.get(request.path)
    if failing and time.monotonic() < failing[-1]:
        await request.answer(b"asked to fail\n", "500 Internal Server Error")
    else:
        await (handler(request) if handler else request.answer(b"no such page\n", "404 Not Found"))


async def main() -> None:
    loop = asyncio.get_running_loop()
    for which in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(which, stopping.set)
    await asyncio.sleep(float(os.environ.get("BOOT_SECONDS") or 0))
    server = await asyncio.start_server(connection, "", PORT, backlog=512)
    print(f"{ME['service']} of release {ME['release']} listens", flush=True)
    await stopping.wait()
    server.close()
    while busy:
        await asyncio.wait(set(busy), timeout=4)
    os._exit(0)


asyncio.run(main())

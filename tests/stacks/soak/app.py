"""Answers what the load asks (/echo, /slow, /chain, /health), each answer signed with color and release.

On SIGTERM it listens no more, ends what it had begun and closes idle connections. ``BREAK`` makes it exit at once.
"""

import asyncio
import json
import os
import signal
import sys
from urllib.parse import parse_qs, urlsplit

SERVICE = "web" if os.environ.get("PEER") else "back"
COLOR = os.environ.get("TEAL_COLOR", "plain")
RELEASE = os.environ.get("TEAL_RELEASE", "0")
HEAD = f"X-Color: {COLOR}\r\nX-Release: {RELEASE}\r\n"
ME = {"service": SERVICE, "color": COLOR, "release": RELEASE}

idle: set["asyncio.Task[None]"] = set()
busy: set["asyncio.Task[None]"] = set()
stopping = asyncio.Event()


async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answer one request after the other; between two of them the connection may be closed."""
    task = asyncio.current_task()
    assert task is not None
    try:
        while not stopping.is_set():
            idle.add(task)
            head = await reader.readuntil(b"\r\n\r\n")
            idle.discard(task)
            busy.add(task)
            await answer(head.decode("latin-1"), reader, writer)
            busy.discard(task)
    except (asyncio.CancelledError, asyncio.IncompleteReadError, ConnectionError):
        pass
    finally:
        idle.discard(task)
        busy.discard(task)
        writer.close()


async def answer(head: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Read the body and write the answer."""
    first, *lines = head.split("\r\n")
    fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = await reader.readexactly(int(fields.get("content-length", 0)))
    content = await content_of(first.split()[1], body)
    last = "Connection: close\r\n" if stopping.is_set() else ""
    writer.write(f"HTTP/1.1 200 OK\r\n{HEAD}{last}Content-Length: {len(content)}\r\n\r\n".encode() + content)
    await writer.drain()


async def content_of(target: str, body: bytes) -> bytes:
    """Return what is to be said at *target*."""
    url = urlsplit(target)
    if url.path == "/slow":
        await asyncio.sleep(float(parse_qs(url.query)["seconds"][0]))
    if url.path == "/chain":
        return json.dumps([ME, await asked(os.environ["PEER"])]).encode()
    if url.path == "/me":
        return json.dumps(ME).encode()
    return body or target.encode()


async def asked(peer: str) -> object:
    """Return who answers under the plain name *peer*."""
    reader, writer = await asyncio.open_connection(peer, 3000)
    writer.write(b"GET /me HTTP/1.1\r\nHost: peer\r\n\r\n")
    head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
    length = int(head.partition("content-length:")[2].split()[0])
    found = json.loads(await reader.readexactly(length))
    writer.close()
    return found


async def main() -> None:
    """Serve until SIGTERM."""
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stopping.set)
    server = await asyncio.start_server(converse, "", 3000, backlog=128)
    print(f"{SERVICE} of release {RELEASE} listens", flush=True)
    await stopping.wait()
    server.close()
    for task in list(idle):
        task.cancel()
    while busy:
        await asyncio.wait(set(busy))


if os.environ.get("BREAK"):
    sys.exit("it was told to break")
asyncio.run(main())

"""Probes of real servers in containers."""

import asyncio
import time

import pytest

from teal.core.stack import HttpProbe, TcpProbe

pytestmark = [pytest.mark.engine, pytest.mark.anyio, pytest.mark.timeout(120)]


SERVER = """
import http.server, sys, time
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/slow":
            time.sleep(3)
        local = self.headers["Host"] == "localhost:8000"
        self.send_response(int(self.path[1:]) if self.path[1:].isdigit() else 200 if local else 400)
        self.end_headers()
http.server.ThreadingHTTPServer(("", 8000), Handler).serve_forever()
"""


async def listens(engine, address):
    for _ in range(100):
        if await engine.listening(address, TcpProbe(8000)):
            return
        await asyncio.sleep(0.1)
    pytest.fail("the server never listened")


async def test_a_service_that_answers_is_listening(engine, sandbox):
    one = sandbox.run(command=("python", "-c", SERVER))
    address = (await engine.container(one)).addresses["bridge"]
    await listens(engine, address)
    answers = {path: await engine.listening(address, HttpProbe(8000, path)) for path in ("/", "/302", "/404", "/503")}
    assert answers == {"/": True, "/302": True, "/404": False, "/503": False}


async def test_what_is_silent_slow_or_absent_is_not_listening(engine, sandbox):
    one = sandbox.run(command=("python", "-c", SERVER))
    address = (await engine.container(one)).addresses["bridge"]
    await listens(engine, address)
    begun = time.monotonic()
    assert not await engine.listening(address, HttpProbe(8000, "/slow"))
    assert time.monotonic() - begun < 1.5
    assert not await engine.listening(address, TcpProbe(8001))
    assert not await engine.listening(address, HttpProbe(8001))

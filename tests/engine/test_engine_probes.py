"""Probes of real servers in containers."""

import asyncio
import time

import pytest

from teal.core.model.stack import HttpProbe, TcpProbe
from teal.core.services.health import Probed

pytestmark = [pytest.mark.engine, pytest.mark.anyio, pytest.mark.timeout(120)]


SERVER = """
import http.server, sys, time
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        if self.path == "/slow":
            time.sleep(3)
        local = self.headers["Host"] == "localhost:8000"
        status = int(self.path[1:]) if self.path[1:].isdigit() else 200 if local else 400
        self.send_response(status)
        self.end_headers()
        bodies = {404: b"no such page\\nat all", 500: b"<html><title>OperationalError\\n at /</title><p>x</p></html>"}
        self.wfile.write(bodies.get(status, b""))
http.server.ThreadingHTTPServer(("", 8000), Handler).serve_forever()
"""


async def listens(engine, address):
    for _ in range(100):
        if (await engine.probe(address, TcpProbe(8000))).passed:
            return
        await asyncio.sleep(0.1)
    pytest.fail("the server never listened")


async def test_a_service_that_answers_passes_and_one_that_answers_badly_is_heard(engine, sandbox):
    one = sandbox.run(command=("python", "-c", SERVER))
    address = (await engine.container(one)).addresses["bridge"]
    await listens(engine, address)
    answers = {path: await engine.probe(address, HttpProbe(8000, path)) for path in ("/", "/302", "/404", "/503")}
    assert {path: (probed.passed, probed.status) for path, probed in answers.items()} == {
        "/": (True, 200),
        "/302": (True, 302),
        "/404": (False, 404),
        "/503": (False, 503),
    }
    assert answers["/404"].words == "status 404: no such page"
    assert (await engine.probe(address, HttpProbe(8000, "/500"))).words == "status 500: OperationalError at /"


async def test_what_is_silent_slow_or_absent_does_not_pass_and_says_so(engine, sandbox):
    one = sandbox.run(command=("python", "-c", SERVER))
    address = (await engine.container(one)).addresses["bridge"]
    await listens(engine, address)
    begun = time.monotonic()
    assert await engine.probe(address, HttpProbe(8000, "/slow")) == Probed(passed=False, said="no answer within 1 s")
    assert time.monotonic() - begun < 1.5
    for probe in (TcpProbe(8001), HttpProbe(8001)):
        assert (await engine.probe(address, probe)).words == "connection refused"


async def test_what_a_healthcheck_said_last_is_known_where_it_failed(engine, sandbox):
    for test, said in (("echo not; echo yet; exit 3", "status 3: not yet"), ("exit 4", "status 4"), ("true", "")):
        options = ("--health-cmd", test, "--health-interval", "1s", "--health-retries", "9")
        one = sandbox.run(*options)
        for _ in range(100):
            found = await engine.container(one)
            if found.health == "healthy" or found.unwell:
                break
            await asyncio.sleep(0.1)
        assert found.unwell == said

"""The load over all its ways through a real Caddy: TLS, HTTP/2, and what a reload of Caddy does to them."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from proof.load import Load, Mix
from proof.load.client import context
from proof.load.exchange import Answer, Request
from proof.load.http2 import Http2
from tests.proof.load_caddy import Caddy
from tests.proof.load_server import Server

LIVELY = Mix(
    slow=30, upload=15, events=25, ws=25, slow_seconds=0.3,
    upload_seconds=(0.5, 0.8), events_seconds=(0.5, 1.0), ws_seconds=(0.5, 1.0),
)  # fmt: skip

pytestmark = pytest.mark.load


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        yield running


@pytest.fixture
def caddy(server: Server, tmp_path: Path) -> Iterator[Caddy]:
    with Caddy(server.origin, tmp_path) as running:
        yield running


def test_a_good_server_is_found_without_fault_over_every_way(caddy: Caddy) -> None:
    with Load(http=caddy.http, https=caddy.https, rate=200, mix=LIVELY) as load:
        time.sleep(3)
        report = load.finish()
    assert report.clean, report.table()
    assert report.sent >= 580
    ways = ("h1 kept", "h1 fresh", "h1s kept", "h1s fresh", "h2 kept", "h2 fresh")
    assert {f"{action} {way}" for action in ("get", "post") for way in ways} <= set(report.kinds)
    assert {"upload h2 kept", "events h2 kept", "slow h2 kept", "ws h1s fresh"} <= set(report.kinds)


def test_faults_behind_the_proxy_are_counted_over_every_way(server: Server, caddy: Caddy) -> None:
    mix = Mix(get=50, post=50, chain=0, slow=0, upload=0, events=0, ws=0, body_bytes=(2048, 8192))
    wrongs = {0: "truncate", 5: "502", 10: "wrong"}
    server.fault = lambda _, number: wrongs.get(number % 21, "")
    with Load(http=caddy.http, https=caddy.https, rate=200, mix=mix, workers=1) as load:
        time.sleep(2)
        report = load.finish()
    did = server.did
    assert report.faults == {"truncated": did["truncate"], "status": did["502"], "wrong": did["wrong"]}
    assert min(did["truncate"], did["502"], did["wrong"]) >= 15
    assert report.kinds["post h2 kept"].failed > 0


def test_the_close_code_is_the_one_that_the_server_sent_even_if_it_left_at_once(server: Server, caddy: Caddy) -> None:
    mix = Mix(get=0, post=0, chain=0, slow=0, upload=0, events=0, ws=1, ws_seconds=(2, 2), ws_interval=0.05)
    server.fault = lambda _, number: "close and go"
    with Load(http=caddy.http, https=caddy.https, rate=60, mix=mix) as load:
        time.sleep(1)
        load.finish()
        codes = [one.code for one in load.samples if one.fault]
    assert codes == [1012] * len(codes)
    assert len(codes) >= 40


def test_an_http2_request_in_flight_outlives_a_goaway(caddy: Caddy) -> None:
    """h2 alone would take GOAWAY for the end of everything, and a healthy reload would look like losses."""

    async def run() -> tuple[Answer, Answer]:
        client, slow, after = Http2(caddy.https, context("h2")), Answer(), Answer()
        asking = asyncio.create_task(client.exchange(Request("GET", "/slow?seconds=1"), slow, fresh=False))
        await asyncio.sleep(0.3)
        await asyncio.to_thread(caddy.reload)
        await asking
        await client.exchange(Request("GET", "/echo?a"), after, fresh=False)
        await client.close()
        return slow, after

    slow, after = asyncio.run(run())
    assert (slow.status, bytes(slow.body)) == (200, b"slept")
    assert (after.status, bytes(after.body)) == (200, b"a")

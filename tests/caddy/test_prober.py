"""The prober against a real socket: faults that are planted there, what it costs, and how it asks."""

from __future__ import annotations

import asyncio
import resource
import time
from collections.abc import Callable
from contextlib import suppress

import pytest

from teal.adapters.caddy.prober import EVERY, CaddyProber
from teal.core.model.observed import Container
from teal.core.model.side import Side
from teal.core.model.traffic import Mode, Traffic
from teal.core.model.units import Moment, Seconds
from teal.core.report.seen import Probe, faults, longest, pauses
from teal.ports import Endpoint, Target

pytestmark = pytest.mark.anyio


PROXY = Container("id", "shop-proxy-1", "proxy", Side.PLAIN, None, "caddy", "running", "none", Moment(0.0))


class Site:
    """A server that answers, fails, holds or refuses, as it is told."""

    def __init__(self) -> None:
        self.heads: list[bytes] = []
        self.connections = 0
        self.answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
        self.go = asyncio.Event()
        self.go.set()
        self._open: set[asyncio.StreamWriter] = set()

    async def begin(self, port: int = 0) -> int:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", port)
        self.port: int = self._server.sockets[0].getsockname()[1]
        return self.port

    async def refuse(self) -> None:
        self._server.close()
        for writer in self._open:
            writer.close()
        await self._server.wait_closed()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._open.add(writer)
        with suppress(OSError, asyncio.IncompleteReadError):
            while True:
                self.heads.append(await reader.readuntil(b"\r\n\r\n"))
                await self.go.wait()
                writer.write(self.answer)
                await writer.drain()
        self._open.discard(writer)
        writer.close()


async def probed(during: Callable[[Site, CaddyProber], object]) -> tuple[Site, tuple[Probe, ...]]:
    """Return what a prober has met while *during* went on, and a second before and after it."""
    site = Site()
    await site.begin()
    prober = CaddyProber(lambda _: ("127.0.0.1", site.port), lambda: Traffic(Mode.BLUE))
    endpoint = Endpoint("web", 3000, 80, tls=False, host="shop.example")
    prober.aim([Target("web", PROXY, endpoint, "/health")])
    try:
        await asyncio.sleep(1)
        await during(site, prober)  # type: ignore[misc]
        await asyncio.sleep(0.7)
    finally:
        prober.stop()
        await site.refuse()
    return site, prober.probes()


async def test_it_asks_as_often_as_it_says_one_in_five_on_a_connection_of_its_own() -> None:
    site, probes = await probed(lambda *_: asyncio.sleep(2))
    assert len(probes) == pytest.approx(3.7 / EVERY, abs=3)
    assert all(each.good and each.status == 200 and each.led == "blue" for each in probes)
    assert sum(each.fresh for each in probes) == pytest.approx(len(probes) / 5, abs=1)
    assert site.connections == pytest.approx(1 + len(probes) / 5, abs=1)
    head = site.heads[0].decode()
    assert head.startswith("GET /health HTTP/1.1\r\n")
    for line in ("Host: shop.example", "User-Agent: teal-probe", "Proxy-Authorization: Teal probe"):
        assert f"{line}\r\n" in head


async def test_a_redirect_is_an_answer_and_is_not_followed() -> None:
    async def moved(site: Site, _: CaddyProber) -> None:
        site.answer = b"HTTP/1.1 302 Found\r\nLocation: http://elsewhere.example/\r\nContent-Length: 0\r\n\r\n"
        await asyncio.sleep(0.6)

    _, probes = await probed(moved)
    assert {each.status for each in probes} == {200, 302}
    assert all(each.good for each in probes)


async def test_planted_faults_are_met_with_their_start_and_length_and_asked_for_more_often() -> None:
    planted: dict[str, tuple[float, float]] = {}

    async def broken(site: Site, _: CaddyProber) -> None:
        good, began = site.answer, time.time()
        site.answer = b"HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n"
        await asyncio.sleep(1)
        site.answer = good
        planted["status 500"] = began, time.time() - began
        await asyncio.sleep(0.8)
        began = time.time()
        await site.refuse()
        await asyncio.sleep(1)
        await site.begin(site.port)
        planted["refused"] = began, time.time() - began
        await asyncio.sleep(0.8)
        began = time.time()
        site.go.clear()
        await asyncio.sleep(1.6)
        site.go.set()
        planted["waited"] = began, time.time() - began

    _, probes = await probed(broken)
    met = {each.what: each for each in faults(probes) if each.what != "cut"}
    assert met.keys() == planted.keys()
    for what, (began, length) in planted.items():
        assert met[what].since == pytest.approx(began, abs=0.3)
        assert met[what].until - met[what].since == pytest.approx(length, abs=0.3)
    assert met["status 500"].times > 8  # in the ordinary pace it would be 5
    worst = longest(pauses(probes, end=time.time()))
    assert worst is not None
    assert worst.seconds == pytest.approx(1.6, abs=0.3)


async def test_about_to_be_moved_users_are_stood_in_for_twenty_times_a_second() -> None:
    async def hurried(_: Site, prober: CaddyProber) -> None:
        prober.hurry(Seconds(1.0))
        await asyncio.sleep(1)

    _, probes = await probed(hurried)
    assert len(probes) == pytest.approx(20 + 1.7 / EVERY, abs=6)


async def test_it_costs_less_than_a_hundredth_of_a_processor() -> None:
    spent = [0.0]

    async def steadily(_: Site, __: CaddyProber) -> None:
        before = _cpu()
        await asyncio.sleep(3)
        spent[0] = (_cpu() - before) / 3

    _, probes = await probed(steadily)
    assert probes
    assert spent[0] < 0.02  # the server of this test, in the same process, is half of it


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


async def test_where_nothing_listens_it_says_so_and_goes_on() -> None:
    async def gone(site: Site, _: CaddyProber) -> None:
        await site.refuse()
        await asyncio.sleep(0.5)

    _, probes = await probed(gone)
    assert probes[-1].what == "refused"

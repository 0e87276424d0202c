"""Teal's own proxy behind what stands in front already: nginx, HAProxy, one that reads labels, another project's Caddy.

nginx and HAProxy are Debian's. Traefik's part is played by the exam's stand-in, which reads the same labels; the real
one is for ``make prove-own``.
"""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import shutil
import threading
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field

import aiohttp
import httpx
import pytest

from proof.load import Fault
from tests.engine.lone import ALL, FAST, Lone, Users, lone
from tests.engine.sandbox import docker
from tests.engine.stack import STACKS, free_port, wait_until
from tests.reach.images import images, make

pytestmark = [pytest.mark.engine, pytest.mark.load, pytest.mark.timeout(300)]
STAND_INS = {"haproxy": "haproxy:3.0", "traefik": "traefik:v3.4"}


@dataclass
class Held:
    """One WebSocket, one stream of events and one big upload, each open over a switch."""

    url: str
    over: threading.Event = field(default_factory=threading.Event)
    open: threading.Event = field(default_factory=threading.Event)
    seen: dict[str, object] = field(default_factory=dict)

    def __enter__(self) -> Held:
        self._thread = threading.Thread(target=lambda: asyncio.run(self._all()), daemon=True)
        self._thread.start()
        assert self.open.wait(20), "all three are open"
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self._thread.join(30)

    async def _all(self) -> None:
        async with aiohttp.ClientSession() as session:
            await asyncio.gather(self._socket(session), self._events(session), self._upload(session))

    async def _socket(self, session: aiohttp.ClientSession) -> None:
        said, heard = 0, 0
        async with session.ws_connect(f"{self.url}/ws") as socket:
            while not self.over.is_set():
                await socket.send_str(str(said))
                heard += await socket.receive_str() == str(said)
                said += 1
                await asyncio.sleep(0.05)
        self.seen["socket"] = (said, heard)

    async def _events(self, session: aiohttp.ClientSession) -> None:
        async with session.get(f"{self.url}/events", params={"count": "60", "interval": "0.1"}) as answer:
            text = await answer.text()
        self.seen["events"] = (text.count("data: "), self.over.is_set())

    async def _upload(self, session: aiohttp.ClientSession) -> None:
        total, sent, piece = hashlib.sha256(), 0, os.urandom(1 << 16)

        async def pieces() -> AsyncIterator[bytes]:
            nonlocal sent
            while not self.over.is_set():
                total.update(piece)
                sent += len(piece)
                yield piece
                await asyncio.sleep(0.002)
                self.open.set()

        async with session.post(f"{self.url}/sum", data=pieces()) as answer:
            self.seen["upload"] = await answer.text() == f"{sent} {total.hexdigest()}", sent

    def demand_whole(self) -> None:
        """Fail unless nothing was cut, and the switch came in between."""
        said, heard = self.seen["socket"]  # type: ignore[misc]
        assert said == heard > 5
        assert self.seen["events"] == (60, True)
        right, sent = self.seen["upload"]  # type: ignore[misc]
        assert right
        assert sent > 10_000_000


def fronted(front: str, folder_of: pytest.TempPathFactory, **more: str) -> Lone:
    """Return the stack with that front, not yet started."""
    made = lone("lane", folder_of.mktemp(front), **more)
    shutil.copy(STACKS / "lone" / "app.py", made.stack.folder)
    shutil.copy(made.stack.folder / f"{front}.yml", made.stack.folder / "compose.override.yml")
    return made


@pytest.fixture(params=["nginx", pytest.param("haproxy", marks=pytest.mark.long), "traefik"])
def lane(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lone]:
    """The stack as plain ``docker compose up`` runs it, with that front."""
    front = str(request.param)
    if front in STAND_INS:
        make({STAND_INS[front]: images()[STAND_INS[front]]})
    made = fronted(front, tmp_path_factory)
    try:
        made.stack.compose("up", "--detach", "--wait")
        wait_until(lambda: made.stack.answers("/who"), "the front answers")
        yield made
    finally:
        made.remove()


def heads(url: str) -> list[tuple[str, str]]:
    """Return the headers that the application is sent of somebody who forges; ``Connection`` ends at each hop."""
    sent = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "gopher", "User-Agent": "Nobody"}
    found = httpx.get(f"{url}/heads", headers=sent, timeout=20, trust_env=False).raise_for_status().json()
    return sorted((name.lower(), value) for name, value in found if name.lower() != "connection")


def little(users: Users, *, within: float = 1.0) -> None:
    """Fail where the take-over cost more than what is asked *within* so many seconds.

    A reload closes connections that were kept open; who asks for another page just then finds it closed. Until the
    plain container has stopped the name means both, and what has not been accepted yet then goes with it; what is sent
    to its address before the front looks again waits for nobody.
    """
    assert {one.fault for one in users.failed} <= {Fault.RESET, Fault.STATUS, Fault.TIMEOUT}, users.report.table()
    assert len(users.failed) <= users.report.rate * within, users.report.table()
    assert users.report.mixed == 0, users.report.table()


def test_behind_a_front_nothing_is_lost_and_the_application_is_told_what_it_was_told(lane: Lone) -> None:
    before, front = (
        heads(lane.stack.url),
        lane.stack.docker("ps", "-q", "--filter", f"name={lane.stack.project}-front-1"),
    )
    assert "x-forwarded-for" in dict(before)
    assert "203.0.113.9" not in json.dumps(before), "this front believes nobody"
    override = (lane.stack.folder / "compose.override.yml").read_text(encoding="utf-8")
    reads_labels = "traefik" in override
    within = 5.0 if "haproxy" in override else 1.0  # it takes one address of a name, perhaps that of the plain one
    with lane.users(FAST, rate=20) as users:
        lane.teal.run("deploy", "--yes", within=240)
    little(users, within=within)
    assert heads(lane.stack.url) == before
    assert lane.own("{{json .HostConfig.PortBindings}}") in {"{}", "null"}
    with lane.users(FAST if reads_labels else ALL, rate=20) as users:  # the stand-in passes only whole answers on
        if reads_labels:
            lane.teal.run("deploy", within=240, NOTE="two")
        else:
            deployed_with_all_open(lane)
        lane.teal.run("rollback", within=240)
    users.demand_peace()
    assert heads(lane.stack.url) == before
    lane.teal.run("restart", "teal-proxy", "--yes")
    wait_until(lambda: lane.stack.answers("/chain"), "the front finds the proxy again")
    with lane.users(FAST, rate=20) as users:
        lane.teal.run("leave", "--yes", within=240)
    little(users, within=within)
    assert httpx.get(f"{lane.stack.url}/who", trust_env=False).json()["color"] == "plain"
    assert heads(lane.stack.url) == before
    assert not lane.there("-teal") | lane.there("-blue") | lane.there("-green")
    now = lane.stack.docker("ps", "-q", "--filter", f"name={lane.stack.project}-front-1")
    assert now == front, "the owner's front was never touched"


def deployed_with_all_open(lane: Lone) -> None:
    """Deploy while a WebSocket, a stream and an upload are open: the switch comes in between, and cuts none."""
    with lane.teal.running("deploy", NOTE="two") as run:
        run.until_step("start")
        with Held(lane.stack.url) as held:
            run.until_step("drain")
        ended = run.end(120)
    assert ended.status == 0, ended.told
    held.demand_whole()


def test_two_stacks_behind_the_caddy_of_another_project_never_meet(tmp_path_factory: pytest.TempPathFactory) -> None:
    edge, ports = f"teal-test-{os.getpid()}-edge", (free_port(), free_port())
    docker("network", "create", edge)
    stacks = [
        fronted("edge", tmp_path_factory, called=f"lane-{name}", LANE_NAME=name, LANE_EDGE=edge)
        for name in ("one", "two")
    ]
    urls = [f"http://127.0.0.1:{port}" for port in ports]
    try:
        for each in stacks:
            each.stack.compose("up", "--detach", "--wait")
        file = stacks[0].stack.folder / "edge.caddy"
        published = [f"--publish=127.0.0.1:{port}:{inside}" for port, inside in zip(ports, (81, 82), strict=True)]
        docker(
            "run",
            "-d",
            f"--name={edge}",
            f"--network={edge}",
            *published,
            f"-v{file}:/etc/caddy/Caddyfile:ro",
            "caddy:2",
        )
        wait_until(lambda: all(map(answers, urls)), "both answer")
        before = [heads(url) for url in urls]
        for each, port in zip(stacks, ports, strict=True):
            with each.users(FAST, port=port, rate=20) as users:
                each.teal.run("deploy", "--yes", within=240)
            little(users)
        assert [each.active for each in stacks] == ["blue", "blue"], "both are called web-blue on the edge's network"
        for url, name in zip(urls, ("one", "two"), strict=True):
            assert {answered(url) for _ in range(20)} == {f"web of {name}"}
        with (
            stacks[0].users(ALL, port=ports[0], rate=10) as first,
            stacks[1].users(ALL, port=ports[1], rate=10) as second,
        ):
            stacks[1].teal.run("deploy", "--force")
            stacks[1].teal.run("rollback")
        first.demand_peace()
        second.demand_peace()
        assert [heads(url) for url in urls] == before
        for url, name in zip(urls, ("one", "two"), strict=True):
            assert {answered(url) for _ in range(20)} == {f"web of {name}"}
    finally:
        for each in stacks:
            each.remove()
        docker("rm", "--force", edge)
        docker("network", "rm", edge)


def answered(url: str) -> str:
    """Return which service of which stack answers there."""
    return str(httpx.get(f"{url}/who", timeout=35, trust_env=False).raise_for_status().json()["service"])


def answers(url: str) -> bool:
    """Tell whether anybody answers there."""
    try:
        return bool(answered(url))
    except httpx.HTTPError:
        return False

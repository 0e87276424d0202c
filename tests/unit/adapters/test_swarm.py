"""The Swarm's store as Teal reads and writes it, and what proxies say of requests in flight."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any

import msgspec
import pytest

from teal.adapters.engine.api import EngineSaid
from teal.adapters.swarm.decode import Kept, ObjectSpec, Version
from teal.adapters.swarm.swarm import DockerSwarm, KeptTruth, _count
from teal.core.model.side import Side
from teal.core.model.units import ReleaseId
from teal.core.swarm.register import Mark
from teal.core.swarm.truth import OpenRun, Truth
from teal.errors import Refused

TRUTH = Truth(
    edges=("node1", "node2"),
    decided=Mark(7, "blue green key"),
    allocated=8,
    holder="deploy by ada",
    run=OpenRun("deploy", Side.GREEN, ReleaseId(4), ReleaseId(2)),
    releases={Side.BLUE: ReleaseId(3), Side.GREEN: ReleaseId(4)},
    behind=frozenset({"node2"}),
)


class Store:
    """The store's part of the engine's API."""

    def __init__(self) -> None:
        self.there: dict[str, Kept] = {}
        self.trouble: list[EngineSaid] = []
        self.index = 10

    def put(self, name: str, labels: dict[str, str]) -> None:
        self.index += 1
        data = base64.b64encode(b"{}").decode()
        self.there[name] = Kept(ObjectSpec(name, labels, data), Version(self.index), f"id-{name}")

    async def get(self, path: str, shape: Any, params: dict[str, str]) -> list[Kept]:
        (name,) = json.loads(params["filters"])["name"]
        return [kept for key, kept in self.there.items() if key.startswith(name)]

    async def post(self, path: str, body: dict[str, Any], *, params: dict[str, int]) -> bytes:
        kept = next(each for each in self.there.values() if each.id in path)
        if self.trouble:
            raise self.trouble.pop(0)
        if params["version"] != kept.version.index:
            raise EngineSaid(500, b'{"message": "rpc error: update out of sequence"}')
        self.put(body["Name"], body["Labels"])
        return b""


@pytest.fixture
def store() -> Store:
    found = Store()
    found.put("shop.teal", {"teal": msgspec.json.encode(KeptTruth(TRUTH)).decode()})
    found.put("shop.beat", {})
    return found


def swarm(store: Store) -> DockerSwarm:
    return DockerSwarm(store, store, "shop", proxy="proxy", port=80, environ={})  # type: ignore[arg-type]


def test_the_truth_comes_back_as_it_was_written(store: Store) -> None:
    there = swarm(store)
    seen = asyncio.run(there.read())
    assert seen.truth == TRUTH
    version = asyncio.run(there.swap(TRUTH.ended, seen.version))
    assert version > seen.version
    assert asyncio.run(there.read()).truth == TRUTH.ended
    assert asyncio.run(there.swap(TRUTH, seen.version)) == 0


def test_another_command_came_between_the_look_and_the_write(store: Store) -> None:
    store.trouble = [EngineSaid(500, b'{"message": "update out of sequence"}')]
    there = swarm(store)
    assert asyncio.run(there.swap(TRUTH.ended, store.there["shop.teal"].version.index)) == 0


def test_a_write_whose_answer_was_lost_is_found_in_the_store(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    async def at_once(_: float) -> None:
        return None

    monkeypatch.setattr(asyncio, "sleep", at_once)
    there, before = swarm(store), store.there["shop.teal"].version.index
    real = store.post

    async def lost(*words: Any, **more: Any) -> bytes:
        await real(*words, **more)
        monkeypatch.setattr(store, "post", real)
        raise EngineSaid(500, b'{"message": "rpc error: lost leader status"}')

    monkeypatch.setattr(store, "post", lost)
    assert asyncio.run(there.swap(TRUTH.ended, before)) > before


def test_a_sign_of_life_counts_for_the_holder_alone(store: Store) -> None:
    there = swarm(store)
    asyncio.run(there.beat("deploy by ada"))
    alive = asyncio.run(there.read()).beat
    assert alive > 0
    for _ in range(3):
        asyncio.run(there.beat("one that waits"))
        assert asyncio.run(there.read()).beat == 0


def test_a_newer_teal_is_not_misread(store: Store) -> None:
    label = msgspec.json.encode(KeptTruth(TRUTH, format=2)).decode()
    store.put("shop.teal", {"teal": label})
    with pytest.raises(Refused, match="a newer Teal"):
        asyncio.run(swarm(store).read())


def rows(**counts: int) -> dict[str, Any]:
    found = [{"address": name, "num_requests": count} for name, count in counts.items()]
    return {"status": 200, "body": json.dumps(found)}


def test_requests_in_flight_are_counted_by_color_and_silence_is_no_zero() -> None:
    answer = rows(**{"web-blue:3000": 2, "api-blue:3001": 1, "web-blue.:3000": 4, "web-green:3000": 8})
    assert _count(answer, Side.BLUE) == (3, 4)
    assert _count(answer, Side.GREEN) == (8, 0)
    assert _count(rows(), Side.BLUE) == (0, 0)
    for silent in ({"error": "timed out"}, {"status": 502, "body": "bad gateway"}, {"status": 200, "body": "[1]"}, {}):
        assert _count(silent, Side.BLUE) is None

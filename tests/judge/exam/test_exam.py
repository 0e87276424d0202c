"""The labels of the exam hold on a real server; what the judge says of them is printed by ``make exam``, not tested."""

import asyncio
from collections import Counter
from dataclasses import replace

import pytest

from tests.engine.server import Server
from tests.judge.exam.__main__ import at_once
from tests.judge.exam.entries import SOURCES, Entry, load
from tests.judge.exam.place import prepare
from tests.judge.exam.playing import WAYS, Endless, verify

ENTRIES = load()
EVERY = 2  # one in two is played here, at least one of each kind and label; `make exam-verify` plays them all


def sample() -> list[Entry]:
    met: Counter[tuple[str, bool]] = Counter()
    chosen = []
    for entry in ENTRIES:
        if met[entry.kind, entry.refuse] % EVERY == 0:
            chosen.append(entry)
        met[entry.kind, entry.refuse] += 1
    return chosen


@pytest.fixture(scope="module")
def server(place: tuple[Server, str]) -> Server:
    asyncio.run(prepare(place[0]))
    return place[0]


def test_the_exam_is_large_balanced_and_of_every_kind() -> None:
    assert len(ENTRIES) >= 120
    assert len({entry.name for entry in ENTRIES}) == len(ENTRIES)
    kinds = {entry.kind for entry in ENTRIES}
    assert kinds == {f"N{n}" for n in range(1, 14)} | {f"P{n}" for n in range(1, 14)} | {"offline", "queries"}
    assert {entry.source for entry in ENTRIES} == set(SOURCES)
    assert 0.4 < sum(entry.refuse for entry in ENTRIES) / len(ENTRIES) < 0.6
    assert all(set(entry.harm) & set(WAYS) for entry in ENTRIES if entry.refuse)


@pytest.mark.engine
@pytest.mark.timeout(300)
def test_each_harm_and_each_harmlessness_is_seen(server: Server) -> None:
    chosen = sample()
    seen = asyncio.run(at_once(lambda entry: verify(server, entry), chosen))
    wrong = [
        f"{one.kind}: {one.name}: {said}" for one, said in zip(chosen, seen, strict=True) if not isinstance(said, str)
    ]
    assert not wrong, "\n".join(wrong)


def of_way(way: str) -> Entry:
    return next(entry for entry in ENTRIES if way in entry.harm)


@pytest.mark.engine
@pytest.mark.parametrize("way", ["fails", "scans", "rewrites", "rows", "endless"])
def test_a_harm_that_is_called_harmless_is_contradicted(way: str, server: Server) -> None:
    called = replace(of_way(way), refuse=False, harm={}, keeps={"SELECT 1": 1})
    with pytest.raises((AssertionError, Endless)):
        asyncio.run(verify(server, called))


@pytest.mark.engine
@pytest.mark.parametrize(
    "harm",
    [
        {"fails": "."},
        {"breaks": "INSERT INTO crates (id) VALUES (900000)", "says": "."},
        {"loses": [{"apply": ""}], "ask": "SELECT count(*) FROM crates"},
        {"leaves": "SELECT count(*) FROM crates WHERE id < 0"},
        {"rewrites": "crates"},
        {"rows": "crates"},
        {"scans": "crates"},
    ],
    ids=lambda harm: next(iter(harm)),
)
def test_the_harmless_that_is_called_a_harm_is_contradicted(harm: dict[str, object], server: Server) -> None:
    harmless = next(entry for entry in ENTRIES if entry.kind == "N2" and not entry.refuse)
    called = replace(harmless, refuse=True, harm=harm)
    with pytest.raises(AssertionError):
        asyncio.run(verify(server, called))

"""The soak's judgement sees what grows and what slows down."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from proof.soak.holdings import Holdings
from proof.soak.stack import Round, kind_of
from proof.soak.verdict import MB, rows

STEADY = Holdings(
    round=0,
    containers=5,
    networks=3,
    volumes=2,
    images=3,
    tags=7,
    releases=3,
    state_files=17,
    state_bytes=33_000,
    told=120,
    journal_runs=100,
    journal_bytes=600_000,
    proxy_fds=14,
    proxy_memory=14 * MB,
    library_fds=7,
    library_memory=20 * MB,
    library_threads=2,
    engine_fds=90,
)
ROUNDS = [Round(number, kind_of(number), 3.0, {"start": 1.0}) for number in range(1, 501)]


def missed(holdings: Iterable[Holdings], rounds: list[Round] = ROUNDS) -> list[str]:
    return [row.name for row in rows(list(holdings), rounds) if row.met is False]


def held(**grown: int) -> Iterable[Holdings]:
    """Yield what is held after each round, of which something grows by so much each hundred rounds."""
    for number in range(1, 501):
        more = {name: getattr(STEADY, name) + each * number // 100 for name, each in grown.items()}
        yield replace(STEADY, round=number, **more)


def test_what_stays_as_it_is_meets_every_limit() -> None:
    assert missed(held()) == []


def test_each_growth_is_seen() -> None:
    leaks = {
        "containers": ({"containers": 1}, "containers"),
        "networks": ({"networks": 1}, "networks"),
        "tags": ({"tags": 1}, "image tags"),
        "runs": ({"journal_runs": 100}, "runs in the journal"),
        "descriptors": ({"proxy_fds": 20}, "proxy: file descriptors"),
        "memory": ({"library_memory": 3 * MB}, "library's process: memory"),
        "files": ({"state_files": 1}, "files of the state"),
    }
    assert {name: missed(held(**grown)) for name, (grown, _) in leaks.items()} == {
        name: [row] for name, (_, row) in leaks.items()
    }


def test_deploys_that_get_slower_are_seen_and_few_are_not_judged() -> None:
    slower = [replace(each, seconds=3.0 + each.number / 1000) for each in ROUNDS]
    assert missed(held(), slower) == ["deploy, the last 50"]
    assert missed(held(), slower[:150]) == []


def test_what_this_user_may_not_see_is_not_judged() -> None:
    blind = [replace(each, proxy_fds=None, proxy_memory=None) for each in held()]
    assert missed(blind) == []

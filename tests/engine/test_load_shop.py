"""The load and its counting against the shop as it runs plainly: jobs included."""

import time
from typing import Any

import pytest

from proof.jobs import Run, Tick, count_jobs, overlaps, spans
from proof.load import Load, Mix
from tests.engine.stack import Stack, wait_until

pytestmark = [pytest.mark.engine, pytest.mark.load]


def shop_mix() -> Mix:
    """Return the mix for the shop: no TLS, two services take part, orders go to a queue."""
    return Mix(
        participants=2, plain_only=True, job=40, slow=20, upload=8, events=12, ws=10,
        events_seconds=(1, 3), ws_seconds=(1, 3), job_seconds=(0.0, 0.2),
    )  # fmt: skip


def rows(shop: Stack, path: str, since: float) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = shop.get(f"/api/{path}?since={since}").json()
    return found


def runs(shop: Stack, since: float) -> list[Run]:
    return [
        Run(row["job"], row["release"], row["color"], row["begun"], row["finished"])
        for row in rows(shop, "jobs", since)
    ]


def test_the_shop_under_load_loses_nothing_and_does_each_job_once(shop: Stack) -> None:
    since = time.time()
    with Load(http=shop.url, rate=60, mix=shop_mix()) as load:
        time.sleep(6)
        report = load.finish()
        accepted, doubtful = load.jobs
    wait_until(lambda: shop.get("/api/health").json()["outstanding"] == 0, "the queue is empty")
    assert report.clean, report.table()
    counted = count_jobs(accepted, runs(shop, since), doubtful=doubtful)
    assert counted.clean, counted
    assert counted.done == len(accepted) >= 8


def test_two_schedulers_at_once_are_found(shop: Stack) -> None:
    since = time.time()
    time.sleep(2)
    before = [Tick(row["container"], row["at"]) for row in rows(shop, "ticks", since)]
    assert before
    assert not overlaps(spans(before, gap=5))
    shop.compose("up", "--detach", "--scale", "scheduler=2", "--no-recreate", "--no-deps", "scheduler")
    time.sleep(4)
    during = [Tick(row["container"], row["at"]) for row in rows(shop, "ticks", since)]
    shop.compose("up", "--detach", "--scale", "scheduler=1", "--no-recreate", "--no-deps", "scheduler")
    assert overlaps(spans(during, gap=5))

"""The shop runs plainly: what its owner has before Teal, and must keep with it."""

import asyncio
import json
import random
import time
from itertools import pairwise
from typing import Any

import aiohttp
import httpx
import pytest

from tests.engine.stack import Stack, wait_until

pytestmark = pytest.mark.engine

# What plain Compose makes of app.env and of the environment in compose.yml.
ENVIRONMENT = {
    "SHOP_TITLE": 'Ann & Bob\'s "corner" shop',
    "SHOP_CURRENCY": "EUR",
    "GREETING": "Grüß Gott, 你好 😀",
    "ACCENT": "#b45309",
    "MAIL_SUBJECT": "Order confirmed",
    "MAIL_TAG": "order#confirmed",
    "MAIL_BODY": "Dear customer,\n\tyour order is on its way.\nBye",
    "PADDED": "  two spaces on each side  ",
    "EMPTY": "",
    "PRICE_FORMAT": "$%0.2f",
    "PRICE_NOTE": "from $5 an item",
    "PASSWORD_SAMPLE": 'p@$$w0rd$HOME"`ls`\\n',
    "SKU_PATTERN": r"^[A-Z]{2}-\d+(\.\d{2})?$",
    "FEATURES": '{"gift_wrap": true, "basket": {"limit": 50}, "tags": ["new", "sale"]}',
    "SHIPPING": (
        '{"zones": [{"name": "EU", "rate": "$4.90"}, {"name": "world", "note": "it\\u0027s slow # sometimes"}]}'
    ),
    "DB_OPTIONS": "-c statement_timeout=5000 -c search_path=shop,public",
    "RECEIPT_FOOTER": 'Spend $50, save $5: it\'s "on the house" # no minimum',
}


def test_the_front_page_shows_what_the_api_sells(shop: Stack) -> None:
    answer = shop.get("/")
    assert "honey" in answer.text
    assert "7.90" in answer.text


def test_the_proxy_serves_static_files_itself(shop: Stack) -> None:
    answer = shop.get("/static/shop.css")
    assert answer.headers["content-type"].startswith("text/css")
    assert answer.headers["cache-control"] == "public, max-age=3600"
    assert "x-color" not in answer.headers


def test_the_proxy_adds_its_own_headers(shop: Stack) -> None:
    answer = shop.get("/api/products")
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-frame-options"] == "SAMEORIGIN"
    assert "server" not in answer.headers


@pytest.mark.parametrize("path", ["/", "/chain", "/nothing", "/api/health", "/api/nothing", "/api/slow?seconds=x"])
def test_every_answer_of_the_application_is_labelled(shop: Stack, path: str) -> None:
    before = time.time()
    headers = shop.get(path).headers
    assert (headers["x-color"], headers["x-release"]) == ("plain", "0")
    assert before <= float(headers["x-started"]) <= time.time()


@pytest.mark.parametrize("path", ["/echo", "/api/echo"])
def test_a_body_comes_back_byte_for_byte(shop: Stack, path: str) -> None:
    body = random.Random(path).randbytes(1_000_000)
    assert shop.post(path, content=body).content == body
    assert shop.get(path).content == b""


def test_a_request_goes_from_web_to_api(shop: Stack) -> None:
    answer = shop.get("/chain").json()
    assert [part["service"] for part in answer] == ["web", "api"]
    assert {(part["color"], part["release"]) for part in answer} == {("plain", "0")}


def test_a_slow_answer_takes_its_time(shop: Stack) -> None:
    begun = time.monotonic()
    assert shop.get("/slow?seconds=1").json() == {"slept": 1}
    assert time.monotonic() - begun >= 1


def test_events_arrive_one_by_one(shop: Stack) -> None:
    arrivals = []
    with httpx.stream("GET", f"{shop.url}/events?count=3&interval=0.5", trust_env=False) as answer:
        for line in answer.iter_lines():
            if line.startswith("data: "):
                arrivals.append((time.monotonic(), json.loads(line.removeprefix("data: "))["number"]))
    assert [number for _, number in arrivals] == [1, 2, 3]
    assert arrivals[2][0] - arrivals[0][0] >= 0.9


def test_a_websocket_echoes(shop: Stack) -> None:
    async def talk() -> tuple[str, bytes, str]:
        async with aiohttp.ClientSession() as session, session.ws_connect(f"{shop.url}/ws") as ws:
            await ws.send_str("tea?")
            text = await ws.receive_str(timeout=5)
            await ws.send_bytes(b"\x00\xff")
            return text, await ws.receive_bytes(timeout=5), ws._response.headers["X-Color"]

    assert asyncio.run(talk()) == ("tea?", b"\x00\xff", "plain")


def test_values_with_dollars_quotes_and_json_reach_the_application(shop: Stack) -> None:
    assert shop.get("/api/env").json() == ENVIRONMENT


def test_the_bound_settings_file_is_read(shop: Stack) -> None:
    assert shop.get("/api/settings").json()["queue"] == {"claim_after": 3}


def test_the_migration_ran_to_its_end_and_may_run_again(shop: Stack) -> None:
    state = json.loads(shop.compose("ps", "--all", "--format", "json", "migrate"))
    assert (state["State"], state["ExitCode"]) == ("exited", 0)
    assert "002_ticks.sql" in shop.compose("run", "--rm", "--no-deps", "migrate")


def test_each_job_is_done_once_although_the_worker_is_stopped_meanwhile(shop: Stack) -> None:
    jobs = [_put(shop, f"stopped-{number}", seconds=0.8) for number in range(5)]
    wait_until(lambda: len(_runs(shop, jobs)) >= 2, "a second job is begun")
    shop.compose("stop", "worker")
    assert all(run["finished"] for run in _runs(shop, jobs))
    shop.compose("start", "worker")
    wait_until(lambda: shop.get("/api/health").json()["outstanding"] == 0, "the queue is empty")
    assert [run["job"] for run in _runs(shop, jobs)] == jobs
    assert {run["total_cents"] for run in _runs(shop, jobs)} == {2 * 450 * 120 // 100}


def test_a_job_whose_worker_was_killed_is_begun_again_and_finished(shop: Stack) -> None:
    jobs = [_put(shop, "killed", seconds=2)]
    wait_until(lambda: len(_runs(shop, jobs)) == 1, "the job is begun")
    shop.compose("kill", "worker")
    shop.compose("start", "worker")
    wait_until(lambda: shop.get("/api/health").json()["outstanding"] == 0, "the queue is empty")
    assert [run["finished"] is not None for run in _runs(shop, jobs)] == [False, True]


def test_one_scheduler_ticks_each_second(shop: Stack) -> None:
    wait_until(lambda: len(_ticks(shop)) >= 5, "five ticks")
    ticks = _ticks(shop)
    assert [tick["kind"] for tick in ticks] == ["start", *["tick"] * (len(ticks) - 1)]
    (container,) = {tick["container"] for tick in ticks}
    assert shop.compose("ps", "--quiet", "scheduler").startswith(container)
    times = [tick["at"] for tick in ticks[1:]]
    assert all(later - earlier >= 0.9 for earlier, later in pairwise(times))


def _put(shop: Stack, job: str, *, seconds: float) -> str:
    answer = shop.post("/api/jobs", json={"id": job, "seconds": seconds, "items": {"tea": 2}})
    assert answer.status_code == 202
    return str(answer.json()["job"])


def _runs(shop: Stack, jobs: list[str]) -> list[dict[str, Any]]:
    return [run for run in shop.get("/api/jobs").json() if run["job"] in jobs]


def _ticks(shop: Stack) -> list[dict[str, Any]]:
    answer: list[dict[str, Any]] = shop.get("/api/ticks").json()
    return answer

"""The example stack runs plainly: what its page, its services and its database do before there is a color."""

import asyncio
import json
import os
import shutil
import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import aiohttp
import httpx
import pytest

from tests.engine.stack import Stack, free_port, wait_until

pytestmark = pytest.mark.engine

EXAMPLE = Path(__file__).parents[2] / "examples" / "tale"
SERVICES = {"platform", "rag", "crawler", "search", "graph-db"}
MEGABYTE = 1_000_000


@pytest.fixture(scope="module")
def https_port() -> int:
    return free_port()


@pytest.fixture(scope="module")
def tale(tmp_path_factory: pytest.TempPathFactory, https_port: int) -> Iterator[Stack]:
    """A copy of the example with names, ports and state of its own, crawled once."""
    folder = tmp_path_factory.mktemp("tale") / "tale"
    shutil.copytree(EXAMPLE, folder, ignore=shutil.ignore_patterns("__pycache__", ".env"))
    project, port = f"teal-test-{os.getpid()}-tale", free_port()
    settings = {
        "COMPOSE_PROJECT_NAME": project,
        "HTTP_PORT": port,
        "HTTPS_PORT": https_port,
        "TEAL_HOME": folder.parent / "home",
    }
    (folder / ".env").write_text("".join(f"{name}={value}\n" for name, value in settings.items()), encoding="utf-8")
    stack = Stack(folder, project, f"http://127.0.0.1:{port}")
    try:
        stack.compose("up", "--detach", "--build", "--wait", within=300)
        wait_until(lambda: bool(asked(stack, "teal")["found"]), "the site is crawled")
        yield stack
    finally:
        stack.compose("down", "--volumes", "--remove-orphans", "--timeout", "1")
        stack.docker("image", "rm", "--force", *(f"{project}/{service}" for service in sorted(SERVICES)))


def asked(tale: Stack, question: str) -> dict[str, object]:
    return tale.get("/ask", params={"q": question}).json()


def inside(tale: Stack, url: str) -> object:
    """Ask a service that is not published, from within platform."""
    return json.loads(tale.compose("exec", "-T", "platform", "curl", "-fsS", url))


def sql(tale: Stack, query: str) -> list[str]:
    return tale.compose("exec", "-T", "db", "psql", "-U", "tale", "-d", "tale", "-qAtc", query).splitlines()


def test_the_page_is_served_and_every_answer_names_color_and_release(tale: Stack) -> None:
    before = time.time()
    for path, status in {"/": 200, "/site/teal": 200, "/style.css": 200, "/health": 200, "/nothing": 404}.items():
        answer = tale.get(path)
        assert answer.status_code == status
        assert (answer.headers["x-color"], answer.headers["x-release"]) == ("plain", "0")
        assert before - 1 < float(answer.headers["x-started"]) <= float(answer.headers["x-time"]) < time.time() + 1


def test_a_question_is_answered_with_sources_by_all_four_services(tale: Stack) -> None:
    answer = asked(tale, "How many eggs does a mallard lay?")
    assert answer["answer"] == "A mallard lays 8 to 13 eggs and sits for about 28 days; a teal sits for 21 to 23 days."
    assert [source["url"] for source in answer["sources"]] == ["/site/nesting"]
    assert [step["id"] for step in answer["way"]] == ["/site/", "/site/teal", "/site/nesting"]
    assert "/site/mallard" in {page["url"] for page in answer["found"]}
    assert answer["crawled"]["pages"] == len(list((EXAMPLE / "platform/site").glob("*.html")))
    assert answer["served_by"] == {"service": "platform", "color": "plain", "release": "0"}


def test_what_no_page_answers_is_not_answered(tale: Stack) -> None:
    answer = asked(tale, "How do I bake bread?")
    assert answer["answer"] == "Nothing on these pages answers that."
    assert answer["sources"] == answer["found"] == []


def test_the_chain_names_everyone_who_took_part(tale: Stack) -> None:
    chain = tale.get("/chain").json()
    assert len(chain) == 5
    assert {entry["service"] for entry in chain} == SERVICES
    assert {(entry["color"], entry["release"]) for entry in chain} == {("plain", "0")}


@pytest.mark.parametrize("body", [b"", b"\x00\xff\r\n\r\n", os.urandom(MEGABYTE)], ids=["empty", "odd", "1 MB"])
def test_echo_returns_the_body_byte_for_byte(tale: Stack, body: bytes) -> None:
    assert tale.post("/echo?a=1", content=body).content == body


def test_echo_takes_an_upload_of_unknown_length(tale: Stack) -> None:
    parts = [os.urandom(10_000) for _ in range(20)]
    assert tale.post("/echo", content=iter(parts)).content == b"".join(parts)


def test_echo_returns_method_and_query(tale: Stack) -> None:
    answer = tale.get("/echo?token=1%202&b=")
    assert answer.text == answer.headers["x-query"] == "token=1%202&b="
    assert answer.headers["x-method"] == "GET"


def test_slow_answers_take_their_time_and_bad_numbers_are_refused(tale: Stack) -> None:
    begun = time.monotonic()
    assert tale.get("/slow?seconds=0.5").json()["slept"] == 0.5
    assert time.monotonic() - begun >= 0.5
    assert tale.get("/slow?seconds=soon").status_code == 400


def test_events_arrive_one_by_one(tale: Stack) -> None:
    arrivals = []
    with httpx.stream("GET", f"{tale.url}/events?count=4&interval=0.3", trust_env=False) as answer:
        assert answer.headers["content-type"] == "text/event-stream"
        for line in answer.iter_lines():
            if line.startswith("data:"):
                arrivals.append((time.monotonic(), json.loads(line[5:])["number"]))
    assert [number for _, number in arrivals] == [1, 2, 3, 4]
    assert arrivals[-1][0] - arrivals[0][0] >= 0.8


def test_a_websocket_echoes_text_and_bytes(tale: Stack) -> None:
    async def talk() -> None:
        async with aiohttp.ClientSession() as session, session.ws_connect(f"{tale.url}/ws") as socket:
            await socket.send_str("grüß dich")
            assert await socket.receive_str(timeout=5) == "grüß dich"
            await socket.send_bytes(b"\x00\xff" * 1000)
            assert await socket.receive_bytes(timeout=5) == b"\x00\xff" * 1000

    asyncio.run(talk())


def test_https_speaks_http2(tale: Stack, https_port: int) -> None:
    """The certificate is the proxy's own: believed when given its root."""
    root = tale.compose("exec", "-T", "proxy", "cat", "/data/caddy/pki/authorities/local/root.crt")
    with httpx.Client(http2=True, verify=ssl.create_default_context(cadata=root), trust_env=False) as client:
        answer = client.get(f"https://localhost:{https_port}/echo?over=tls")
        assert (answer.http_version, answer.text) == ("HTTP/2", "over=tls")
        assert client.get(f"https://127.0.0.1:{https_port}/health").is_success


def test_search_ranks_by_title_and_marks_the_words(tale: Stack) -> None:
    found = inside(tale, "http://search:3003/search?q=garganey&limit=3")
    assert found[0]["url"] == "/site/garganey"
    assert "[[garganey]]" in found[0]["headline"].lower()
    assert [page["rank"] for page in found] == sorted((page["rank"] for page in found), reverse=True)


def test_rag_finds_a_misspelt_word_by_its_embedding(tale: Stack) -> None:
    nearest = inside(tale, "http://rag:3001/retrieve?q=gargany%20crescnt")
    assert nearest[0]["url"] == "/site/garganey"
    assert sql(tale, "SELECT vector_dims(embedding) FROM passages LIMIT 1") == ["256"]


def test_the_graph_knows_neighbours_and_shortest_paths(tale: Stack) -> None:
    near = {node["id"]: node for node in inside(tale, "http://graph-db:3004/neighbours?id=/site/moult")}
    assert near["/site/mallard"] == {"id": "/site/mallard", "label": "Mallard", "leads_to": False, "led_from": True}
    assert near["/site/nesting"]["leads_to"]
    assert near["/site/nesting"]["led_from"]
    path = inside(tale, "http://graph-db:3004/path?source=/site/wetlands&target=/site/moult")
    assert [node["label"] for node in path] == ["Wetlands", "Garganey", "Eurasian teal", "Nesting", "Moult"]


def test_a_graph_without_a_way_says_so(tale: Stack) -> None:
    status = ["--write-out", "%{http_code}", "--silent", "--output", "/dev/null"]
    path = "http://graph-db:3004/path?source=/site/moult&target=/site/wetlands"
    assert tale.compose("exec", "-T", "platform", "curl", *status, path) == "404"


def test_a_second_round_is_not_due_yet(tale: Stack) -> None:
    """The crawler asks every few seconds whether a round is due; one in 60 s is."""
    time.sleep(6)
    assert len(sql(tale, "SELECT id FROM crawl_rounds WHERE begun > now() - interval '40 seconds'")) <= 1


def test_requests_are_measured_in_a_hypertable(tale: Stack) -> None:
    assert sql(tale, "SELECT hypertable_name FROM timescaledb_information.hypertables") == ["request_metrics"]
    token = "SELECT count(*) FROM request_metrics WHERE path = '/slow' AND milliseconds >= 300"
    before = int(sql(tale, token)[0])
    tale.get("/slow?seconds=0.3")
    wait_until(lambda: int(sql(tale, token)[0]) == before + 1, "the request is in the table", within=5)
    assert sum(row["requests"] for row in tale.get("/metrics").json()) > 0


def test_health_says_when_the_database_is_away_and_recovers(tale: Stack) -> None:
    tale.compose("stop", "db")
    try:
        assert tale.get("/health").status_code == 503
        assert tale.get("/echo?alive").status_code == 200
    finally:
        tale.compose("start", "db")
    wait_until(lambda: tale.answers("/health"), "the database is found again")


def test_a_slow_boot_does_not_listen_and_an_abrupt_stop_does_not_wait(tale: Stack) -> None:
    started = tale.compose("run", "--detach", "--no-deps", "-e", "BOOT_SECONDS=2", "-e", "STOP=abrupt", "search")
    name = started.strip()
    try:
        assert "listening" not in tale.docker("logs", name)
        wait_until(lambda: "listening" in tale.docker("logs", name), "it listens", within=8)
        begun = time.monotonic()
        tale.docker("stop", name)
        assert time.monotonic() - begun < 2
        assert tale.docker("inspect", "--format", "{{.State.ExitCode}}", name).strip() == "143"
        assert "stopping" not in tale.docker("logs", name)
    finally:
        tale.docker("rm", "--force", name)


def test_a_stop_finishes_what_was_begun(tale: Stack) -> None:
    """Last, for it stops platform: a slow request ends whole, a stream ends, a WebSocket is told to come again."""
    name = f"{tale.project}-platform-1"

    async def stop_in_between() -> tuple[int, int | None, bytes]:
        async with aiohttp.ClientSession() as session, session.ws_connect(f"{tale.url}/ws") as socket:
            await socket.send_str("here")
            await socket.receive_str(timeout=5)
            stream = await session.get(f"{tale.url}/events?interval=0.2")
            slow = asyncio.create_task(_status(session, f"{tale.url}/slow?seconds=3"))
            await asyncio.sleep(0.5)
            stop = await asyncio.create_subprocess_exec("docker", "stop", name, stdout=subprocess.DEVNULL)
            closed = await socket.receive(timeout=10)
            events = await asyncio.wait_for(stream.read(), 10)
            assert await stop.wait() == 0
            return await slow, closed.data, events

    begun = time.monotonic()
    slow, code, events = asyncio.run(stop_in_between())
    assert (slow, code) == (200, aiohttp.WSCloseCode.SERVICE_RESTART)
    assert events.endswith(b"\n\n")
    assert events.count(b"data:") >= 2
    assert 3 <= time.monotonic() - begun < 10
    assert tale.docker("inspect", "--format", "{{.State.ExitCode}}", name).strip() == "0"
    assert "stopped" in tale.docker("logs", "--tail", "3", name)


async def _status(session: aiohttp.ClientSession, url: str) -> int:
    async with session.get(url) as answer:
        await answer.read()
        return answer.status

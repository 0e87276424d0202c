"""Fuzzes what other programs say: the engine's API, Compose's answers, Caddy's configuration and counts."""

from __future__ import annotations

import asyncio
import copy
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, suppress

import httpx
from hypothesis import strategies as st

from teal.adapters.caddy.client import UpstreamRow, counts
from teal.adapters.caddy.config import admin, entries, routes, trusts, unfit
from teal.adapters.caddy.dials import dials
from teal.adapters.caddy.proxy import CaddyProxy
from teal.adapters.compose import one_shot
from teal.adapters.compose.cli import culprits, read_version, told_why
from teal.adapters.compose.model import understood
from teal.adapters.engine import DockerEngine
from teal.adapters.engine.api import Api
from teal.adapters.engine.containers import Frames
from teal.adapters.host import read_memory
from teal.adapters.process import Ended, Output
from teal.core.model.observed import Container
from teal.core.model.side import Side
from teal.core.model.versions import engine_version, is_old_caddy
from teal.core.services.addresses import host_and_port
from teal.errors import Failed
from teal.ports import Ran
from tests.fuzz.files import ROOT
from tests.fuzz.judging import Target
from tests.fuzz.text import damaged, values, words

# The engine ------------------------------------------------------------------------------------------------------

_LABELS = {"com.docker.compose.project": "shop-blue", "com.docker.compose.service": "web-blue", "teal.release": "3"}
_STATE = {
    "Status": "running",
    "StartedAt": "2026-11-24T06:37:35.123456789Z",
    "Pid": 12,
    "Health": {"Status": "healthy"},
}
_ANSWERS: dict[str, object] = {
    "info": {"ID": "x", "ServerVersion": "28.5.1", "NCPU": 2, "MemTotal": 8 << 30, "SecurityOptions": ["name=seccomp"]},
    "list": [{"Id": "c1", "Labels": _LABELS}],
    "container": {
        "Id": "c1",
        "Name": "/shop-web-blue",
        "Image": "sha256:00",
        "State": _STATE,
        "Config": {"Labels": _LABELS},
        "HostConfig": {"PortBindings": {"80/tcp": [{"HostIp": "", "HostPort": "8080"}]}},
        "NetworkSettings": {
            "Networks": {"shop": {"NetworkID": "n", "IPAddress": "172.18.0.2", "Aliases": ["web"]}},
            "Ports": {"80/tcp": [{"HostIp": "0.0.0.0", "HostPort": "8080"}]},
        },
        "RestartCount": 0,
    },
    "image": {
        "Id": "sha256:00",
        "RepoTags": ["web:1"],
        "Size": 1,
        "Config": {
            "ExposedPorts": {"3000/tcp": {}},
            "Healthcheck": {"Test": ["CMD", "true"], "Interval": 3 * 10**9},
            "Volumes": {"/data": {}},
        },
    },
    "network": {"Id": "n", "Name": "shop", "Driver": "bridge", "Labels": _LABELS, "Containers": {"c1": {}}},
    "stats": {"memory_stats": {"usage": 10, "stats": {"inactive_file": 3}}},
    "exec": {"Id": "e1", "ExitCode": 0, "Pid": 1},
    "event": {"Actor": {"ID": "c1", "Attributes": _LABELS}, "timeNano": 1_700_000_000_000_000_000},
    "error": {"message": "no such container"},
}


@st.composite
def _changed(draw: st.DrawFn, tree: object) -> object:
    """*tree* with one or two of its parts replaced by anything."""
    whole = [copy.deepcopy(tree)]
    for _ in range(draw(st.integers(0, 2))):
        at: object = whole
        key: object = 0
        while isinstance(at[key], dict | list) and at[key] and draw(st.integers(0, 3)):  # type: ignore[index]
            at = at[key]  # type: ignore[index]
            key = draw(st.sampled_from(sorted(at) if isinstance(at, dict) else range(len(at))))  # type: ignore[arg-type]
        at[key] = draw(values)  # type: ignore[index]
    return whole[0]


def _json(tree: object) -> bytes:
    return json.dumps(tree).encode()


_body = st.one_of(
    *(_changed(answer).map(_json) for answer in _ANSWERS.values()),
    st.binary(max_size=30),
    damaged(st.sampled_from([json.dumps(each) for each in _ANSWERS.values()])).map(
        lambda said: said.encode("utf-8", "surrogatepass")
    ),
)
_talk = st.tuples(
    st.dictionaries(st.sampled_from(list(_ANSWERS)), _body, max_size=3),
    st.sampled_from([200, 200, 200, 200, 204, 304, 400, 403, 404, 409, 500, 501]),
    st.sampled_from(["1.51", "1.51", "1.51", "1.20", "", "x.y", "1", "1.51.3", "9" * 300]),
    st.sampled_from(["info", "containers", "image", "networks", "logs", "execute", "memory", "events", "connect"]),
)


def _kind(path: str) -> str:
    kinds = {"json": "container", "info": "info", "stats": "stats", "events": "event", "create": "exec", "exec": "exec"}
    if path.endswith(("/containers/json", "/networks")):
        return "list"
    if "/networks/" in path:
        return "network"
    if "/images/" in path:
        return "image"
    return "exec" if "/exec" in path else kinds.get(path.rsplit("/", 1)[-1], "error")


def _ask_engine(example: tuple[dict[str, bytes], int, str, str]) -> None:
    said, status, version, asked = example

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/_ping"):
            return httpx.Response(200, headers={"api-version": version})
        kind = _kind(request.url.path)
        # What can't be read here ends an events stream: it would be asked for again for a minute.
        code = status if kind in said else 200
        return httpx.Response(code, content=_pieces(said.get(kind, _json(_ANSWERS[kind]))))

    asyncio.run(_talk_to(answer, asked))


async def _talk_to(answer: Callable[[httpx.Request], httpx.Response], asked: str) -> None:
    api = Api("/var/run/docker.sock")
    api._client = httpx.AsyncClient(transport=httpx.MockTransport(answer))
    engine = DockerEngine(api)
    calls: dict[str, Callable[[], Awaitable[object]]] = {
        "info": engine.info,
        "containers": lambda: engine.containers("shop"),
        "image": lambda: engine.image("web:1"),
        "networks": lambda: engine.networks("shop"),
        "logs": lambda: engine.logs("c1", lines=20),
        "execute": lambda: engine.execute("c1", ("true",), within=5),
        "memory": lambda: engine.memory(["c1"]),
        "events": lambda: _first_event(engine),
        "connect": lambda: engine.connect("shop", "c1", ("web",)),
    }
    try:
        found = await calls[asked]()
    finally:
        await engine.close()
    if asked == "info":
        engine_version(found.version)  # type: ignore[attr-defined]
    if asked == "image" and found:
        assert all(0 <= port <= 65535 for port in found.exposed)  # type: ignore[attr-defined]


async def _first_event(engine: DockerEngine) -> str:
    with suppress(TimeoutError):  # an engine that does not answer is asked again for a minute
        async with asyncio.timeout(0.01), aclosing(engine.events("shop")) as events:  # type: ignore[type-var]
            return await anext(events)
    return ""


async def _pieces(body: bytes) -> AsyncIterator[bytes]:
    for at in range(0, len(body), 7):
        yield body[at : at + 7]


# Docker Compose --------------------------------------------------------------------------------------------------

_MODEL = json.dumps({"name": "shop", "services": {"web": {"image": "web:1", "stop_grace_period": "10s"}}})
_WARNING = (
    'time="2026-11-24T06:37:35Z" level=warning msg="The \\"X\\" variable is not set. Defaulting to a blank string."'
)
_output = st.one_of(damaged(st.just(_MODEL)), _changed(json.loads(_MODEL)).map(json.dumps), words)
_errors = st.one_of(damaged(st.just(_WARNING)), words)


def _ask_compose(example: tuple[str, str, str, bytes]) -> None:
    output, errors, version, raw = example
    lines = Output(None)
    lines.feed(raw)
    ended = Ended(1, (*errors.splitlines(), *lines.lines))
    culprits(ended.text, ("web", "db"))
    told_why(Failed("it failed", hint="see above"), ended)
    asyncio.run(one_shot._found(_docker(Ended(0, (errors.replace("\n", " "),))), "shop-migrate"))
    try:
        understood(output, errors)
    finally:
        read_version(version or "2.40.0")


def _docker(ended: Ended) -> one_shot.Docker:
    async def run(argv: object, *, told: object = None, failure: object = None) -> Ended:
        return ended

    return run  # type: ignore[return-value]


# Caddy -----------------------------------------------------------------------------------------------------------

_UPSTREAM = "web{teal.suffix}{http.vars.teal_dot}:3000"
_CADDY = {
    "admin": {"listen": "127.0.0.1:2019"},
    "apps": {
        "http": {
            "http_port": 80,
            "servers": {
                "srv0": {
                    "listen": [":443", "unix//x"],
                    "automatic_https": {"skip": ["a.example"]},
                    "routes": [
                        {
                            "match": [{"host": ["a.example"], "path": ["/api/*"]}],
                            "handle": [
                                {
                                    "handler": "subroute",
                                    "routes": [
                                        {
                                            "handle": [
                                                {"handler": "rewrite", "strip_path_prefix": "/api"},
                                                {"handler": "reverse_proxy", "upstreams": [{"dial": _UPSTREAM}]},
                                                {"handler": "reverse_proxy", "upstreams": [{"dial": "api:80"}]},
                                            ]
                                        }
                                    ],
                                }
                            ],
                        }
                    ],
                }
            },
        }
    },
}
_WEB = Container("c1", "proxy", "proxy", Side.PLAIN, None, "sha256:00", "running", "none", 1.0)


def _ask_caddy(example: tuple[object, str, list[tuple[str, int]], int]) -> None:
    config, version, rows, status = example
    if isinstance(config, dict):
        for read in (entries, routes, unfit, trusts, admin):
            read(config)
        for dial in dials(config, {"UP": "web"}):
            host_and_port(dial.address)
    found = counts([UpstreamRow(address, number) for address, number in rows])
    assert all(isinstance(number, int) for number in found.values())
    text = json.dumps(config) if not isinstance(config, str) else config
    proxy = CaddyProxy(ROOT, _Container(status, text, version))  # type: ignore[arg-type]
    is_old_caddy(asyncio.run(proxy.version(_WEB)))
    for each in asyncio.run(proxy.loaded(_WEB)).entries:
        assert 0 < each.port <= 65535, each
        assert 0 < each.listen <= 65535, each


class _Container:
    """The engine, of which only what the proxy's container answers is asked."""

    def __init__(self, status: int, config: str, version: str) -> None:
        self._status, self._config, self._version = status, config, version

    async def execute(self, id: str, command: tuple[str, ...], *, within: float) -> Ran:  # noqa: A002
        return Ran(self._status, self._version if "version" in command else f"{{}}\n{self._config}\n")


# The machine -----------------------------------------------------------------------------------------------------

_MEMINFO = "MemTotal:  8000 kB\nMemFree: 1 kB\nMemAvailable:  4000 kB\nHugePages_Total: 0\n"


def _ask_frames(example: tuple[list[bytes], str]) -> None:
    pieces, meminfo = example
    frames = Frames()
    given = sum(map(len, pieces))
    assert sum(len(frames.feed(piece)) for piece in pieces) <= given
    read_memory(meminfo)


TARGETS = (
    Target("the engine's API", _talk, _ask_engine),
    Target(
        "Compose's outputs",
        st.tuples(_output, _errors, st.one_of(words, st.just("v2.40.1-desktop.1")), st.binary(max_size=60)),
        _ask_compose,
    ),
    Target(
        "Caddy's outputs",
        st.tuples(
            st.one_of(_changed(_CADDY), damaged(st.just(json.dumps(_CADDY))), values),
            st.one_of(words, st.just("v2.11.2 h1:abc")),
            st.lists(st.tuples(st.one_of(words, st.just(_UPSTREAM)), st.integers()), max_size=3),
            st.sampled_from([0, 0, 0, 1, 124]),
        ),
        _ask_caddy,
    ),
    Target(
        "log frames, /proc/meminfo",
        st.tuples(st.lists(st.binary(max_size=40), max_size=4), damaged(st.just(_MEMINFO))),
        _ask_frames,
    ),
)

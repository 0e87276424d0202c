"""What the proxy's snippet costs: CPU time per request against a bare ``reverse_proxy``, and what each part adds.

``make bench-snippet``, or ``python -m proof.proxy_cost``. Each variant has a Caddy of its own; these, a fast static
backend and the client share this machine, so only the ratios mean something. The variants take turns in short pieces,
in random order, so that a busy machine hits all alike; the bare one stands there twice, and shows the noise.
"""

from __future__ import annotations

import asyncio
import random
import re
import socket
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from importlib.resources import files
from pathlib import Path
from statistics import median, quantiles

from proof.local import caddy, free_port
from proof.names import Names

ROUNDS = 12
REQUESTS = 1920  # for each variant in each round
PIECE = 240  # requests of one variant in a row
CONNECTIONS = 8
BARE, AGAIN, WHOLE = "bare reverse_proxy", "the same again", "the whole snippet, a color serves"
LIMIT = 1.3
_PARTS = {
    "address": r"\t\t# A map is.*?(?=\t\t# Most requests)",
    "else": r"\t\t# Most requests.*?(?=\t\t@teal_for_blue)",
    "counters": r"\t\t@teal_for_blue .*?invoke @teal_for_green teal_green\n",
}
_ADDRESS = "platform{teal.suffix}{vars.teal_dot}:"


@dataclass(frozen=True, slots=True)
class Variant:
    """One site: its body, what the state file says, and whether Caddy counts (``metrics``)."""

    body: str
    state: str = "blue"
    metrics: bool = False
    path: str = "/x"
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Cost:
    """One variant: CPU time per request in microseconds and against the bare one, medians of all rounds."""

    name: str
    microseconds: float
    ratio: float
    spread: float  # between the quartiles of the ratios


def snippet() -> str:
    """Return the snippet that ships."""
    return (files("teal.adapters.caddy") / "teal.caddy").read_text(encoding="utf-8")


def variants() -> Mapping[str, Variant]:
    """Return each variant; ``%(port)d`` is the backend's port, ``transport`` a snippet of the bench."""
    text = snippet()
    start = text.index("\n(teal) {\n") + len("\n(teal) {\n")
    body = text[start : text.index("\n}\n", start) + 1].replace("{block}", "import transport")
    whole = body.replace("{args[0]}", "platform").replace("{args[1]}", "PORT")
    bare = Variant("\treverse_proxy platform-blue:PORT {\n\t\timport transport\n\t}\n")
    reading = _without(whole, *_PARTS).replace(_ADDRESS, "platform-blue:")
    assets = whole.replace("import transport", "import transport\n\t\timport teal_assets platform")
    canary, key = "blue+green=40", "green k3y"
    rarely = {"GOGC": "200"}  # the collector of garbage runs half as often
    return {
        BARE: bare,
        AGAIN: bare,
        "reading the state": Variant(reading),
        "and choosing the address": Variant(_without(whole, "else", "counters")),
        "and all that is rare, passed by": Variant(_without(whole, "counters")),
        WHOLE: Variant(whole),
        "… a key in the state (a deploy runs)": Variant(whole, f"blue {key}"),
        "… a canary": Variant(whole, canary),
        "… pages": Variant(whole, "blue.8"),
        "… pages of two releases": Variant(whole, "blue.8^green.7"),
        "… with assets": Variant(assets),
        "… with assets, a page": Variant(assets, path="/page"),
        "… a page": Variant(whole, path="/page"),
        "bare, with metrics": Variant(bare.body, metrics=True),
        "whole, with metrics": Variant(whole, metrics=True),
        "… a canary and a key (metrics)": Variant(whole, f"{canary} {key}", metrics=True),
        "whole, GOGC=200": Variant(whole, environment=rarely),
        "whole, with metrics, GOGC=200": Variant(whole, metrics=True, environment=rarely),
    }


def _without(body: str, *parts: str) -> str:
    for part in parts:
        body, found = re.subn(_PARTS[part], "", body, flags=re.DOTALL)
        if found != 1:
            raise ValueError(f"the snippet's part {part!r} is not where it was")
    return body


@dataclass(frozen=True, slots=True)
class _Running:
    """A variant's Caddy, and what is sent to it."""

    pid: int
    clients: Sequence[socket.socket]
    request: bytes


async def measure(rounds: int = ROUNDS, requests: int = REQUESTS) -> tuple[Cost, ...]:
    """Return what each variant costs."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="teal-cost-")))
        names = Names({f"platform{end}": "127.0.0.1" for end in ("", "-blue", "-green")})
        await names.start()
        stack.callback(names.stop)
        backend = free_port()
        page = '@page path /page\nheader @page Content-Type "text/html; charset=utf-8"\n'
        await stack.enter_async_context(
            caddy(_write(folder / "backend", f'http://:{backend} {{\n{page}respond "ok"\n}}\n'), backend)
        )
        running = {}
        for number, (name, each) in enumerate(variants().items()):
            port, place = free_port(), folder / str(number)
            config = _write(place, _site(place, each, port, backend, names.address[1]), metrics=each.metrics)
            (place / "state").write_text(each.state, encoding="utf-8")
            pid = await stack.enter_async_context(caddy(config, port, **each.environment))
            clients = [socket.create_connection(("127.0.0.1", port), 10) for _ in range(CONNECTIONS)]
            for client in clients:
                stack.callback(client.close)
            running[name] = _Running(pid, clients, _request(each.path))
        return await asyncio.to_thread(_rounds, running, rounds, requests)


def _request(path: str) -> bytes:
    headers = ("Host: localhost", "User-Agent: Mozilla/5.0", "Accept: */*", "Accept-Encoding: gzip")
    return "\r\n".join([f"GET {path} HTTP/1.1", *headers, "", ""]).encode()


def _write(folder: Path, sites: str, *, metrics: bool = False) -> Path:
    folder.mkdir()
    options = (
        "admin off",
        "auto_https off",
        "persist_config off",
        *["metrics"] * metrics,
        "log {\n\t\tlevel ERROR\n\t}",
    )
    own = "{\n" + "".join(f"\t{each}\n" for each in options) + "}\n"
    (folder / "Caddyfile").write_text(own + sites, encoding="utf-8")
    return folder / "Caddyfile"


def _site(folder: Path, variant: Variant, port: int, backend: int, dns: int) -> str:
    transport = f"(transport) {{\n\ttransport http {{\n\t\tresolvers 127.0.0.1:{dns}\n\t}}\n}}\n"
    body = variant.body.replace("PORT", str(backend))
    return f"{snippet()}{transport}http://localhost:{port} {{\n{body}}}\n".replace("/etc/teal", str(folder))


def _rounds(running: Mapping[str, _Running], rounds: int, requests: int) -> tuple[Cost, ...]:
    for each in running.values():
        _send(each, PIECE)
    seen = [_round(running, requests) for _ in range(rounds)]
    return tuple(_cost(name, seen) for name in running)


def _cost(name: str, seen: Sequence[Mapping[str, float]]) -> Cost:
    ratios = [one[name] / one[BARE] for one in seen]
    quarters = quantiles(ratios, n=4) if len(ratios) > 1 else [0.0, 0.0, 0.0]
    return Cost(name, median(one[name] for one in seen) * 1e6, median(ratios), quarters[2] - quarters[0])


def _round(running: Mapping[str, _Running], requests: int) -> dict[str, float]:
    """Return CPU seconds per request for each variant."""
    used = dict.fromkeys(running, 0.0)
    pieces = max(1, requests // PIECE)
    for _ in range(pieces):
        for name in random.sample(list(running), len(running)):
            each = running[name]
            before = _cpu(each.pid)
            _send(each, PIECE)
            used[name] += _cpu(each.pid) - before
    return {name: seconds / (pieces * PIECE) for name, seconds in used.items()}


def _send(to: _Running, requests: int) -> None:
    for _ in range(requests // len(to.clients)):
        for client in to.clients:
            client.sendall(to.request)
        for client in to.clients:
            _receive(client)


def _receive(client: socket.socket) -> None:
    answer = b""
    while not answer.endswith(b"\r\n\r\nok"):
        part = client.recv(4096)
        answer += part
        if not part or not answer.startswith(b"HTTP/1.1 200"[: len(answer)]):
            raise RuntimeError(f"the proxy answered {answer[:80]!r}")


def _cpu(pid: int) -> float:
    """Return the seconds of CPU that a process has used, in all its threads, to the nanosecond."""
    tasks = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(task.read_text().split()[0]) for task in tasks) / 1e9


def main() -> None:
    """Measure and print."""
    print(f"CPU time of the proxy per request, medians of {ROUNDS} rounds of {REQUESTS} requests each")
    for cost in asyncio.run(measure()):
        spread = f"(quartiles ± {cost.spread / 2:.2f})"
        print(f"  {cost.name:38} {cost.microseconds:6.1f} µs   {cost.ratio:.2f} times  {spread}")
    print(f"The limit is {LIMIT} times, for “{WHOLE}”.")


if __name__ == "__main__":
    main()

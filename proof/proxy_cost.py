"""What the proxy's snippet costs: CPU time per request against a bare ``reverse_proxy``, and what each part adds.

``python -m proof.proxy_cost``. Caddy, a fast static backend and the client share this machine, so only the ratios
mean something. The variants take turns in short pieces, in random order, so that a busy machine hits all alike.
"""

from __future__ import annotations

import asyncio
import random
import re
import socket
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from statistics import median

from proof.local import caddy, free_port
from proof.names import Names

ROUNDS = 10
REQUESTS = 2400  # for each variant in each round
PIECE = 240  # requests of one variant in a row
CONNECTIONS = 8
REQUEST = (
    b"GET /x HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: Mozilla/5.0\r\nAccept: */*\r\nAccept-Encoding: gzip\r\n\r\n"
)
BARE, WHOLE = "bare reverse_proxy", "the whole snippet"
_PARTS = {
    "key": r"\t\t@teal_key header.*?\n\t\t\}\n",
    "maintenance": r"\t\t@maintenance .*?503\n",
    "websocket": r"\t\t@websocket .*?@connect teal_dot \.\n",
    "counters": r"\t\t@teal_for_blue .*?invoke @teal_for_green teal_green\n",
    "address": r"\t\tmap \{rp\.upstream.*?\n\t\t\}\n\t\tmap \{file.*?\n\t\t\}\n",
}


@dataclass(frozen=True, slots=True)
class Cost:
    """One variant: CPU time per request in microseconds and against the bare one, medians of all rounds."""

    name: str
    microseconds: float
    ratio: float


def variants() -> Mapping[str, str]:
    """Return the body of a site for each variant; ``%(port)d`` is the backend's, ``transport`` a snippet."""
    text = (files("teal.adapters.caddy") / "teal.caddy").read_text(encoding="utf-8")
    body = text[text.index("(teal) {\n") + len("(teal) {\n") : text.rindex("}")].replace("{block}", "import transport")
    whole = body.replace("{args[0]}", "platform").replace("{args[1]}", "%(port)d")
    address = "platform{teal.suffix}{vars.teal_dot}:"
    reading = _without(whole, *_PARTS).replace(address, "platform-blue:")
    bare = "\treverse_proxy platform-blue:%(port)d {\n\t\timport transport\n\t}\n"
    return {
        BARE: bare,
        "reading the state": reading,
        "and choosing the address": _without(whole, "key", "maintenance", "websocket", "counters"),
        WHOLE: whole,
        "whole, less the key": _without(whole, "key"),
        "whole, less maintenance": _without(whole, "maintenance"),
        "whole, less websockets": _without(whole, "websocket"),
        "whole, less counters": _without(whole, "counters"),
    }


def _without(body: str, *parts: str) -> str:
    for part in parts:
        body, found = re.subn(_PARTS[part], "", body, flags=re.DOTALL)
        if found != 1:
            raise ValueError(f"the snippet's part {part!r} is not where it was")
    return body


async def measure(rounds: int = ROUNDS, requests: int = REQUESTS) -> tuple[Cost, ...]:
    """Return what each variant costs."""
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="teal-cost-")))
        (folder / "state").write_text("blue", encoding="utf-8")
        names = Names({"platform-blue": "127.0.0.1"})
        await names.start()
        stack.callback(names.stop)
        backend, sites = free_port(), {name: free_port() for name in variants()}
        config = _write(folder / "backend", f'http://:{backend} {{\n\trespond "ok"\n}}\n')
        await stack.enter_async_context(caddy(config, backend))
        config = _write(folder / "proxy", _sites(folder, sites, backend, names.address[1]))
        pid = await stack.enter_async_context(caddy(config, sites[BARE]))
        return await asyncio.to_thread(_rounds, pid, sites, rounds, requests)


def _write(folder: Path, sites: str) -> Path:
    folder.mkdir()
    own = "{\n\tadmin off\n\tauto_https off\n\tpersist_config off\n\tmetrics\n\tlog {\n\t\tlevel ERROR\n\t}\n}\n"
    (folder / "Caddyfile").write_text(own + sites, encoding="utf-8")
    return folder / "Caddyfile"


def _sites(folder: Path, sites: Mapping[str, int], backend: int, dns: int) -> str:
    transport = f"(transport) {{\n\ttransport http {{\n\t\tresolvers 127.0.0.1:{dns}\n\t}}\n}}\n"
    bodies = {name: body.replace("/etc/teal", str(folder)) % {"port": backend} for name, body in variants().items()}
    text = (files("teal.adapters.caddy") / "teal.caddy").read_text(encoding="utf-8")
    named = text[text.index("&(") : text.index("(teal) {\n")]
    return named + transport + "".join(f"http://:{sites[name]} {{\n{body}}}\n" for name, body in bodies.items())


def _rounds(pid: int, sites: Mapping[str, int], rounds: int, requests: int) -> tuple[Cost, ...]:
    clients = {name: _connect(port) for name, port in sites.items()}
    for each in clients.values():
        _send(each, PIECE)
    seen = [_round(pid, clients, requests) for _ in range(rounds)]
    for each in clients.values():
        for client in each:
            client.close()
    return tuple(
        Cost(name, median(one[name] for one in seen) * 1e6, median(one[name] / one[BARE] for one in seen))
        for name in sites
    )


def _round(pid: int, clients: Mapping[str, Sequence[socket.socket]], requests: int) -> dict[str, float]:
    """Return CPU seconds per request for each variant."""
    used = dict.fromkeys(clients, 0.0)
    pieces = max(1, requests // PIECE)
    for _ in range(pieces):
        for name in random.sample(list(clients), len(clients)):
            before = _cpu(pid)
            _send(clients[name], PIECE)
            used[name] += _cpu(pid) - before
    return {name: seconds / (pieces * PIECE) for name, seconds in used.items()}


def _connect(port: int) -> Sequence[socket.socket]:
    return [socket.create_connection(("127.0.0.1", port), 10) for _ in range(CONNECTIONS)]


def _send(clients: Sequence[socket.socket], requests: int) -> None:
    for _ in range(requests // len(clients)):
        for client in clients:
            client.sendall(REQUEST)
        for client in clients:
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
        print(f"  {cost.name:26} {cost.microseconds:6.1f} µs   {cost.ratio:.2f} times")


if __name__ == "__main__":
    main()

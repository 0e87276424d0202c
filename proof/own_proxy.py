"""What Teal's own proxy costs a request: two copies of one small stack, plain and behind it, asked in turn.

Four ways: a published port to the application, the same with Teal's own proxy between, nginx that calls the application
by its name, and nginx that calls the proxy by that name.
"""

from __future__ import annotations

import asyncio
import os
import random
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median, quantiles

from proof.managed import ROOT, free_port

ROUNDS = 20
REQUESTS = 1_000  # in each round, on each way
CONNECTIONS = 8
REQUEST = b"GET / HTTP/1.1\r\nHost: shop.test\r\n\r\n"
FILES = {
    "compose.yml": """
name: {project}
services:
  web:
    image: caddy:2
    command: caddy respond --listen :8000 --body ok
    restart: unless-stopped
    ports: ["127.0.0.1:{port}:8000"]
  front:
    image: nginx:1.28
    restart: unless-stopped
    ports: ["127.0.0.1:{front}:80"]
    volumes: ["./site.conf:/etc/nginx/conf.d/default.conf:ro"]
""",
    "teal.yml": "routes: {web: {port: 8000}}\n",
    "site.conf": """
upstream app { server web:8000; keepalive 16; }
server {
  listen 80;
  keepalive_requests 1000000;
  location / {
    proxy_pass http://app;
    proxy_http_version 1.1;
    proxy_set_header Connection "";
    proxy_set_header Host $host;
  }
}
""",
}


@dataclass(slots=True)
class Way:
    """One way to the application, and what was seen on it; times in seconds."""

    name: str
    port: int
    project: str
    rates: list[float] = field(default_factory=list)  # requests a second, of each round
    cpu: list[float] = field(default_factory=list)  # a request, in all containers of its stack
    times: list[float] = field(default_factory=list)


@contextmanager
def ways(work: Path) -> Iterator[tuple[Way, ...]]:
    """Yield the four ways; their stacks are removed at the end."""
    found: list[Way] = []
    stacks: list[tuple[str, Path]] = []
    environment = {**os.environ, "TEAL_HOME": str(work / "home")}
    try:
        for kind in ("plain", "own"):
            project, port, front = f"teal-test-{os.getpid()}-{kind}", free_port(), free_port()
            folder = work / kind
            folder.mkdir()
            stacks.append((project, folder))
            for name, text in FILES.items():
                filled = text.replace("{project}", project).replace("{port}", str(port)).replace("{front}", str(front))
                (folder / name).write_text(filled, encoding="utf-8")
            if kind == "plain":
                _run(["docker", "compose", "up", "--detach"], folder, environment)
            else:
                _run([str(ROOT / ".venv/bin/teal"), "deploy", "--yes"], folder, environment)
            between = "" if kind == "plain" else "Teal → "
            found += [
                Way(f"published port → {between}app", port, project),
                Way(f"nginx → {between}app", front, project),
            ]
        yield tuple(found)
    finally:
        for _, folder in stacks:
            _run([str(ROOT / ".venv/bin/teal"), "down", "--yes"], folder, environment)


def _run(argv: Sequence[str], folder: Path, environment: dict[str, str]) -> None:
    ended = subprocess.run(argv, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if ended.returncode:
        raise RuntimeError(f"{' '.join(argv)} ended with status {ended.returncode}:\n{ended.stdout}{ended.stderr}")


async def measure(found: Sequence[Way], rounds: int, requests: int) -> None:
    """Ask on each way in turn, in another order each round."""
    for way in found:
        await _asked(way.port, requests // 4, [])
    for _ in range(rounds):
        for way in random.sample(list(found), len(found)):
            before, began = _cpu(way.project), time.perf_counter()
            await _asked(way.port, requests, way.times)
            way.rates.append(requests / (time.perf_counter() - began))
            way.cpu.append((_cpu(way.project) - before) / requests)


async def _asked(port: int, requests: int, times: list[float]) -> None:
    async def client() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        try:
            for _ in range(requests // CONNECTIONS):
                began = time.perf_counter()
                writer.write(REQUEST)
                head = await reader.readuntil(b"\r\n\r\n")
                if not head.startswith(b"HTTP/1.1 200"):
                    raise RuntimeError(f"the answer at port {port} is {head[:80]!r}")
                await reader.readexactly(2)
                times.append(time.perf_counter() - began)
        finally:
            writer.close()

    await asyncio.gather(*(client() for _ in range(CONNECTIONS)))


def _cpu(project: str) -> float:
    """Return the seconds of CPU that all containers of a stack have used, Teal's own proxy among them."""
    names = [f"label=com.docker.compose.project={each}" for each in (project, f"{project}-teal", f"{project}-blue")]
    used = 0.0
    for name in names:
        ids = subprocess.run(["docker", "ps", "-q", "--filter", name], capture_output=True, text=True, check=True)
        for each in ids.stdout.split():
            pid = subprocess.run(
                ["docker", "inspect", "--format", "{{.State.Pid}}", each], capture_output=True, text=True, check=True
            ).stdout.strip()
            used += _used(int(pid))
    return used


def _used(pid: int) -> float:
    """Return the seconds of CPU that the container of a process has used, whichever hierarchy this machine has."""
    for line in Path(f"/proc/{pid}/cgroup").read_text(encoding="ascii").splitlines():
        _, controllers, place = line.split(":", 2)
        if "cpuacct" in controllers.split(","):
            text = (Path("/sys/fs/cgroup/cpuacct") / place.lstrip("/") / "cpuacct.usage").read_text(encoding="ascii")
            return int(text) / 1e9
        stat = Path("/sys/fs/cgroup") / place.lstrip("/") / "cpu.stat"
        if not controllers and stat.exists():
            return int(stat.read_text(encoding="ascii").split()[1]) / 1e6
    raise RuntimeError("this machine does not say what CPU a container has used")


def main() -> None:
    """Measure and print."""
    work = Path(tempfile.mkdtemp(prefix="teal-proof-"))
    try:
        with ways(work) as found:
            asyncio.run(measure(found, ROUNDS, REQUESTS))
    finally:
        shutil.rmtree(work, ignore_errors=True)
    print(f"{ROUNDS} rounds of {REQUESTS} requests on {CONNECTIONS} connections, the four ways in turn; medians")
    print(f"{'':32} {'requests/s':>10} {'CPU each':>10} {'p50':>8} {'p99':>8}")
    for way in found:
        p99 = quantiles(way.times, n=100)[98]
        cpu, p50 = median(way.cpu) * 1e6, median(way.times) * 1e3
        print(f"{way.name:32} {median(way.rates):10.0f} {cpu:7.0f} µs {p50:5.2f} ms {p99 * 1e3:5.2f} ms")
    for plain, own in zip(found[:2], found[2:], strict=True):
        cpu, rate = median(own.cpu) - median(plain.cpu), median(own.rates) / median(plain.rates)
        later = (median(own.times) - median(plain.times)) * 1e3
        print(f"{own.name}: {cpu * 1e6:+.0f} µs of CPU, {later:+.2f} ms, {rate:.2f} times the requests/s")


if __name__ == "__main__":
    main()

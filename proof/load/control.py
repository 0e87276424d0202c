"""The load as a library: worker processes, what they report, and the switches that the caller tells.

Reading happens in threads, so neither a busy event loop nor a blocking test disturbs it.
"""

import asyncio
import contextlib
import os
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from proof.load.count import Limits, Switch, count
from proof.load.mix import Mix
from proof.load.report import Report
from proof.load.sample import Sample
from proof.load.wire import Batch, Order, batch, line

ROOT = Path(__file__).parents[2]
START_IN = 0.2  # seconds from the word "go" to the first request


class LoadFailed(Exception):
    """A worker process ended without its last report: nothing can be said about the load."""


@dataclass(frozen=True, slots=True)
class Progress:
    """The load so far: requests begun, finished, and finished wrongly."""

    issued: int
    finished: int
    faults: int


class _Process:
    """One worker process and the thread that reads from it."""

    def __init__(self, order: Order) -> None:
        self.batches: list[Batch] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._child = subprocess.Popen(
            [sys.executable, "-m", "proof.load.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            cwd=ROOT,
            start_new_session=True,  # Ctrl-C is for the caller, who then stops the load and gets a report
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        self._say(line(order))

    @property
    def pid(self) -> int:
        """Return the process's id."""
        return self._child.pid

    def ready(self) -> None:
        """Wait until the worker can start."""
        assert self._child.stdout is not None
        if self._child.stdout.readline() != b"ready\n":
            raise LoadFailed("a load worker did not start; its error is above")

    def go(self, at: float) -> None:
        """Let the first request be sent at *at*."""
        self._say(f"go {at!r}\n".encode())
        self._reader.start()

    def stop(self) -> None:
        """Let it begin nothing more."""
        self._say(b"stop\n")

    def join(self, within: float) -> None:
        """Wait for the last report."""
        self._reader.join(within)
        if not self.batches or not self.batches[-1].last:
            raise LoadFailed("a load worker ended without its last report")
        self._child.wait(5)

    def kill(self) -> None:
        """End it at once."""
        self._child.kill()
        self._child.wait()
        if self._reader.is_alive():
            self._reader.join(5)
        for pipe in (self._child.stdin, self._child.stdout):
            assert pipe is not None
            with contextlib.suppress(BrokenPipeError):  # of what was said and never read
                pipe.close()

    def _say(self, text: bytes) -> None:
        assert self._child.stdin is not None
        try:
            self._child.stdin.write(text)
            self._child.stdin.flush()
        except BrokenPipeError as error:
            raise LoadFailed("a load worker has ended before its time") from error

    def _read(self) -> None:
        assert self._child.stdout is not None
        for text in self._child.stdout:
            self.batches.append(batch(text))


class Load:
    """An open loop of *rate* requests a second against a stack's proxy, from *workers* processes.

    `async with Load(...) as load` and `with Load(...) as load` both work; leaving without `stop`
    or `finish` kills the load.
    """

    def __init__(
        self,
        *,
        http: str,
        https: str = "",
        rate: float = 200.0,
        mix: Mix | None = None,
        workers: int = 1,  # one manages 500 requests a second with 0.4 of a processor
        timeout: float = 30.0,
        seed: int = 0,
        limits: Limits | None = None,
    ) -> None:
        """Take where to, how much and what; nothing is sent yet. Without *https* the mix has no TLS."""
        chosen = mix or Mix(plain_only=not https)
        self.limits = limits or Limits()
        self._orders = [
            Order(http.rstrip("/"), https.rstrip("/"), rate, chosen, n, workers, seed, timeout) for n in range(workers)
        ]
        self._processes: list[_Process] = []
        self._switches: list[Switch] = []
        self._span = (0.0, 0.0)
        self._longest = timeout + max(
            chosen.slow_seconds, chosen.upload_seconds[1], chosen.events_seconds[1], chosen.ws_seconds[1]
        )

    def start(self) -> None:
        """Start the workers; returns when the first request is about to be sent."""
        self._processes = [_Process(order) for order in self._orders]
        try:
            for process in self._processes:
                process.ready()
        except BaseException:
            self.kill()
            raise
        at = time.time() + START_IN
        for process in self._processes:
            process.go(at)
        self._span = (at, at)
        time.sleep(max(0.0, at - time.time()))

    def switched(self, at: float, *, release: str | int | None = None, color: str | None = None) -> None:
        """Say that from *at* (`time.time()`) *release* in *color* is the active one. None: any."""
        self._switches.append(Switch(at, None if release is None else str(release), color))

    def finish(self) -> Report:
        """Begin nothing more, wait for what is in flight, count, and return the report."""
        self._span = (self._span[0], time.time())
        for process in self._processes:
            process.stop()
        for process in self._processes:
            process.join(self._longest + 10)
        progress = self.progress()
        if progress.issued != progress.finished:
            raise LoadFailed(f"{progress.issued} requests were begun, only {progress.finished} accounted for")
        return self.report()

    async def stop(self) -> Report:
        """Do as `finish`, without blocking the event loop."""
        return await asyncio.to_thread(self.finish)

    @property
    def pids(self) -> list[int]:
        """Return the ids of the worker processes."""
        return [process.pid for process in self._processes]

    @property
    def samples(self) -> list[Sample]:
        """Return every request that has ended so far, as seen by the workers; for windows of one's own."""
        return [sample for one in self._processes for part in list(one.batches) for sample in part.samples]

    @property
    def switches(self) -> tuple[Switch, ...]:
        """Return the switches told so far, in order of time."""
        return tuple(sorted(self._switches, key=lambda one: one.at))

    @property
    def jobs(self) -> tuple[list[str], list[str]]:
        """Return the ids of the jobs that were accepted, and of those of which nobody knows."""
        asked = [sample for sample in self.samples if sample.job]
        return [one.job for one in asked if not one.fault], [one.job for one in asked if one.fault]

    def progress(self) -> Progress:
        """Return where the load stands; at most half a second old."""
        samples = self.samples
        issued = sum(one.batches[-1].issued for one in self._processes if one.batches)
        return Progress(issued, len(samples), sum(bool(sample.fault) for sample in samples))

    def report(self) -> Report:
        """Count what has ended so far; `finish` does it at the end."""
        cpu = sum(one.batches[-1].cpu for one in self._processes if one.batches)
        since, until = self._span
        return count(self.samples, self.switches, self.limits, since=since, until=max(since, until), cpu=cpu)

    def __enter__(self) -> Self:
        self.start()
        return self

    def kill(self) -> None:
        """End the load at once, without a report."""
        for process in self._processes:
            process.kill()

    def __exit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        self.kill()

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(self.start)
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: object, trace: TracebackType | None) -> None:
        await asyncio.to_thread(self.kill)

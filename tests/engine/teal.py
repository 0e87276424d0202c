"""A driver of the real command: runs ``teal`` in a stack's folder, follows its steps, sends it signals."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

TEAL = Path(sys.executable).parent / "teal"
Event = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended: what it printed as JSON Lines, and what it said on standard error."""

    words: tuple[str, ...]
    status: int
    lines: tuple[Event, ...]
    said: str

    @property
    def result(self) -> Event:
        """Return the last object: the result, or ``{"error": …}``."""
        return self.lines[-1] if self.lines else {}

    @property
    def error(self) -> Event:
        """Return what went wrong: message, hint, status, perhaps detail."""
        error: Event = self.result.get("error", {})
        return error

    @property
    def told(self) -> str:
        """Return everything that was said, for searching and for a failed assertion."""
        lines = "\n".join(json.dumps(line, ensure_ascii=False) for line in self.lines)
        return f"teal {' '.join(self.words)}: status {self.status}\n{lines}\n{self.said}"


class Running:
    """A ``teal --json …`` that runs; its lines are read as they come."""

    def __init__(self, argv: Sequence[str], words: Sequence[str], cwd: Path, env: dict[str, str]) -> None:
        self.words = tuple(words)
        self.began = time.time()
        self._errors = tempfile.TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115 (closed with the process)
        self.process = subprocess.Popen(
            [*argv, "--json", *words], cwd=cwd, env=env, stdout=subprocess.PIPE, stderr=self._errors, text=True
        )
        self.lines: list[Event] = []
        self._more = threading.Condition()
        self._over = False
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            with self._more:
                self.lines.append(json.loads(line))
                self._more.notify_all()
        with self._more:
            self._over = True
            self._more.notify_all()

    def until(self, true: Callable[[Event], bool], what: str, within: float = 60) -> Event:
        """Return the first event for which *true* says so, as soon as it is there."""
        end, seen = time.monotonic() + within, 0
        with self._more:
            while True:
                for line in self.lines[seen:]:
                    if true(line):
                        return line
                seen = len(self.lines)
                left = end - time.monotonic()
                assert left > 0, f"not seen in {within:g} s: {what}\n{self.lines[-20:]}\n{self.said()}"
                assert not self._over, f"ended without: {what}\n{self.lines[-20:]}\n{self.said()}"
                self._more.wait(left)

    def until_step(self, step: str, within: float = 60) -> None:
        """Wait until *step* has begun."""
        self.until(lambda line: line.get("event") == "step-began" and line["step"] == step, f"step {step}", within)

    def until_service(self, state: str, within: float = 60) -> None:
        """Wait until any service is *state*: starting, healthy, stopping …"""
        self.until(lambda line: line.get("event") == "service" and line["state"] == state, f"a {state} service", within)

    def send(self, which: signal.Signals) -> None:
        """Send a signal to Teal alone."""
        self.process.send_signal(which)

    def deafen(self) -> None:
        """Close our end of its standard output, as ``| head -1`` does; nothing of it is read any more."""
        assert self.process.stdout is not None
        os.close(os.dup(self.process.stdout.fileno()))
        os.dup2(os.open(os.devnull, os.O_RDONLY), self.process.stdout.fileno())

    def end(self, within: float = 120) -> Ended:
        """Wait for its end."""
        status = self.process.wait(within)
        self._reader.join(5)
        return Ended(self.words, status, tuple(self.lines), self.said())

    def said(self) -> str:
        """Return what it wrote to standard error so far."""
        self._errors.seek(0)
        return self._errors.read()

    def kill(self) -> None:
        """End it where a test failed before it did."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


@dataclass
class Teal:
    """The command for one stack: where it is run and with which variables."""

    folder: Path
    home: Path
    variables: dict[str, str] = field(default_factory=dict)

    def environment(self, **more: str) -> dict[str, str]:
        """Return what a user's shell would have, and *more*."""
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "DOCKER_HOST") if name in os.environ}
        return {**kept, "TEAL_HOME": str(self.home), **self.variables, **more}

    @contextmanager
    def running(self, *words: str, argv: Sequence[str] = (str(TEAL),), **more: str) -> Iterator[Running]:
        """Start ``teal WORDS`` and yield it while it runs; it doesn't outlive the block."""
        run = Running(argv, words, self.folder, self.environment(**more))
        try:
            yield run
        finally:
            run.kill()

    def run(self, *words: str, status: int = 0, within: float = 120, **more: str) -> Ended:
        """Run ``teal WORDS`` to its end, which must have *status*."""
        with self.running(*words, **more) as run:
            ended = run.end(within)
        assert ended.status == status, ended.told
        return ended

    def status(self) -> Event:
        """Return what ``teal status`` says."""
        return self.run("status").result

"""Shows a running command on a terminal: each service, the step at hand, what is in flight, the time."""

from __future__ import annotations

import os
import sys
import threading
from collections import deque
from dataclasses import dataclass, field
from typing import assert_never

from rich.console import Console, Group, RenderableType
from rich.live import Live as RichLive
from rich.spinner import Spinner
from rich.table import Table
from rich.text import Text

from teal.cli.show.lines import Now, baking, in_flight
from teal.cli.show.text import seconds
from teal.core.model.side import Side
from teal.core.model.units import Seconds
from teal.core.planning.events import (
    Baking,
    Event,
    InFlight,
    Message,
    RunBegan,
    RunEnded,
    ServiceChanged,
    StepFinished,
    StepStarted,
)
from teal.core.planning.steps import Step, Switch
from teal.core.planning.wording import say

_TAIL = 5  # lines of a tool's output that stay in sight
_PER_SECOND = 8
_CALM = dict.fromkeys(("built", "pulled", "healthy", "running"), "green")
_CALM |= dict.fromkeys(("stopped", "removed"), "bright_black")
_ALARM = {"failed", "unhealthy", "exited", "restarting", "dead"}
_INK = {Side.BLUE: "bright_blue", Side.GREEN: "green", Side.PLAIN: "default", None: "default"}


@dataclass(slots=True)
class _Row:
    state: str
    since: float
    until: float | None = None  # when it came to rest


@dataclass(slots=True)
class Picture:
    """What is to be seen now; pure of terminals, so that it can be read in tests."""

    clock: Now
    start: float
    step: Step | None = None
    began: float = 0.0
    services: dict[tuple[Side | None, str], _Row] = field(default_factory=dict)
    flying: InFlight | None = None
    baking: Baking | None = None
    tail: deque[str] = field(default_factory=lambda: deque(maxlen=_TAIL))
    ended: list[Text] = field(default_factory=list)  # lines that move up, out of the picture

    def take(self, event: Event) -> None:  # noqa: C901 - one case an event
        """Change by *event*."""
        now = self.clock()
        match event:
            case RunBegan() | RunEnded():
                pass
            case StepStarted(step):
                self.leave_off()
                self.step, self.began = step, now
            case StepFinished(step, took, passed):
                self._end(step, took, passed=passed)
            case ServiceChanged(side, service, state):
                self._service(side, service, state, now)
            case InFlight():
                self.flying = event
            case Baking():
                self.baking = event
            case Message("tool", text):
                self.tail.append(text)
            case Message(kind, text):
                self.ended.append(Text(f"{kind}: {text}", style="yellow" if kind == "warning" else ""))
            case _:
                assert_never(event)

    def leave_off(self) -> None:
        """Mark the step at hand as failed, where there is one: it was begun, and nobody said that it ended."""
        if self.step is not None:
            at = f"{self.clock() - self.start:6.1f}s "
            self.ended.append(Text.assemble((at, "bright_black"), ("✗ ", "red"), say(self.step)))
        self.step, self.flying, self.baking = None, None, None
        self.tail.clear()

    def _end(self, step: Step, took: Seconds, *, passed: bool) -> None:
        self.step, self.flying, self.baking = None, None, None
        self.tail.clear()
        at = f"{self.clock() - self.start:6.1f}s "
        mark = Text("✓ ", style="bright_black" if passed else "green")
        how = " (already done)" if passed else f"  {seconds(took)}"
        words = Text(say(step), style="bold" if isinstance(step, Switch) else "")
        self.ended.append(Text.assemble((at, "bright_black"), mark, words, (how, "bright_black")))

    def _service(self, side: Side | None, service: str, state: str, now: float) -> None:
        row = self.services.setdefault((side, service), _Row(state, now))
        row.state = state
        row.until = now if _word(state) in _CALM or _word(state) in _ALARM else None

    def render(self) -> RenderableType:
        """Return the picture."""
        now = self.clock()
        parts: list[RenderableType] = []
        if self.services:
            parts.append(self._table(now))
        parts += [Text(f"  │ {line}", style="bright_black", no_wrap=True, overflow="ellipsis") for line in self.tail]
        if self.step is not None:
            text = Text.assemble(say(self.step), (f"  {seconds(Seconds(now - self.began))}", "bright_black"))
            if self.flying:
                text.append(f"  {in_flight(self.flying.requests, self.flying.websockets)}", style="cyan")
            if self.baking:
                text.append(f"  {baking(self.baking)}", style="red" if self.baking.failed else "cyan")
            parts.append(Spinner("dots", text=text))
        parts.append(Text(f"{now - self.start:6.1f}s elapsed", style="bright_black"))
        return Group(*parts)

    def _table(self, now: float) -> Table:
        grid = Table.grid(padding=(0, 2))
        for (side, service), row in self.services.items():
            word = _word(row.state)
            style = _CALM.get(word, "red" if word in _ALARM else "yellow")
            took = Seconds((row.until or now) - row.since)
            grid.add_row(
                "",
                Text(str(side or "shared"), style=_INK[side]),
                service,
                Text(row.state, style=style),
                seconds(took),
            )
        return grid


def _word(state: str) -> str:
    return state.split(maxsplit=1)[0].rstrip(",:") if state.strip() else ""


class Live:
    """The picture on the terminal, drawn by a thread of its own: a terminal that stalls holds no deploy up."""

    def __init__(self, *, clock: Now) -> None:
        self._picture = Picture(clock, clock())
        self._lock = threading.Lock()  # held to change or read the picture, never to write it
        self._console = Console(file=sys.stdout, highlight=False, no_color=bool(os.environ.get("NO_COLOR")) or None)
        self._live = RichLive(
            console=self._console, auto_refresh=False, transient=True, redirect_stdout=False, redirect_stderr=False
        )
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._draw_on, daemon=True)
        self._thread.start()

    def tell(self, event: Event) -> None:
        """Change the picture; the next drawing shows it."""
        with self._lock:
            self._picture.take(event)

    def close(self) -> None:
        """Take the picture away; the lines of the steps stay."""
        with self._lock:
            self._picture.leave_off()
        self._over.set()
        self._thread.join()

    def _draw_on(self) -> None:
        with self._live:
            while not self._over.wait(1 / _PER_SECOND):
                self._draw()
            self._draw()

    def _draw(self) -> None:
        with self._lock:
            ended, self._picture.ended = self._picture.ended, []
            picture = self._picture.render()
        for line in ended:
            self._console.print(line)
        self._live.update(picture, refresh=True)

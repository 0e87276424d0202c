"""Runs hypothesis over a target outside of pytest as well as inside."""

from __future__ import annotations

import gc
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from hypothesis import HealthCheck, Phase, given, settings

from tests.fuzz.judging import Target, judge

BATCH = 2000
PHASES = (Phase.explicit, Phase.generate, Phase.shrink)


@dataclass
class Found:
    """How many examples were read, the seconds of the slowest, and the error of the smallest that failed."""

    ran: int = 0
    slowest: float = 0.0
    slow: str = ""
    error: BaseException | None = None


def fuzz(target: Target, examples: int, *, always_the_same: bool = False) -> Found:
    """Give *target* that many *examples*."""
    found = Found()

    @settings(
        max_examples=examples,
        deadline=None,
        derandomize=always_the_same,
        database=None,
        phases=PHASES,
        suppress_health_check=list(HealthCheck),
        print_blob=False,
    )
    @given(target.examples)
    def every(example: object) -> None:
        found.ran += 1
        began = time.monotonic()
        try:
            judge(target, example)
        finally:
            took = time.monotonic() - began
            if took > found.slowest:
                found.slowest, found.slow = took, repr(example)[:200]

    with _unraisable() as heard:
        try:
            every()
        except Exception as error:
            found.error = error
        gc.collect()
    if heard and not found.error:
        found.error = AssertionError(f"something was left open: {heard[0]}")
    return found


def fuzz_long(target: Target, examples: int) -> Found:
    """Give *target* that many *examples*, in batches: what hypothesis remembers of them grows to gigabytes."""
    whole = Found()
    while whole.ran < examples and not whole.error:
        found = fuzz(target, min(BATCH, examples - whole.ran))
        slow, slowest = max((whole, found), key=lambda each: each.slowest).slow, max(whole.slowest, found.slowest)
        whole = Found(whole.ran + found.ran, slowest, slow, found.error)
    return whole


@contextmanager
def _unraisable() -> Iterator[list[str]]:
    """Collect what Python can only print to the terminal: of tasks and children that nobody waited for."""
    heard: list[str] = []
    before = sys.unraisablehook
    sys.unraisablehook = lambda what: heard.append(f"{what.exc_value!r} in {what.object!r}")
    try:
        yield heard
    finally:
        sys.unraisablehook = before

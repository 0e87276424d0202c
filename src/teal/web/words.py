"""Moments and durations as the page says them, and marks that tell states apart without color."""

from __future__ import annotations

import math
import time

from markupsafe import Markup, escape

from teal.core.model.duration import said
from teal.core.model.units import Moment, Seconds

_MARKS = {
    "done": "✓",
    "healed": "✓",
    "running": "▶",
    "healthy": "●",
    "starting": "◐",
    "unhealthy": "✗",
    "failed": "✗",
    "aborted": "↩",
    "rolled-back": "↩",
    "interrupted": "✗",
    "needs-person": "!",
    "exited": "○",
    "created": "○",
    "absent": "·",
    "paused": "‖",
    "restarting": "↻",
    "dead": "✗",
    "removing": "○",
}
_TONES = {
    "done": "good",
    "healed": "good",
    "healthy": "good",
    "running": "good",
    "starting": "wait",
    "paused": "wait",
    "needs-person": "wait",
    "aborted": "wait",
    "rolled-back": "bad",
    "interrupted": "bad",
    "failed": "bad",
    "unhealthy": "bad",
    "restarting": "bad",
    "dead": "bad",
}


def mark(state: str) -> str:
    """Return the sign of *state*."""
    return _MARKS.get(state, "·")


def tone(state: str) -> str:
    """Return whether *state* is good, bad, one to wait in, or none of these."""
    return _TONES.get(state, "calm")


def since(moment: Moment | None, now: Moment) -> Markup:
    """Return how long ago *moment* was; the page's script lets it count on."""
    if not moment:
        return Markup("-")
    age = said(Seconds(max(0.0, float(round(now - moment)))))
    return Markup('<time data-since="{}" datetime="{}" title="{}">{}</time>').format(
        f"{moment:.3f}", _iso(moment), stamp(moment), age
    )


def when(moment: Moment | None, *, clock: bool = False) -> Markup:
    """Return *moment* as date and time of day; as *clock* the time alone, to the second."""
    if not moment:
        return Markup("-")
    shown = time.strftime("%H:%M:%S" if clock else "%d %b %H:%M", time.localtime(moment))
    return Markup('<time datetime="{}" title="{}">{}</time>').format(_iso(moment), stamp(moment), escape(shown))


def stamp(moment: Moment) -> str:
    """Return *moment* in local time, to the second, with its zone."""
    return time.strftime("%Y-%m-%d %H:%M:%S %Z", time.localtime(moment))


def took(seconds: Seconds | None) -> str:
    """Return a duration, a dash for none."""
    return "-" if seconds is None else said(seconds)


def quick(seconds: float) -> str:
    """Return the bound of a bucket of short times."""
    if math.isinf(seconds):
        return "more than the longest that is counted"
    return f"{seconds * 1000:g} ms" if seconds < 1 else f"{seconds:g} s"


def pause(seconds: float | None) -> str:
    """Return how long nobody got a good answer."""
    return "" if seconds is None else f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"


def size(number: int) -> str:
    """Return bytes as people say them."""
    return f"{number / 2**30:.1f} GiB" if number >= 2**30 else f"{number / 2**20:.0f} MiB"


def image(name: str) -> str:
    """Return an image's id cut to what tells it apart."""
    return name.removeprefix("sha256:")[:12] if name.startswith("sha256:") else name


def _iso(moment: Moment) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(moment))

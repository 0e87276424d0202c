"""Values drawn as SVG text: lines over time, and bars one after the other. Pure: the same values give the same text.

Everything is read without color, too: blue's lines are dashed, green's are whole, what failed is dotted and thick, and
each is named at its end. A hole in what was measured is a hatched band that says so, never a line through it.
Colors are classes; `STYLE` gives them values, by day and by night. No script, no style attribute, nothing from outside.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import escape as as_text
from typing import Literal

Ink = Literal["blue", "green", "error", "plain", "quiet"]
WIDTH = 720
_LEFT, _RIGHT, _TOP, _FOOT = 52, 86, 26, 24  # room for the scale, the names, the title, the time
_ROW = 22  # height of a bar with the room around it
_DASHES: dict[Ink, str] = {"blue": "6 3", "error": "1 3", "plain": "9 3 2 3"}
_THICK: dict[Ink, str] = {"error": "3"}

STYLE = """\
.teal-plot{--ink:#1f2328;--dim:#59636e;--grid:#d1d9e0;--ground:#fff;--blue:#0550ae;--green:#116329;--error:#b3261e;\
--plain:#6639ba;--quiet:#8c959f;--band:#eef1f4;max-width:100%;height:auto;\
font:12px/1.3 system-ui,-apple-system,"Segoe UI",sans-serif}
@media (prefers-color-scheme:dark){.teal-plot{--ink:#e6edf3;--dim:#9198a1;--grid:#3d444d;--ground:#0d1117;\
--blue:#79b8ff;--green:#56d364;--error:#ff8e84;--plain:#c9a6ff;--quiet:#7d8590;--band:#1c232c}}
.teal-plot .ground{fill:var(--ground)}
.teal-plot text{fill:var(--ink)}
.teal-plot .dim{fill:var(--dim)}
.teal-plot .grid{stroke:var(--grid);fill:none}
.teal-plot .mark{stroke:var(--ink);fill:none}
.teal-plot .band{fill:var(--band)}
.teal-plot .hatch{stroke:var(--dim);fill:none}
.teal-plot .line{fill:none}
.teal-plot .blue{stroke:var(--blue)}
.teal-plot .green{stroke:var(--green)}
.teal-plot .error{stroke:var(--error)}
.teal-plot .plain{stroke:var(--plain)}
.teal-plot .quiet{stroke:var(--quiet)}
.teal-plot .bar{fill:currentColor}
.teal-plot .bar.blue{color:var(--blue)}
.teal-plot .bar.green{color:var(--green)}
.teal-plot .bar.error{color:var(--error)}
.teal-plot .bar.plain{color:var(--plain)}
.teal-plot .bar.quiet{color:var(--quiet)}
"""


@dataclass(frozen=True, slots=True)
class Line:
    """One value for each step of time; None where nobody measured."""

    name: str
    values: Sequence[float | None]
    ink: Ink = "plain"


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment worth a line from top to bottom, in seconds on the chart's own scale."""

    at: float
    text: str


@dataclass(frozen=True, slots=True)
class Band:
    """A stretch of time; a *hole* is one in which nobody measured."""

    since: float
    until: float
    text: str
    hole: bool = False


@dataclass(frozen=True, slots=True)
class Bar:
    """What took from *since* for *seconds*."""

    name: str
    since: float
    seconds: float
    ink: Ink = "plain"


def over_time(
    title: str,
    lines: Sequence[Line],
    *,
    step: float = 1.0,
    since: float = 0.0,
    unit: str = "",
    marks: Iterable[Mark] = (),
    bands: Iterable[Band] = (),
    width: int = WIDTH,
    height: int = 170,
    style: bool = False,
) -> str:
    """Return a chart of *lines*, whose first value belongs to *since* seconds and each next one to *step* later.

    *style* puts the colors into it, for a file of its own; a page has `STYLE` once.
    """
    count = max((len(line.values) for line in lines), default=0)
    until = since + step * max(1, count - 1)
    top = _ceiling(max((value for line in lines for value in line.values if value is not None), default=0.0))
    frame = _Frame(since, until, top, width, height)
    marks, bands = tuple(marks), tuple(bands)
    body = [
        *(part for band in bands for part in _band(frame, band)),
        *_scale(frame, unit),
        *_times(frame),
        *(part for line in lines for part in _line(frame, line, step)),
        *_names(frame, lines),
        *(part for mark in marks for part in _mark(frame, mark)),
    ]
    return _svg(title, _told(lines, unit, marks, bands), width, height, body, style=style)


def one_after_the_other(title: str, bars: Sequence[Bar], *, width: int = WIDTH, style: bool = False) -> str:
    """Return a row for each of *bars*, where it began and as long as it took."""
    height = _TOP + _ROW * len(bars) + _FOOT
    until = max((bar.since + bar.seconds for bar in bars), default=0.0) or 1.0
    frame = _Frame(min((bar.since for bar in bars), default=0.0), until, 1.0, width, height, left=110)
    body = [*_times(frame)]
    for row, bar in enumerate(bars):
        y = _TOP + _ROW * row
        x, end = frame.x(bar.since), frame.x(bar.since + bar.seconds)
        wide = max(2.0, end - x)
        body.append(f'<text x="{frame.left - 8}" y="{y + 14}" text-anchor="end">{_said(bar.name)}</text>')
        body.append(f'<rect class="bar {bar.ink}" x="{_n(x)}" y="{y + 3}" width="{_n(wide)}" height="14" rx="2"/>')
        body.append(f'<text class="dim" x="{_n(x + wide + 6)}" y="{y + 14}">{seconds(bar.seconds)}</text>')
    told = "; ".join(f"{bar.name} {seconds(bar.seconds)}" for bar in bars)
    return _svg(title, told, width, height, body, style=style)


def stacked(charts: Sequence[tuple[str, int]], *, title: str, width: int = WIDTH) -> str:
    """Return one picture of several charts, each with its height, one below the other."""
    parts, y = list[str](), 0
    for chart, height in charts:
        parts.append(chart.replace("<svg ", f'<svg y="{y}" width="{width}" height="{height}" ', 1))
        y += height + 8
    inner = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="teal-plot" viewBox="0 0 {width} {y}" width="{width}" '
        f'height="{y}" role="img"><title>{_said(title)}</title><style>{STYLE}</style>'
        f'<rect class="ground" width="{width}" height="{y}"/>\n{inner}\n</svg>'
    )


def height_of(bars: Sequence[Bar]) -> int:
    """Return how high `one_after_the_other` draws *bars*."""
    return _TOP + _ROW * len(bars) + _FOOT


def seconds(value: float) -> str:
    """Return how long something took: 41 ms, 3.2 s, 2 min 5 s."""
    if value < 1:
        return f"{value * 1000:.0f} ms"
    if value < 99.95:
        return f"{value:.1f} s"
    minutes, rest = divmod(round(value), 60)
    return f"{minutes} min {rest} s"


@dataclass(frozen=True, slots=True)
class _Frame:
    """From values to places in the picture."""

    since: float
    until: float
    top: float
    width: int
    height: int
    left: int = _LEFT

    @property
    def right(self) -> int:
        return self.width - _RIGHT

    @property
    def floor(self) -> int:
        return self.height - _FOOT

    def x(self, at: float) -> float:
        share = (at - self.since) / ((self.until - self.since) or 1.0)
        return self.left + min(1.0, max(0.0, share)) * (self.right - self.left)

    def y(self, value: float) -> float:
        return self.floor - min(1.0, max(0.0, value / (self.top or 1.0))) * (self.floor - _TOP)


def _svg(title: str, told: str, width: int, height: int, body: Sequence[str], *, style: bool) -> str:
    colors = f"<style>{STYLE}</style>" if style else ""
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" class="teal-plot" viewBox="0 0 {width} {height}" role="img">'
        f"<title>{_said(title)}</title><desc>{_said(told)}</desc>{colors}"
    )
    ground = f'<rect class="ground" width="{width}" height="{height}"/>'
    name = f'<text x="0" y="14" font-weight="600">{_said(title)}</text>'
    return "\n".join([f"{head}{ground}{name}", *body, "</svg>"])


def _line(frame: _Frame, line: Line, step: float) -> Iterator[str]:
    """Yield a path for each stretch that was measured; a lone value is a dot."""
    dash = f' stroke-dasharray="{_DASHES[line.ink]}"' if line.ink in _DASHES else ""
    thick = _THICK.get(line.ink, "2")
    for at, run in _stretches(line.values):
        points = [(frame.x(frame.since + step * (at + n)), frame.y(value)) for n, value in enumerate(run)]
        if len(points) == 1:
            points.append((points[0][0] + 0.1, points[0][1]))
            path, dots = _path(points), ' stroke-linecap="round"'
        else:
            path, dots = _path(points), dash
        yield f'<path class="line {line.ink}" stroke-width="{thick}"{dots} d="{path}"/>'


def _path(points: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{_n(x)} {_n(y)}" for x, y in points)


def _stretches(values: Sequence[float | None]) -> Iterator[tuple[int, list[float]]]:
    """Yield the values between two holes, each stretch with the place of its first one."""
    run, began = list[float](), 0
    for at, value in enumerate((*values, None)):
        if value is not None:
            began = at if not run else began
            run.append(value)
        elif run:
            yield began, run
            run = []


def _names(frame: _Frame, lines: Sequence[Line]) -> Iterator[str]:
    """Yield the lines' names at the right, near their ends, no two over one another."""
    ends = []
    for line in lines:
        last = next((value for value in reversed(line.values) if value is not None), None)
        if last is not None:
            ends.append((frame.y(last), line))
    for y, line in _apart(sorted(ends, key=lambda end: end[0]), frame.floor - 2.0):
        dash = f' stroke-dasharray="{_DASHES[line.ink]}"' if line.ink in _DASHES else ""
        x = frame.right + 6
        thick = _THICK.get(line.ink, "2")
        path = f"M{x} {_n(y - 4)}L{x + 16} {_n(y - 4)}"
        yield f'<path class="line {line.ink}" stroke-width="{thick}"{dash} d="{path}"/>'
        yield f'<text x="{x + 20}" y="{_n(y)}">{_said(line.name)}</text>'


def _apart(ends: Sequence[tuple[float, Line]], lowest: float) -> list[tuple[float, Line]]:
    """Return the names' places from the top, none nearer to the next than a line of text, the last above the foot."""
    placed, below = list[tuple[float, Line]](), math.inf
    for y, line in reversed(ends):
        below = min(y + 4, below - 14, lowest)
        placed.append((below, line))
    return placed[::-1]


def _scale(frame: _Frame, unit: str) -> Iterator[str]:
    for part in (0.0, 0.5, 1.0):
        y = frame.y(frame.top * part)
        text = f"{_value(frame.top * part)}{unit}"
        yield f'<path class="grid" d="M{frame.left} {_n(y)}L{frame.right} {_n(y)}"/>'
        yield f'<text class="dim" x="{frame.left - 6}" y="{_n(y + 4)}" text-anchor="end">{_said(text)}</text>'


def _times(frame: _Frame) -> Iterator[str]:
    """Yield marks of time at the foot, at whole seconds or minutes, as many as there is room for."""
    length = frame.until - frame.since
    room = max(2, (frame.right - frame.left) // 70)
    every = next((each for each in _STEPS if length / each <= room), _STEPS[-1])
    first = math.ceil(frame.since / every - 1e-9)
    for number in range(first, math.floor(frame.until / every + 1e-9) + 1):
        at = number * every
        x = frame.x(at)
        yield f'<path class="grid" d="M{_n(x)} {frame.floor}L{_n(x)} {frame.floor + 4}"/>'
        yield f'<text class="dim" x="{_n(x)}" y="{frame.floor + 17}" text-anchor="middle">{_clock(at)}</text>'


_STEPS = (0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600, 7200, 21600)


def _clock(at: float) -> str:
    """Return seconds on the chart's scale: 5 s, 1:30, with a minus before zero."""
    sign, at = ("\u2212" if at < 0 else ""), abs(at)
    if at < 60:
        return f"{sign}{at:g} s"
    minutes, rest = divmod(round(at), 60)
    return f"{sign}{minutes}:{rest:02d}"


def _mark(frame: _Frame, mark: Mark) -> Iterator[str]:
    x = frame.x(mark.at)
    left = x > (frame.left + frame.right) / 2
    yield f'<path class="mark" d="M{_n(x)} {_TOP - 4}L{_n(x)} {frame.floor}"/>'
    anchor, place = ("end", x - 4) if left else ("start", x + 4)
    yield f'<text x="{_n(place)}" y="{_TOP + 6}" text-anchor="{anchor}">{_said(mark.text)}</text>'


def _band(frame: _Frame, band: Band) -> Iterator[str]:
    x, end = frame.x(band.since), frame.x(band.until)
    wide = max(1.0, end - x)
    yield (
        f'<rect class="band" x="{_n(x)}" y="{_TOP}" width="{_n(wide)}" height="{frame.floor - _TOP}">'
        f"<title>{_said(band.text)}</title></rect>"
    )
    if band.hole:
        deep = frame.floor - _TOP
        strokes = "".join(
            f"M{_n(max(x, at - deep))} {_n(frame.floor - max(0.0, x - (at - deep)))}"
            f"L{_n(min(end, at))} {_n(_TOP + max(0.0, at - end))}"
            for at in _spread(x, end + deep, 10.0)
        )
        yield f'<path class="hatch" stroke-width="0.5" d="{strokes}"/>'
    if wide > 6.5 * len(band.text):
        middle = (x + end) / 2
        words = _said(band.text)
        yield f'<text class="dim" x="{_n(middle)}" y="{frame.floor - 6}" text-anchor="middle">{words}</text>'


def _spread(since: float, until: float, every: float) -> Iterator[float]:
    at = since + every
    while at < until:
        yield at
        at += every


def _told(lines: Sequence[Line], unit: str, marks: Sequence[Mark], bands: Sequence[Band]) -> str:
    """Return the chart in words, for whoever does not see it."""
    parts = []
    for line in lines:
        known = [value for value in line.values if value is not None]
        if known:
            least, most = _value(min(known)), _value(max(known))
            parts.append(f"{line.name}: from {least} to {most}{unit}, at last {_value(known[-1])}{unit}")
        else:
            parts.append(f"{line.name}: not measured")
    parts += [f"{mark.text} at {_clock(round(mark.at, 1))}" for mark in marks]
    bound = ((band, _clock(round(band.since, 1)), _clock(round(band.until, 1))) for band in bands)
    parts += [f"{band.text} from {since} to {until}" for band, since, until in bound]
    return "; ".join(parts)


def _ceiling(value: float) -> float:
    """Return the next round number that is not below *value*."""
    if value <= 0:
        return 1.0
    power = 10.0 ** math.floor(math.log10(value))
    return next(power * each for each in (1, 2, 2.5, 4, 5, 8, 10) if power * each >= value * 0.9999)


def _value(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 or value == int(value) else f"{value:.3g}"


def _said(text: str) -> str:
    """Return *text* as markup may have it, without what no XML may hold."""
    return as_text("".join(each for each in text if each.isprintable() or each == " "))


def _n(value: float) -> str:
    """Return a coordinate, no longer than it has to be."""
    return f"{value:.1f}".removesuffix(".0")

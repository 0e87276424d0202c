"""The judgement: holdings and rounds in, rows of the table out. Pure."""

import statistics
from collections.abc import Callable, Iterator, Sequence

from proof.bench.row import Row, ratio, seconds
from proof.soak.holdings import Holdings
from proof.soak.stack import Kind, Round

WARM_UP = 6  # rounds until two releases besides the active one are kept, and every kind of round was seen once
SPAN = 50  # deploys at each end whose times are compared
FEWEST = 100  # deploys below which their times are shown and not judged
SLOWER = 1.1
KEPT = 3  # releases: the active one and the two that the retention policy keeps
RUNS = 300  # in the journal at most: the latest 200, and of the others those that releases served by
MB = 1024 * 1024

# What the retention policy allows, at any moment after the warm-up.
ALLOWED: tuple[tuple[str, Callable[[Holdings], int], int, str], ...] = (
    ("containers", lambda h: h.containers, 5, "the proxy, two of each color"),
    ("networks", lambda h: h.networks, 3, "one of the stack, one of each color"),
    ("volumes", lambda h: h.volumes, 2, "one of each color"),
    ("images built", lambda h: h.images, KEPT, "one a kept release"),
    ("image tags", lambda h: h.tags, 2 * KEPT + 1, "two a kept release, and Compose's own"),
    ("kept releases", lambda h: h.releases, KEPT, "active + 2"),
    ("runs in the journal", lambda h: h.journal_runs, RUNS, "latest 200 + 100 by which releases served"),
    ("logs and reports of runs", lambda h: h.told, 2 * 200, "two of each of the latest 200 runs"),
    ("journal, kB", lambda h: h.journal_bytes // 1024, 4096, "with SQLite's log beside it"),
)

# What may not have grown from after the warm-up to the end, by more than so much.
STEADY: tuple[tuple[str, Callable[[Holdings], int | None], int, int, str], ...] = (
    ("files of the state", lambda h: h.state_files, 0, 1, ""),
    ("size of the state, runs apart", lambda h: h.state_bytes, 2048, 1024, " kB"),
    ("proxy: file descriptors", lambda h: h.proxy_fds, 10, 1, ""),
    ("proxy: memory", lambda h: h.proxy_memory, 16 * MB, MB, " MB"),
    ("library's process: file descriptors", lambda h: h.library_fds, 0, 1, ""),
    ("library's process: memory", lambda h: h.library_memory, 8 * MB, MB, " MB"),
    ("library's process: threads", lambda h: h.library_threads, 0, 1, ""),
)


def rows(holdings: Sequence[Holdings], rounds: Sequence[Round]) -> Iterator[Row]:
    """Yield the table."""
    seen = [each for each in holdings if each.round > WARM_UP]
    for name, of, limit, why in ALLOWED:
        most = max(of(each) for each in seen)
        yield Row(name, f"at most {most}", why, "", f"<= {limit}", most <= limit)
    for name, known, more, unit, word in STEADY:
        yield _steady(name, [known(each) for each in seen], more, unit, word)
    yield _steady("engine: file descriptors", [each.engine_fds for each in seen], None, 1, "")
    yield _times("deploy", rounds)
    yield from _phases(rounds)
    for kind in ("rollback", "library", "failure"):
        yield _times(kind, rounds)


def _steady(name: str, values: Sequence[int | None], more: int | None, unit: int, word: str) -> Row:
    """Compare the medians of the first and the last tenth; without a limit (*more*) nothing is judged."""
    known = [value for value in values if value is not None]
    if not known:
        return Row(name, "not for this user to see")
    first, last = (statistics.median(part) for part in _ends(known, max(1, len(known) // 10)))
    shown = [f"{value / unit:.4g}{word}" for value in (first, last)]
    growth = f"{(last - first) / unit:+.4g}{word}"
    if more is None:
        return Row(name, shown[1], f"after the warm-up {shown[0]}", growth, "not judged")
    limit = f"<= +{more / unit:g}{word}"
    return Row(name, shown[1], f"after the warm-up {shown[0]}", growth, limit, last - first <= more)


def _ends(values: Sequence[int], span: int) -> tuple[Sequence[int], Sequence[int]]:
    return values[:span], values[-span:]


def _first_and_last(kind: Kind, rounds: Sequence[Round]) -> tuple[Sequence[Round], Sequence[Round]]:
    mine = [each for each in rounds if each.kind == kind]
    span = max(1, min(SPAN, len(mine) // 3))
    return mine[:span], mine[-span:]


def _times(kind: Kind, rounds: Sequence[Round]) -> Row:
    """Compare the times of the first and the last rounds of *kind*; those of enough deploys are judged."""
    first, last = ([each.seconds for each in part] for part in _first_and_last(kind, rounds))
    row = ratio(f"{kind}, the last {len(last)}", last, first, what=f"the first {len(first)}", limit=SLOWER)
    if kind == "deploy" and sum(each.kind == kind for each in rounds) >= FEWEST:
        return row
    return Row(row.name, row.measured, row.against, row.relation, "not judged")


def _phases(rounds: Sequence[Round]) -> Iterator[Row]:
    """Yield how long the longer steps of a deploy took at both ends, and what it spends besides its steps."""
    first, last = _first_and_last("deploy", rounds)
    names = sorted({name for each in last for name in each.phases}, key=lambda name: -_median(last, name))
    for name in names[:8]:
        before, after = _median(first, name), _median(last, name)
        yield Row(f"  of this: {name}", seconds(after), f"the first {len(first)} {seconds(before)}")
    used = [statistics.median(each.cpu for each in part) for part in (first, last)]
    yield Row("  CPU of the command", seconds(used[1]), f"the first {len(first)} {seconds(used[0])}")
    rest = [statistics.median(each.seconds - sum(each.phases.values()) for each in part) for part in (first, last)]
    yield Row("  of this: all besides the steps", seconds(rest[1]), f"the first {len(first)} {seconds(rest[0])}")


def _median(rounds: Sequence[Round], name: str) -> float:
    return statistics.median(each.phases.get(name, 0.0) for each in rounds)

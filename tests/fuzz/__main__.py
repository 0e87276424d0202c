"""``python -m tests.fuzz [EXAMPLES] [NAME …]``: feeds every reader of Teal, and prints what was found."""

from __future__ import annotations

import sys
import time
import traceback
from collections.abc import Iterator
from pathlib import Path

from tests.fuzz import raw
from tests.fuzz.running import fuzz_long
from tests.fuzz.targets import TARGETS

SLOW = 2.0  # seconds after which an example is shown


def main(arguments: list[str]) -> int:
    """Fuzz what *arguments* name, everything where they name nothing; return 1 where anything failed."""
    examples = int(arguments[0]) if arguments else 10_000
    wanted = [
        each for each in (*TARGETS, raw.TARGET) if not arguments[1:] or any(word in each.name for word in arguments[1:])
    ]
    failed = 0
    print(f"{'what':34} {'examples':>9} {'seconds':>8} {'slowest':>8}  outcome", flush=True)
    for target in wanted:
        began = time.monotonic()
        found = fuzz_long(target, examples // raw.SHARE if target is raw.TARGET else examples)
        times = f"{time.monotonic() - began:8.1f} {found.slowest:8.2f}"
        print(f"{target.name:34} {found.ran:9} {times}  {'failed' if found.error else 'ok'}", flush=True)
        if found.slowest > SLOW:
            print(f"    slow: {found.slow}", flush=True)
        failed += found.error is not None
        for each in _each(found.error):
            print(_said(each), flush=True)
    return min(failed, 1)


def _each(error: BaseException | None) -> Iterator[BaseException]:
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from _each(inner)
    elif error is not None:
        yield error


def _said(error: BaseException) -> str:
    """Return what failed, where, and on what example."""
    ours = [frame for frame in traceback.extract_tb(error.__traceback__) if "fuzz/running" not in frame.filename]
    places = [f"{Path(f.filename).name}:{f.lineno}" for f in ours if "/teal/" in f.filename or "/tests/" in f.filename]
    notes = "".join(f"\n      {note}" for note in getattr(error, "__notes__", ()))
    return f"    {type(error).__name__}: {str(error)[:300]}\n      {' < '.join(reversed(places[-4:]))}{notes}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

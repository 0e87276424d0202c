"""``python -m tests.judge.exam [FOLDER]``: precision and recall on the old corpus and on the exam.

``--wrong`` lists what is judged otherwise than labelled; ``--verify`` plays each question on the server instead.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TypeVar

from teal.core.judge import Catalog
from teal.core.judge.evaluate import judge
from tests.engine.server import Server
from tests.judge.corpus import Entry as Known
from tests.judge.corpus import load as load_corpus
from tests.judge.exam.asking import Verdict, ask
from tests.judge.exam.entries import OPEN, SOURCES, Entry, load
from tests.judge.exam.place import serving
from tests.judge.exam.playing import verify
from tests.judge.figures import Figures

AT_ONCE = 3
T = TypeVar("T")


def main() -> int:
    """Print the tables; return 1 where a label is contradicted by the server."""
    parser = argparse.ArgumentParser(prog="python -m tests.judge.exam", description=__doc__)
    parser.add_argument("folder", nargs="?", type=Path, default=OPEN, help="of the questions (default: the open ones)")
    parser.add_argument("--verify", action="store_true", help="play each question on a real server")
    parser.add_argument("--wrong", action="store_true", help="list what is judged otherwise than labelled")
    parser.add_argument("--only", default="", help="questions whose kind or name begins so")
    said = parser.parse_args()
    entries = [each for each in load(said.folder) if each.kind == said.only or each.name.startswith(said.only)]
    with serving() as server:
        return _verify(server, entries) if said.verify else _ask(server, entries, wrong=said.wrong)


async def at_once(do: Callable[[Entry], Awaitable[T]], entries: Sequence[Entry]) -> list[T | Exception]:
    """Return what *do* returns or raises for each of *entries*, some at the same time."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(entry: Entry) -> T:
        async with gate:
            return await do(entry)

    return await asyncio.gather(*(one(each) for each in entries), return_exceptions=True)  # type: ignore[return-value]


def _verify(server: Server, entries: Sequence[Entry]) -> int:
    found = asyncio.run(at_once(lambda entry: verify(server, entry), entries))
    wrong = 0
    for entry, seen in zip(entries, found, strict=True):
        failed = isinstance(seen, BaseException)
        wrong += failed
        text = f"{type(seen).__name__}: {seen}" if failed else str(seen)
        print(f"{'✗' if failed else '✓'} {entry.kind:4} {entry.name}: {' '.join(text.split())[:200]}")
    print(f"{len(entries) - wrong} of {len(entries)} labels hold on the server")
    return 1 if wrong else 0


def _ask(server: Server, entries: Sequence[Entry], *, wrong: bool) -> int:
    answers = asyncio.run(at_once(lambda entry: ask(server, entry), entries))
    verdicts: list[tuple[Entry, Verdict]] = []
    for entry, answer in zip(entries, answers, strict=True):
        if not isinstance(answer, Verdict):
            raise answer
        verdicts.append((entry, answer))
    print(f"{'':18} {'all':>4} {'refuse':>7} {'missed':>7} {'needless':>9} {'precision':>10} {'recall':>7}")
    _table("corpus", [(_source(each), bool(each.refused), _refused(each)) for each in load_corpus()])
    _table("exam", [(entry.source, entry.refuse, verdict.refused) for entry, verdict in verdicts])
    for kind in dict.fromkeys(entry.kind for entry in entries):
        _row(kind, [(e.refuse, v.refused) for e, v in verdicts if e.kind == kind])
    if wrong:
        for entry, verdict in verdicts:
            if entry.refuse != verdict.refused:
                what = "let through" if entry.refuse else f"refused: {', '.join(verdict.said)}"
                print(f"✗ {entry.kind:4} {entry.name}: {what} ({entry.why})")
    return 0


def _table(name: str, rows: Sequence[tuple[str, bool, bool]]) -> None:
    for source in SOURCES:
        _row(f"{name}, {source}", [(label, said) for of, label, said in rows if of == source])
    _row(name, [(label, said) for _, label, said in rows])


def _row(name: str, pairs: Sequence[tuple[bool, bool]]) -> None:
    if not pairs:
        return
    counted = [pairs.count(each) for each in ((True, True), (False, True), (True, False), (False, False))]
    figures = Figures(*counted)
    counts = f"{len(pairs):4} {counted[0] + counted[2]:7} {figures.missed:7} {figures.refused_wrongly:9}"
    precision = f"{figures.precision:10.3f}" if counted[0] + counted[1] else f"{'-':>10}"
    recall = f"{figures.recall:7.3f}" if counted[0] + counted[2] else f"{'-':>7}"
    print(f"{name:18} {counts} {precision} {recall}")


def _source(entry: Known) -> str:
    """Tell by what the verdict on an entry of the corpus is known: by its text alone where it is the same offline."""
    offline = any(each.excused is None for each in judge(entry.scripts, Catalog(), entry.lint))
    return "sql" if offline == bool(entry.refused) else "catalogue"


def _refused(entry: Known) -> bool:
    return any(each.excused is None for each in entry.findings)


if __name__ == "__main__":
    sys.exit(main())

"""Prints what becomes of every key of the Compose specification on each kind of service; `--packed` is quicker."""

from __future__ import annotations

import sys
import tempfile
import time
from pathlib import Path

from tests.conformance.report import table, written
from tests.conformance.run import Found, run
from tests.conformance.spec import installed, keys
from tests.conformance.table import CASES


def main() -> int:
    begun = time.monotonic()

    def tell(line: str) -> None:
        print(f"{time.monotonic() - begun:6.1f}s  {line}", file=sys.stderr, flush=True)

    with tempfile.TemporaryDirectory() as folder:
        found = run(Path(folder), alone="--packed" not in sys.argv, tell=tell)
    print("\n".join(written(table(found, CASES, keys(installed())))))
    return _judged(found)


def _judged(found: Found) -> int:
    for verdict, difference in found.unlisted:
        print(f"!! {verdict.service} ({', '.join(verdict.cases)}): {difference}")
    for refusal in found.wrong:
        print(f"!! {refusal.one.name}: should say {refusal.wanted}, says {refusal.said}")
    for rule in found.stale:
        print(f"!! no case needs the rule {rule.path} ({rule.reason}) for {', '.join(rule.cases)}")
    return int(bool(found.unlisted or found.wrong or found.stale))


sys.exit(main())

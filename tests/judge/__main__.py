"""``python -m tests.judge``: the corpus by kind of table and phase, precision and recall."""

from collections import Counter

from tests.judge.corpus import Entry, load
from tests.judge.figures import measure


def _row(name: str, entries: list[Entry]) -> str:
    refused = sum(1 for entry in entries if entry.refused)
    figures = measure(entries)
    counts = f"{len(entries):5} {len(entries) - refused:5} {refused:8}"
    return f"{name:14} {counts} " + (f"{figures.precision:10.3f} {figures.recall:7.3f}" if refused else "")


def main() -> None:
    """Print the table."""
    entries = load()
    print(f"{'':14} {'all':>5} {'safe':>5} {'refused':>8} {'precision':>10} {'recall':>7}")
    for table in Counter(entry.table for entry in entries):
        print(_row(table, [entry for entry in entries if entry.table == table]))
    for phase in ("expand", "backfill", "contract", "window"):
        print(_row(phase, [entry for entry in entries if entry.scripts[-1].phase == phase]))
    print(_row("all", entries))
    rules = {rule for entry in entries for rule in entry.refused | entry.excused}
    print(f"{len(rules)} rules are met")


main()

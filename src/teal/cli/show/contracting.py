"""Says how the gate before a contract stands, and how a contract ended."""

from __future__ import annotations

from collections.abc import Iterator

from teal.cli.show.text import paint
from teal.core.migrations.gate import Condition
from teal.run.api import Contracted


def contracted(result: Contracted) -> str:
    """Return each condition with its evidence, and what came of it."""
    return "\n".join([*_healed(result), _head(result), *_gate(result), *_notes(result)])


def _head(result: Contracted) -> str:
    name = f"{result.project}: contract {result.contract}"
    match result.outcome:
        case "planned":
            return f"{name} needs release {result.release} or newer; its gate:"
        case "undone":
            return paint(f"✓ {name}: what its soft form took away is back", "green", bold=True)
        case "soft":
            back = f"`teal migrate undo {result.contract}` brings the columns back"
            return paint(f"✓ {name} has its soft form", "green", bold=True) + f": {back}; {_floor(result)}"
        case _:
            return paint(f"✓ {name} has been run", "green", bold=True) + f": {_floor(result)}"


def _floor(result: Contracted) -> str:
    gone = f", the way back to release {', '.join(map(str, result.gives_up))} is given up" if result.gives_up else ""
    return f"no release before {result.release} comes back{gone}"


def _gate(result: Contracted) -> Iterator[str]:
    for condition in result.conditions:
        yield f"  {_mark(condition)} {condition.name:<10} {condition.evidence}"
        if not condition.met:
            yield f"    {'':<10} {paint(condition.opens, 'yellow')}"


def _mark(condition: Condition) -> str:
    return paint("✓", "green") if condition.met else paint("✗", "red")


def _healed(result: Contracted) -> Iterator[str]:
    if result.healed:
        yield f"put right first: {result.healed}"


def _notes(result: Contracted) -> Iterator[str]:
    for note in result.notes:
        yield paint(f"  note: {note}", "yellow")

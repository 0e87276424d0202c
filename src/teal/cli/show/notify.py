"""Says who could be told."""

from __future__ import annotations

from teal.cli.show.text import paint
from teal.run.api import TriedResult


def tried(result: TriedResult) -> str:
    """Return what was sent, and who got it."""
    lines = [result.text, ""]
    for each in result.receivers:
        mark = paint("✗", "red") if each.why else paint("✓", "green")
        lines.append(f"{mark} {each.to}, told when {', '.join(each.on)}{f': {each.why}' if each.why else ''}")
    return "\n".join(lines)

"""Says what the files of a planned change are."""

from __future__ import annotations

from teal.core.migrations.draft import Draft, Series


def planned(result: Series) -> str:
    """Return each file with what it is for; its text, too, where it was not written."""
    return "\n".join(_said(draft, written=result.written) for draft in result.files).rstrip()


def _said(draft: Draft, *, written: bool) -> str:
    head = f"{draft.name}: {draft.why}"
    return head if written else f"-- {head}\n\n{draft.sql}"

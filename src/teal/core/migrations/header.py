"""The exceptions that a file declares: comments ``-- teal: phase=expand reason="…"`` before a statement.

``phase=PHASE`` says that the statement belongs to its script's phase though the judge says no, or can't tell;
``allow=RULE[,RULE]`` excuses any rule by name, a lock too. Neither counts without a reason.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_NOTE = re.compile(r"^[ \t]*--[ \t]*teal:[ \t]*(.*?)[ \t]*$", re.M)
_PAIR = re.compile(r'([a-z_]+)=(?:"((?:[^"\\]|\\.)*)"|((?<=reason=).*|\S+))')


@dataclass(frozen=True, slots=True)
class Notes:
    """What the comments before one statement declare."""

    phase: str = ""
    allow: frozenset[str] = frozenset()
    reason: str = ""

    @property
    def claims(self) -> bool:
        """Return whether an exception is asked for, with or without a reason."""
        return bool(self.phase or self.allow)


NONE = Notes()


def read_notes(text: str) -> Notes:
    """Return what the comments in a statement's *text* declare."""
    pairs = pairs_of(text)
    allow = frozenset(name for name in pairs.get("allow", "").split(",") if name)
    return Notes(pairs.get("phase", ""), allow, pairs.get("reason", "").strip())


def pairs_of(text: str) -> dict[str, str]:
    """Return each ``key=value`` of the ``-- teal:`` lines in *text*, the last of each key."""
    return dict(said_in(text))


def said_in(text: str) -> list[tuple[str, str]]:
    """Return all ``key=value`` of the ``-- teal:`` lines in *text*; a reason without quotes goes to the line's end."""
    pairs = (pair for line in _NOTE.findall(text) for pair in _PAIR.findall(line))
    return [(key, (quoted or bare).replace('\\"', '"')) for key, quoted, bare in pairs]

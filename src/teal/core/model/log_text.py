"""The part of a log or an answer that is shown to whoever must find out what failed."""

from __future__ import annotations

import re

LONGEST = 200  # characters of an answer or of a healthcheck's output that are shown in a line
_NUMBERS = re.compile(r"\d+")
_TITLE = re.compile(r"<title[^>]*>(.*?)</title", re.IGNORECASE | re.DOTALL)
_UNSEEN = re.compile(r"<(script|style)\b.*?</\1\s*>|<!--.*?-->", re.IGNORECASE | re.DOTALL)
_TAG = re.compile(r"<[^>]*>")
_TROUBLE = re.compile(
    r"error|exception|traceback|fatal|panic|critical|refused|denied|failed|cannot|can't", re.IGNORECASE
)


def first_words(text: str) -> str:
    """Return the first line of *text* that says something, of a page its title; "" where there is none."""
    title = _TITLE.search(text)
    if title and title[1].strip():
        return shortened(title[1])
    said = _TAG.sub(" ", _UNSEEN.sub(" ", text)) if "<" in text else text
    line = next((" ".join(line.split()) for line in said.splitlines() if line.strip()), "")
    return shortened(line)


def shortened(text: str) -> str:
    """Return *text* in one line of a length that can be read."""
    line = " ".join(text.split())
    return f"{line[: LONGEST - 1]}…" if len(line) > LONGEST else line


def last_line(text: str) -> str:
    """Return *text* in one line where it fits, else the last line that says something: there a traceback says what."""
    lines = [line for line in text.splitlines() if line.strip()]
    return shortened(text if len(text) <= LONGEST or not lines else lines[-1])


def condensed(text: str, lines: int) -> str:
    """Return the last *lines* of a log of which each says something else, each with how often it came.

    Lines that differ in their numbers only are one: a probe that is asked several times a second leaves nothing else of
    an access log.
    """
    latest: dict[str, tuple[str, int]] = {}
    for line in text.splitlines():
        if line.strip():
            shape = _NUMBERS.sub("#", line)
            _, before = latest.pop(shape, ("", 0))
            latest[shape] = (line.rstrip(), before + 1)
    kept = list(latest.values())[-lines:]
    return "\n".join(f"{line}  ({count} times)" if count > 1 else line for line, count in kept)


def troubled(text: str) -> bool:
    """Tell whether any line of a log speaks of trouble."""
    return bool(_TROUBLE.search(text))

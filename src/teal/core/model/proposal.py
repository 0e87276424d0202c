"""A question that only a person can answer, with what Teal would answer: plain data, asked by who has a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Choice:
    """One answer, and what it writes into teal.yml: a path of keys to a value; a list's entry is added to the list.

    ``{("safe_volumes",): ("uploads",)}`` adds an entry, ``{("services", "web"): "shared"}`` sets a key.
    """

    label: str  # "both may write it", in the words of the question
    teal_yml: Mapping[tuple[str, ...], str | int | tuple[str, ...]] = field(
        default_factory=dict, hash=False
    )  # empty: nothing to write

    @property
    def line(self) -> str:
        """Return what is written, in YAML's short form on one line: ``safe_volumes: [uploads]``."""
        return "; ".join(_line(path, value) for path, value in self.teal_yml.items())


@dataclass(frozen=True, slots=True)
class Proposal:
    """What is asked, the answers, and the one that Teal would give: the first that a person reads."""

    subject: str  # what it is about: "web:/data", a mount of a service; else a service
    question: str  # "may two releases of web write to /data at the same time?"
    choices: tuple[Choice, ...]
    default: int = 0  # which of the choices Teal proposes
    why: str = ""  # what was seen, on one line

    @property
    def proposed(self) -> Choice:
        """Return the answer that is taken where nobody is asked and proposals are accepted."""
        return self.choices[self.default]


def _line(path: tuple[str, ...], value: str | int | tuple[str, ...]) -> str:
    last = f"[{', '.join(value)}]" if isinstance(value, tuple) else str(value)
    for key in reversed(path[1:]):
        last = f"{{{key}: {last}}}"
    return f"{path[0]}: {last}"

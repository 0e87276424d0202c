"""Makes HTML of what was seen. Every text passes the masking on its way into it, and is escaped after that."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape
from markupsafe import Markup

from teal.core.planning.rollback import SAID
from teal.core.planning.rollback_floor import called
from teal.web import words
from teal.web.seen import Seen
from teal.web.visitors import Visitor

FOLDER = Path(__file__).parent
PARTS = ("notices", "serving", "run", "traffic", "sides", "schema", "past")  # of a stack's page, each swapped by itself
_TICKING = re.compile(r"(<time data-since[^>]*>)[^<]*")

Clean = Callable[[str], str]


@dataclass(frozen=True, slots=True)
class Look:
    """For whom a page is made, and what it may offer."""

    visitor: Visitor | None
    root: str
    read_only: bool
    logs: bool
    actions: tuple[str, ...]
    form_token: str = ""
    several: bool = False  # there is more than one stack

    @property
    def acting(self) -> bool:
        """Tell whether buttons are shown."""
        return self.visitor is not None and self.visitor.role == "act" and not self.read_only


class Pages:
    """The templates, once for each way of masking."""

    def __init__(self) -> None:
        self._base = Environment(
            loader=FileSystemLoader(FOLDER / "templates"),
            autoescape=select_autoescape(default=True, default_for_string=True),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
        )
        self._base.globals |= {
            "mark": words.mark,
            "tone": words.tone,
            "since": words.since,
            "when": words.when,
            "took": words.took,
            "pause": words.pause,
            "quick": words.quick,
            "size": words.size,
            "image": words.image,
            "called": called,
            "state_said": SAID,
        }
        self._made: dict[int, Environment] = {}
        self._parts: dict[tuple[str, bool], tuple[Seen, dict[str, str]]] = {}

    def render(self, template: str, look: Look, clean: Clean, **facts: Any) -> str:
        """Return *template* with *facts*, each text of them through *clean*."""
        return self._for(clean).get_template(template).render(look=look, **facts)

    def parts(self, seen: Seen, look: Look, clean: Clean) -> dict[str, str]:
        """Return the parts of a stack's page."""
        key = (seen.name, look.acting)
        made = self._parts.get(key)
        if made is None or made[0] is not seen:  # all who look at the same are shown the same
            parts = {name: self.render(f"parts/{name}.html", look, clean, seen=seen, now=seen.at) for name in PARTS}
            made = self._parts[key] = (seen, parts)
        return made[1]

    def card(self, seen: Seen, look: Look, clean: Clean) -> Markup:
        """Return a stack as it stands on the page of all of them."""
        return Markup(self.render("parts/card.html", look, clean, seen=seen, now=seen.at))  # noqa: S704 (escaped by the template)

    def _for(self, clean: Clean) -> Environment:
        found = self._made.get(id(clean))
        if found is None:
            found = self._made[id(clean)] = self._base.overlay(finalize=_cleaning(clean))
        return found


def same(part: str) -> str:
    """Return what of *part* matters when it is compared: an age that counts on is no change."""
    return _TICKING.sub(r"\1", part)


def _cleaning(clean: Clean) -> Callable[[Any], Any]:
    def finalize(value: Any) -> Any:
        if isinstance(value, Markup) or value is None or not isinstance(value, str):
            return "" if value is None else value
        return clean(value)

    return finalize

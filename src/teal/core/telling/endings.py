"""How a run ended, for those who were not there: what serves now, and what happened."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Literal, get_args

from msgspec import Struct

from teal.core.model.units import Moment, ReleaseId, Seconds
from teal.core.planning.step_names import Command

Word = Literal["failed", "rolled-back", "needs-person", "held", "healed", "deployed"]
WORDS: tuple[Word, ...] = get_args(Word)
UNASKED: tuple[Word, ...] = tuple(word for word in WORDS if word != "deployed")  # what is told where nothing is said
ASKED = "a person is asked about what differs"  # ends a run that is tried again at once
_SERVING = frozenset({Command.DEPLOY, Command.ROLLBACK, Command.LEAVE, Command.MIGRATE_WINDOW})


class Notification(Struct, frozen=True):
    """What is told of one run; ``teal schema notification`` describes it as JSON."""

    project: str
    on: Word | Literal["test"]
    text: str  # for people: the first line says what serves now
    run: int | None  # as `teal history` counts
    command: str
    outcome: str  # as the journal has it
    release: ReleaseId | None  # that the run was about
    serving: str  # "release 41", "the plain stack", "nobody", …: what users get now
    started: Moment | None
    ended: Moment | None
    seconds: Seconds | None
    message: str = ""
    phases: Mapping[str, Seconds] = {}
    host: str = ""
    by: str = ""
    report: str = ""  # what the run did to users, where that was measured


def word_of(command: str, outcome: str, message: str = "") -> Word | None:
    """Return by which word a run is told, None where it is nobody's news."""
    if message == ASKED:
        return None
    match outcome:
        case "done":
            if command == Command.ROLLBACK:
                return "rolled-back"
            return "deployed" if command in _SERVING else None
        case "aborted" | "failed" | "interrupted":
            return None if command == Command.HEAL else "failed"
        case "needs-person" | "held" | "healed" | "rolled-back":
            return outcome
        case _:
            return None


def text_of(told: Notification) -> str:
    """Return what people read; the first line says what serves now, between two stars."""
    what = f"{told.command} of release {told.release}" if told.release is not None else told.command
    took = f" after {told.seconds:.0f} s" if told.seconds is not None else ""
    why = f": {told.message}" if told.message else ""
    said: dict[str, str] = {
        "failed": f"The {what} failed{took}{why}",
        "rolled-back": f"{_back(told)}{took}{why}",
        "needs-person": f"A person must look at the {what}{why}",
        "held": f"Release {told.release} shows errors, and so does the one before it{why}: it was not taken back",
        "healed": f"The {what} was cut off, and the next command has finished it{why}",
        "deployed": f"The {what} is done{took}",
        "test": "This is a test: `teal notify test` was typed",
    }
    lines = [f"{told.project}: **{told.serving} {_verb(told.serving)}**. {said[told.on]}"]
    if told.report:
        lines.append(told.report)
    lines += [", ".join(filter(None, (f"run {told.run}" if told.run else "", _by(told))))]
    return "\n".join(line for line in lines if line)


def _verb(serving: str) -> str:
    return "is where users wait" if serving in AWAY_SAID else "serves"


AWAY_SAID = frozenset({"the proxy", "the maintenance page"})


def _back(told: Notification) -> str:
    if told.command == Command.ROLLBACK:
        return f"Rolled back by hand to release {told.release}"
    return f"Release {told.release} was rolled back"


def _by(told: Notification) -> str:
    return " ".join(filter(None, (f"by {told.by}" if told.by else "", f"on {told.host}" if told.host else "")))


def wanted(told: Iterable[Notification], on: Iterable[str]) -> tuple[Notification, ...]:
    """Return those of *told* that a receiver wants."""
    words = frozenset(on)
    return tuple(each for each in told if each.on in words or each.on == "test")

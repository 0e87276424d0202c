"""What can't be read from the file: refused, unless the file says what it is, and why."""

from __future__ import annotations

from teal.core.judge import phase_table
from teal.core.judge.actions import Action
from teal.core.judge.context import Known
from teal.core.judge.functions import unlisted
from teal.core.judge.rule import ALWAYS, Nature, always, rule
from teal.core.migrations.sql import function_names

_UNKNOWN, _LOSS = Nature.UNKNOWN, Nature.LOSS
_SAY = "write it as plain statements, or say what it is: -- teal: phase={phase} reason=…"


rule(
    "unreadable",
    _LOSS,
    ALWAYS,
    "Unreadable",
    why="PostgreSQL can't read this: {it}",
    remedy="correct it (commands of psql such as \\copy are no SQL)",
)(always)


@rule(
    "unknown-statement",
    _UNKNOWN,
    ALWAYS,
    why="it is not known what {it} does to a release that serves",
    remedy=_SAY,
)
def unknown_statement(action: Action, known: Known) -> bool | str:
    if action.kind in phase_table.READABLE or action.kind.startswith(("RENAME_", "DROP_POLICY")):
        return False
    if action.kind == "ExecuteStmt" and _prepared(action, known):
        return False
    return " ".join(part for part in (action.kind.removesuffix("Stmt"), action.it) if part)


def _prepared(action: Action, known: Known) -> bool:
    """Return whether the same script prepares what it executes, so that it was judged there."""
    made = known.of("PrepareStmt", name=action.name)
    return any(one.script is action.script and one.order < action.order for one in made)


rule(
    "unread-body",
    _UNKNOWN,
    ALWAYS,
    "UnreadBody",
    why="the DO block holds {it}: it can't be told what that does",
    remedy=_SAY,
)(always)


@rule(
    "unlisted-function",
    _UNKNOWN,
    ALWAYS,
    ("SelectStmt", "CallStmt", "UpdateStmt", "InsertStmt", "DeleteStmt", "CreateTableAsStmt"),
    why="it can't be told from the files what {it}() does",
    remedy=f"define it in the same series, or {_SAY}",
    spares_fresh=False,
)
def unlisted_function(action: Action, known: Known) -> str:
    return unlisted(action.node, known) or _unread(action, known)


def _unread(action: Action, known: Known) -> str:
    """Return the called function of the scripts whose body can't be read."""
    names = (one.name for one in known.of("CreateFunctionStmt") if one.routine and one.routine.unread)
    called = function_names(action.node)
    return next((name for name in names if name in called), "")


@rule(
    "exception-without-reason",
    _LOSS,
    ALWAYS,
    why="an exception needs a reason",
    remedy='-- teal: phase={phase} reason="why no release is hurt"',
    spares_fresh=False,
)
def exception_without_reason(action: Action, known: Known) -> bool:
    return action.notes.claims and not action.notes.reason


@rule(
    "exception-for-another-phase",
    _LOSS,
    ALWAYS,
    why="the file says {it}, but it is run as {phase}",
    remedy="move the statement to a script of that phase",
    spares_fresh=False,
)
def exception_for_another_phase(action: Action, known: Known) -> bool | str:
    said = action.notes.phase
    return said not in ("", action.script.phase) and f"phase={said}"

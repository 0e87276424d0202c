"""Asks a person what only a person knows, once: the answers stand in teal.yml from then on.

Where nobody is there to be asked, and ``--yes`` does not take what is proposed, it says the lines to write.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import click

from teal.cli.output import interactive
from teal.cli.redaction import escape_control
from teal.cli.session import Session
from teal.errors import Interrupted, Refused
from teal.run.api import Doubtful, QuestionRow, Understood

if TYPE_CHECKING:
    from pathlib import Path

    from teal.config.edit_yaml import Entries
    from teal.core.model.proposal import Choice, Proposal


class Unanswered(Exception):
    """A deploy has to ask first."""

    def __init__(self, understood: Understood) -> None:
        super().__init__(understood.project)
        self.understood = understood


def agree(session: Session, understood: Understood, *, yes: bool, asked: set[Proposal]) -> bool:
    """Ask what a deploy has to ask; True where it may begin, False where the files are to be read again first.

    Raises ``Refused`` where nobody is there to answer, ``Abort`` where a person says no. What was *asked* before, and
    stays open, is not asked again: the deploy itself says then what stands in the way.
    """
    from teal.cli.show.understood import summary

    if understood.questions:
        return not settle(session, understood, yes=yes, command="teal deploy", asked=asked)
    if not session.quiet and not session.json:
        _say(session, summary(understood))
    asks = not (yes or session.json) and interactive()
    if asks and not click.confirm("Deploy like this?", default=True, err=True):
        hint = "what is wrong there, teal.yml can say: docs/teal-yml.md"
        raise Interrupted("stopped: nothing was deployed", hint=hint)
    return True


def agree_to(session: Session, doubtful: Doubtful) -> None:
    """Ask a person whether to deploy in spite of what differs. Return alone says no: at night that costs nobody."""
    from teal.cli.show.diff import shortly

    _say(session, shortly(doubtful.found))
    if not click.confirm("Deploy it anyway?", default=False, err=True):
        hint = "`teal diff` says what differs; what it warns of may be meant: then answer y, or add --yes"
        raise Interrupted("stopped: nothing was deployed", hint=hint)


def settle(
    session: Session, understood: Understood, *, yes: bool, command: str, asked: set[Proposal]
) -> dict[Proposal, Choice]:
    """Ask the first open question, since its answer may settle others, and write the answer; return it.

    With *yes* all are settled as proposed. Nothing is returned where all of them were *asked* before.
    """
    from teal.cli.show.understood import new_file

    questions = [each for each in understood.questions if each not in asked]
    chosen = answers(session, questions, yes=yes, command=command)
    if chosen:
        asked.update(chosen)
        entries = written([*chosen.values()])
        path = keep(session, entries, new=new_file(understood))
        if not session.json:
            _say(session, f"written to {path.name}:\n{_indented(entries)}")
    return chosen


def answers(session: Session, questions: Sequence[Proposal], *, yes: bool, command: str) -> dict[Proposal, Choice]:
    """Return a person's answer to the first of *questions*, or with *yes* what is proposed to all of them."""
    if yes or not questions:
        return {each: each.proposed for each in questions}
    if session.json or not interactive():
        raise _nobody(session, questions, command)
    return {questions[0]: _asked(session, questions[0])}


def written(choices: Sequence[Choice]) -> Entries:
    """Return what the answers *choices* write."""
    found: dict[tuple[str, ...], str | int | tuple[str, ...]] = {}
    for choice in choices:
        for path, value in choice.teal_yml.items():
            before = found.get(path)
            found[path] = (*before, *value) if isinstance(before, tuple) and isinstance(value, tuple) else value
    return found


def keep(session: Session, entries: Entries, *, new: str = "") -> Path:
    """Write *entries* into the stack's teal.yml; where there is none, below the text *new*. Return its path."""
    from teal.cli import wiring
    from teal.config.edit_yaml import added

    path = wiring.teal_yml(session.options)
    before = wiring.text_of(path)
    wiring.write(path, added(new if before is None else before, entries, name=path.name))
    return path


def row(question: Proposal, choice: Choice) -> QuestionRow:
    """Return *question* with its answer, for programs."""
    labels = tuple(each.label for each in question.choices)
    return QuestionRow(question.subject, question.question, question.why, labels, choice.label)


def _nobody(session: Session, questions: Sequence[Proposal], command: str) -> Refused:
    count = "a question has" if len(questions) == 1 else f"{len(questions)} questions have"
    from teal.config.edit_yaml import lines

    listed = lines(written([each.proposed for each in questions])).rstrip()
    hint = f"write into teal.yml what is right; `{command} --yes` writes what is proposed:\n{listed}"
    detail = "\n".join(_told(each) for each in questions)
    return Refused(
        f"{count} no answer yet, and there is no terminal to ask on", hint=hint, detail=session.redact(detail)
    )


def _told(question: Proposal) -> str:
    """Return *question* with its answers and the line that each writes."""
    why = f" ({question.why})" if question.why else ""
    said = [f"{question.subject}: {question.question}{why}"]
    return "\n".join(
        [*said, *(f"  {each.label}{f': `{each.line}`' if each.line else ''}" for each in question.choices)]
    )


def _asked(session: Session, question: Proposal) -> Choice:
    why = f"\n  {question.why}" if question.why else ""
    _say(session, f"{question.subject}: {question.question}{why}")
    for number, each in enumerate(question.choices, 1):
        _say(session, f"  {number}) {each.label}{f'   {each.line}' if each.line else ''}")
    numbers = click.IntRange(1, len(question.choices))
    chosen = question.choices[click.prompt("Which?", type=numbers, default=question.default + 1, err=True) - 1]
    if not chosen.teal_yml:
        raise click.Abort
    return chosen


def _indented(entries: Entries) -> str:
    from teal.config.edit_yaml import lines

    return "\n".join(f"  {line}" for line in lines(entries).splitlines())


def _say(session: Session, text: str) -> None:
    click.echo(escape_control(session.redact(text)), err=True)

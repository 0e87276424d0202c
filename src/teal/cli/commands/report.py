"""The command that says what a deploy did to its users."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from teal.cli.group import TealCommand
from teal.cli.options import Purpose
from teal.cli.redaction import escape_control
from teal.cli.results import answer
from teal.cli.runner import look
from teal.cli.session import Session
from teal.core.model.units import Seconds

if TYPE_CHECKING:
    from teal.core.model.stack import Stack
    from teal.core.report.over import Summary
    from teal.core.report.values import Report
    from teal.run.context import EventSink, Ports

_DAYS = {"d": 86400.0, "w": 7 * 86400.0}


class _Ago(click.ParamType):  # type: ignore[type-arg]
    """How long ago: 30d, 2w, 12h."""

    name = "time"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> Seconds:
        from teal.core.model.duration import seconds

        text = str(value).strip()
        try:
            if text[-1:] in _DAYS:
                return Seconds(float(text[:-1]) * _DAYS[text[-1]])
            return seconds(text)
        except ValueError:
            self.fail("say it as 30d, 2w or 12h", param, ctx)


@click.command(
    cls=TealCommand,
    example="teal report\nteal report 57 --format md >> $GITHUB_STEP_SUMMARY\n"
    "teal report --format html > report.html\nteal report --since 30d",
)
@click.argument("run", type=click.IntRange(min=1), required=False)
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "md", "html", "svg"]),
    default="text",
    show_default=True,
    help="text: lines for a post-mortem; html and svg with plots, in one file.",
)
@click.option("--since", type=_Ago(), metavar="30d", help="Of all runs since then, with DORA's four figures.")
@click.pass_obj
def report(session: Session, /, *, run: int | None, form: str, since: Seconds | None) -> None:
    """Say what a RUN, the latest by default, did to its users: requests, failures, pauses, phases.

    The numbers of runs are those of `teal history`.
    """
    if since is not None:
        _over(session, since, form)
        return

    async def read(ports: Ports, _: Stack, __: EventSink) -> Report:
        from teal.run.commands.report import report

        return report(ports, run)

    found = look(session, Purpose.LOOK, read)
    if session.json or form == "json":
        session.json = True
        answer(session, found, str)
        return
    text = _shown(found, form)
    click.echo(session.redact(text) if form in {"html", "svg"} else escape_control(session.redact(text)))


def _shown(found: Report, form: str) -> str:
    from teal.core.report import drawn, words

    if form == "html":
        return drawn.page(found)
    if form == "svg":
        return drawn.picture(found)
    return words.markdown(found) if form == "md" else "\n".join(words.six_lines(found))


def _over(session: Session, since: Seconds, form: str) -> None:
    async def read(ports: Ports, stack: Stack, _: EventSink) -> Summary:
        from teal.run.commands.report import report_since

        return report_since(ports, stack.project, since)

    from teal.core.report.words_over import lines, markdown

    if form in {"html", "svg"}:
        raise click.UsageError("--since is shown as text, md or json")
    session.json = session.json or form == "json"
    answer(
        session, look(session, Purpose.LOOK, read), markdown if form == "md" else lambda found: "\n".join(lines(found))
    )

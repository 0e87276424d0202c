"""The one place that shows errors: what, then what to do; a bug in Teal is said to be one."""

from __future__ import annotations

import asyncio
import json as json_
import os
import sys
import tempfile
import traceback
from collections.abc import Collection
from pathlib import Path
from typing import NamedTuple

import click

from teal.cli.redaction import Redactor, escape_control, message
from teal.errors import Interrupted, NeedsPerson, TealError, Usage


class Shown(NamedTuple):
    """An error as people and programs are told it."""

    message: str
    hint: str
    status: int
    detail: str = ""


def fail(error: BaseException, *, json: bool, redact: Redactor, said: Collection[str] = ()) -> int:
    """Show *error*, known secrets masked and without the notes that were *said*, and return the exit status."""
    if isinstance(error, click.exceptions.Exit):
        return error.exit_code
    if isinstance(error, SystemExit):
        return error.code if isinstance(error.code, int) else 1
    if isinstance(error, click.exceptions.NoArgsIsHelpError):
        click.echo(error.format_message())
        return 0
    shown = masked(explain(error), redact)
    report = error.report if isinstance(error, NeedsPerson) else None
    if json:
        content = {key: value for key, value in shown._asdict().items() if key != "detail" or value}
        content |= {"report": _builtins(report, redact)} if report else {}
        sys.stdout.write(json_.dumps({"error": content}, ensure_ascii=False) + "\n")
    else:
        _print_report(report, redact, said)
        _print(shown)
    return shown.status


def _print_report(report: object, redact: Redactor, said: Collection[str]) -> None:
    """Print what was done nevertheless."""
    from teal.cli.results import without
    from teal.cli.show.deploy import outcome
    from teal.run.api import DeployResult

    if isinstance(report, DeployResult):
        click.echo(escape_control(redact(outcome(without(report, said)))))


def _builtins(report: object, redact: Redactor) -> object:
    import msgspec

    return json_.loads(redact(msgspec.json.encode(report).decode()))


def masked(shown: Shown, redact: Redactor) -> Shown:
    """Return *shown* without secrets and without what a terminal would obey; a log's own colors stay."""
    said, hint = message(redact(shown.message)), message(redact(shown.hint))
    return Shown(said, hint, shown.status, redact(shown.detail))


def is_usage(error: BaseException) -> bool:
    """Tell whether the command line could not be read to its end, so that not every option was seen."""
    return isinstance(error, click.UsageError)


def explain(error: BaseException) -> Shown:
    """Return what to say of *error*."""
    match error:
        case TealError():
            return Shown(error.message, error.hint, error.status, error.detail)
        case click.UsageError():
            command = error.ctx.command_path if error.ctx else "teal"
            return Shown(_sentence(error.format_message()), f"see: {command} --help", Usage.status)
        case click.Abort():
            return Shown("stopped: nothing was changed", "", Interrupted.status)
        case KeyboardInterrupt() | asyncio.CancelledError():
            return Shown("interrupted", "`teal status` shows how things stand", Interrupted.status)
        case click.ClickException():
            return Shown(_sentence(error.format_message()), "", error.exit_code)
        case _:
            return _bug(error)


def _sentence(text: str) -> str:
    text = " ".join(text.split()).rstrip(".")
    return text[:1].lower() + text[1:] if text[1:2].islower() else text


def _bug(error: BaseException) -> Shown:
    """Write the traceback to a file; its message may hold a secret, and is not shown."""
    frames = [each for each in traceback.extract_tb(error.__traceback__) if "teal" in Path(each.filename).parts]
    where = f" in {Path(frames[-1].filename).name}, line {frames[-1].lineno}" if frames else ""
    try:
        kept = f"its traceback is in {_keep(error)} (look through it for secrets before you send it)"
    except OSError:
        kept = "its traceback could not be written anywhere"
    return Shown(
        f"this is a bug in Teal: {type(error).__name__}{where}", f"{kept}; `teal status` shows how things stand", 1
    )


def _keep(error: BaseException) -> str:
    home = os.environ.get("TEAL_HOME") or "/var/lib/teal"
    folder = home if os.access(home, os.W_OK | os.X_OK) else None
    fd, path = tempfile.mkstemp(prefix="teal-bug-", suffix=".txt", dir=folder)
    with os.fdopen(fd, "w", errors="backslashreplace") as file:
        traceback.print_exception(error, file=file)
    return path


def _print(shown: Shown) -> None:
    red = sys.stderr.isatty() and not os.environ.get("NO_COLOR")
    if shown.detail:
        click.echo(shown.detail.rstrip("\n"), err=True)
    click.echo((click.style("✗ ", fg="red") if red else "✗ ") + shown.message, err=True)
    for line in shown.hint.splitlines():
        click.echo(f"  {line}", err=True)

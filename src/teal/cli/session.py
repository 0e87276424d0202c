"""The ways out of one invocation: the stack with its ports, another program."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field

from teal.cli.options import OpenStack, Purpose
from teal.cli.redaction import Redactor
from teal.config.options import Options, Overrides

StackOpener = Callable[["Session", Purpose], AbstractAsyncContextManager[OpenStack]]


def _open(session: Session, purpose: Purpose) -> AbstractAsyncContextManager[OpenStack]:
    from teal.cli.wiring import opened

    return opened(session.options, session.overrides, purpose, session.redact)


def _redactor() -> Redactor:
    import os

    return Redactor(os.environ)


def _become(argv: Sequence[str], environment: dict[str, str]) -> None:
    import os

    os.execvpe(argv[0], list(argv), environment)  # noqa: S606 (an argv list, as everywhere)


@dataclass(slots=True)
class Session:
    """One invocation; tests put their own *opener* and *become* in."""

    options: Options = field(default_factory=Options)
    overrides: Overrides = field(default_factory=Overrides)
    json: bool = False
    quiet: bool = False
    shown: set[str] = field(default_factory=set)  # notes and warnings that a display has shown already
    opener: StackOpener = _open
    become: Callable[[Sequence[str], dict[str, str]], None] = _become
    redact: Redactor = field(default_factory=_redactor)

    def open(self, purpose: Purpose) -> AbstractAsyncContextManager[OpenStack]:
        """Read the stack's files as far as *purpose* asks for it, and build its ports."""
        return self.opener(self, purpose)

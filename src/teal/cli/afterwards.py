"""Tells others how a run ended, in a child that outlives the command: nobody waits for it, no status hangs on it."""

from __future__ import annotations

import os
import subprocess
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from teal.errors import TealError

if TYPE_CHECKING:
    from teal.cli.session import Session
    from teal.core.model.units import Moment

TRACED = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")


def tell_afterwards(session: Session, began: Moment) -> None:
    """Start the child where teal.yml, or the environment for traces, names anybody to be told."""
    with suppress(TealError, OSError):
        from teal.cli import wiring
        from teal.config.telling import tells

        if not (tells(wiring.teal_yml(session.options).parent) or any(os.environ.get(name) for name in TRACED)):
            return
        words = [*session.options.words(), "notify", "ended", "--since", repr(float(began))]
        subprocess.Popen(
            [sys.executable, "-P", "-m", "teal", *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

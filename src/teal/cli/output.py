"""Where lines go: streams that outlive their reader, and a writer that never makes a deploy wait for one."""

from __future__ import annotations

import io
import os
import queue
import sys
import threading
from typing import Any, TextIO, cast


class _Deaf(io.TextIOBase):
    """A text stream that goes on after its reader has gone: what it says then is lost, and that is all."""

    def __init__(self, inner: TextIO) -> None:
        self._inner = inner
        self._gone = False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self._inner.encoding

    @property
    def buffer(self) -> Any:
        return self._inner.buffer

    def write(self, text: str) -> int:
        self._try(lambda: self._inner.write(text))
        return len(text)

    def flush(self) -> None:
        self._try(self._inner.flush)

    def isatty(self) -> bool:
        return not self._gone and self._inner.isatty()

    def fileno(self) -> int:
        return self._inner.fileno()

    def writable(self) -> bool:
        return True

    def _try(self, action: Any) -> None:
        if self._gone:
            return
        try:
            action()
        except (OSError, ValueError):
            self._gone = True
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._inner.fileno())  # or the interpreter complains when it flushes at its end
            os.close(nowhere)


def make_safe() -> None:
    """Let neither a closed pipe nor a terminal that hung up end a command; print what any encoding can't as ``?``."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:  # started with the descriptor closed
            stream = open(os.devnull, "w")  # noqa: PTH123, SIM115
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
        setattr(sys, name, cast("TextIO", _Deaf(stream)))


class Outlet:
    """Writes lines from a thread of its own: a reader that stops reading must not stop a deploy."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._drain, daemon=True)
        self._thread.start()

    def line(self, text: str) -> None:
        """Write a line, soon."""
        self._lines.put(text)

    def close(self) -> None:
        """Wait until all is written."""
        self._lines.put(None)
        self._thread.join()

    def _drain(self) -> None:
        while (text := self._lines.get()) is not None:
            self._stream.write(f"{text}\n")
            self._stream.flush()


def colored() -> bool:
    """Tell whether standard output wants color: a terminal, and nobody said NO_COLOR."""
    return sys.stdout.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def interactive() -> bool:
    """Tell whether a person sits at both ends, who can be asked."""
    return sys.stdin is not None and sys.stdin.isatty() and sys.stdout.isatty()

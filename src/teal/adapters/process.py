"""A command of this machine that Teal runs: its lines as they come, its end, and its death with Teal."""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache

from teal.core.rendering.service import NEEDED
from teal.ports import LineSink

KEPT = 200  # lines of the output that are kept, the last ones
LONGEST = 1 << 16  # bytes after which a line is cut
ENDINGS = ((signal.SIGINT, 5.0), (signal.SIGTERM, 5.0), (signal.SIGKILL, 5.0))  # seconds to heed each
LINGER = 1.0  # seconds for what is left in the pipe once the command has ended
PR_SET_PDEATHSIG = 1


@dataclass(frozen=True, slots=True)
class Ended:
    """How a command ended: its status (negative: by that signal) and the last lines of both its streams."""

    status: int
    lines: tuple[str, ...]

    @property
    def text(self) -> str:
        """Return the kept lines as one text."""
        return "\n".join(self.lines)


async def run(
    argv: Sequence[str], *, cwd: str, env: Mapping[str, str], on_line: LineSink | None = None, errors: bool = True
) -> Ended:
    """Run *argv* to its end, out of reach of the terminal's Ctrl-C; cancelled, it is interrupted, then killed.

    It gets no input, and is killed when Teal dies, or the thread that began it. Without *errors* its standard error is
    let go. Raises OSError where it can't start.
    """
    reading, writing = os.pipe()
    output = Output(on_line)
    try:
        process = await _spawn(argv, cwd, env, writing, writing if errors else asyncio.subprocess.DEVNULL)
    except BaseException:
        os.close(reading)
        raise
    finally:
        os.close(writing)
    reader = asyncio.create_task(_read(reading, output))
    try:
        status = await process.wait()
    except asyncio.CancelledError:
        await _end(process)
        raise
    finally:
        # Not to its end: a grandchild left behind in the background may hold the pipe open for ever.
        await asyncio.wait({reader}, timeout=LINGER)
        reader.cancel()
    return Ended(status, output.lines)


class Output:
    """Makes lines of bytes that come in pieces, tells each and keeps the last ones."""

    def __init__(self, on_line: LineSink | None) -> None:
        self._told = on_line
        self._kept: deque[str] = deque(maxlen=KEPT)
        self._open = b""

    def feed(self, piece: bytes) -> None:
        """Take the next bytes."""
        *whole, self._open = (self._open + piece).split(b"\n")
        for line in whole:
            self._tell(line)
        if len(self._open) > LONGEST:
            self.close()

    def close(self) -> None:
        """Take what is left as a line of its own."""
        if self._open:
            self._tell(self._open)
            self._open = b""

    @property
    def lines(self) -> tuple[str, ...]:
        """Return the last lines."""
        self.close()
        return tuple(self._kept)

    def _tell(self, raw: bytes) -> None:
        line = raw.decode(errors="replace").rstrip("\r").rpartition("\r")[2]  # of a progress bar, its last state
        self._kept.append(line)
        if self._told:
            self._told(line)


async def _spawn(
    argv: Sequence[str], cwd: str, env: Mapping[str, str], output: int, errors: int
) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *argv,
        cwd=cwd,
        env=env,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=output,
        stderr=errors,
        start_new_session=True,
        preexec_fn=_dying_with(os.getpid()),
    )


def _dying_with(parent: int) -> Callable[[], None]:
    """Return what a new child does before its command: heed SIGINT, ask the kernel to be killed when *parent* dies.

    A shell lets what it runs in the background ignore SIGINT, which a child would inherit for good.
    """
    prctl = _prctl()

    def ask() -> None:
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it died before the kernel was asked
            os._exit(1)

    return ask


@cache
def _prctl() -> Callable[..., int]:
    """Return the C library's function, looked up before any fork: a child must not load libraries."""
    function: Callable[..., int] = ctypes.CDLL(None).prctl
    return function


async def _read(pipe: int, output: Output) -> None:
    stream = asyncio.StreamReader()
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(stream), os.fdopen(pipe, "rb", buffering=0)
    )
    try:
        while piece := await stream.read(LONGEST):
            output.feed(piece)
    finally:
        transport.close()


async def _end(process: asyncio.subprocess.Process) -> None:
    """Ask the command to end: interrupt, terminate, kill. A second cancellation kills it at once."""
    try:
        for ending, grace in ENDINGS:
            _signal(process.pid, ending)
            with suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), grace)
                return
    except asyncio.CancelledError:
        _signal(process.pid, signal.SIGKILL)
        raise


def _signal(group: int, which: signal.Signals) -> None:
    """Signal the command and what it has started."""
    with suppress(ProcessLookupError):
        os.killpg(group, which)


def clean(environ: Mapping[str, str]) -> dict[str, str]:
    """Return what is left of *environ* for rendered files."""
    return {name: value for name, value in environ.items() if NEEDED.fullmatch(name)}

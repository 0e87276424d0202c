"""The living picture: what is to be seen at each moment, and a terminal that may do what it likes."""

from __future__ import annotations

import os
import pty
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from rich.console import Console

from teal.cli.show.live import Picture
from teal.core.model.side import Side
from teal.core.planning.events import InFlight, Message, ServiceChanged, StepFinished, StepStarted
from teal.core.planning.steps import Build, Drain, Start, Switch
from tests.unit.cli.test_cli import ROOT, SLOW

START = Start(Side.GREEN, 8, ("web", "rag"))


class Moment:
    """A clock that stands still until it is told to go on."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Moment:
    return Moment()


@pytest.fixture
def picture(clock: Moment) -> Picture:
    return Picture(clock, clock())


def seen(picture: Picture, width: int = 100) -> str:
    console = Console(width=width, record=True, file=open(os.devnull, "w"))  # noqa: PTH123, SIM115
    console.print(picture.render())
    return re.sub(r"[⠀-⣿]", "*", console.export_text())


def test_a_step_that_never_ended_is_marked_as_failed_when_the_next_one_begins(picture, clock):
    picture.take(StepStarted(START))
    clock.now += 2
    picture.take(StepStarted(Drain(Side.BLUE)))
    assert [str(line) for line in picture.ended] == ["   2.0s ✗ start web, rag on green and wait until healthy"]


def test_an_image_that_is_built_is_no_longer_timed(picture, clock):
    picture.take(ServiceChanged(Side.PLAIN, "web", "building"))
    clock.now += 4
    picture.take(ServiceChanged(Side.PLAIN, "web", "built"))
    clock.now += 3
    assert seen(picture).split()[:5] == ["plain", "web", "built", "4.0", "s"]


def test_each_service_with_its_state_and_how_long_it_took(picture, clock):
    picture.take(StepStarted(START))
    picture.take(ServiceChanged(Side.GREEN, "web", "starting"))
    picture.take(ServiceChanged(Side.GREEN, "rag", "starting"))
    clock.now += 4
    picture.take(ServiceChanged(Side.GREEN, "web", "healthy"))
    clock.now += 3
    lines = [line.split() for line in seen(picture).splitlines()]
    assert lines[0] == ["green", "web", "healthy", "4.0", "s"]
    assert lines[1] == ["green", "rag", "starting", "7.0", "s"]
    assert lines[2] == ["*", "start", "web,", "rag", "on", "green", "and", "wait", "until", "healthy", "7.0", "s"]
    assert lines[3] == ["7.0s", "elapsed"]


def test_what_is_in_flight_while_it_drains(picture):
    picture.take(StepStarted(Drain(Side.BLUE)))
    picture.take(InFlight(Side.BLUE, 2, 1))
    assert "drain blue  0.0 s  2 requests and 1 WebSocket in flight" in seen(picture)
    picture.take(StepFinished(Drain(Side.BLUE), 1.0))
    assert "in flight" not in seen(picture)


def test_the_last_lines_of_a_tool_only_while_it_works(picture):
    picture.take(StepStarted(Build(("web",))))
    for number in range(20):
        picture.take(Message("tool", f"#{number} [markup] that isn't"))
    assert "#14 " not in seen(picture)
    assert "│ #15 [markup] that isn't" in seen(picture)
    picture.take(StepFinished(Build(("web",)), 3.0))
    assert "#15" not in seen(picture)


def test_a_long_line_never_breaks_the_picture(picture):
    picture.take(StepStarted(Build(("web",))))
    picture.take(Message("tool", "x" * 500))
    assert max(map(len, seen(picture, width=60).splitlines())) <= 60


def test_ended_steps_and_warnings_move_up(picture, clock):
    clock.now += 2
    picture.take(StepFinished(Switch(Side.GREEN, 8), 0.001))
    picture.take(StepFinished(Build(("web",)), 0.0, passed=True))
    picture.take(Message("warning", "memory is short"))
    assert [line.plain for line in picture.ended] == [
        "   2.0s ✓ switch all routes to green, release 8  0.0 s",
        "   2.0s ✓ build web (already done)",
        "warning: memory is short",
    ]


# --- on a terminal


def on_terminal(script: str, *, until: str = "", then: signal.Signals | None = None, **more: str) -> tuple[int, str]:
    """Run *script* on a terminal of its own; return its exit status and all that it wrote."""
    leader, follower = pty.openpty()
    environment = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "100", "LINES": "30", **more}
    process = subprocess.Popen(
        [sys.executable, "-c", script, "deploy"],
        stdin=follower,
        stdout=follower,
        stderr=follower,
        cwd=ROOT,
        env=environment,
        start_new_session=True,
    )
    os.close(follower)
    said = b""
    while True:
        try:
            piece = os.read(leader, 65536)
        except OSError:  # the other end is closed
            break
        if not piece:
            break
        said += piece
        if then is not None and until.encode() in said:
            process.send_signal(then)
            then = None
    os.close(leader)
    return process.wait(timeout=20), said.decode(errors="replace")


QUICK = SLOW.format(undo="pass").replace("sleep(20)", "sleep(0.3)")


def test_on_a_terminal_a_deploy_ends_in_its_steps_and_the_summary():
    status, said = on_terminal(QUICK)
    assert status == 0, said
    plain = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", said)
    assert "✓ switch all routes to green, release 8" in plain
    assert "✓ deploy tale: release 8 blue → green, live after 14 s" in plain
    assert "\x1b[32m" in said
    assert "\x1b[?25h" in said  # the cursor is shown again


def test_no_color_means_no_color():
    _, said = on_terminal(QUICK, NO_COLOR="1")
    assert not re.search(r"\x1b\[[0-9;]*3[0-7]m|\x1b\[[0-9;]*9[0-7]m", said)
    assert "✓ deploy tale" in said


def test_ctrl_c_leaves_the_terminal_as_it_was():
    status, said = on_terminal(SLOW.format(undo="pass"), until="ready", then=signal.SIGINT)
    assert status == 130
    assert "✗ interrupted before the switch" in re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", said)
    assert said.rindex("\x1b[?25h") > said.rindex("\x1b[?25l")
    assert "warning: stopping" in said


def test_a_terminal_that_hangs_up_ends_in_the_undo_not_in_a_crash(tmp_path: Path):
    done = tmp_path / "undone"
    leader, follower = pty.openpty()
    script = SLOW.format(undo=f"open({str(done)!r}, 'w').close()")
    process = subprocess.Popen(
        ["setsid", "--ctty", sys.executable, "-c", script, "deploy"],
        stdin=follower,
        stdout=follower,
        stderr=follower,
        cwd=ROOT,
        env={**os.environ, "TERM": "xterm"},
    )
    os.close(follower)
    said = b""
    while b"ready" not in said:
        said += os.read(leader, 65536)
    os.close(leader)  # the kernel sends SIGHUP, and every write fails from now on
    assert process.wait(timeout=20) == 130
    assert done.exists()

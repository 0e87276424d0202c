"""The lock: one holder, named while it lives, gone with it."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from teal.adapters.state.lock import FileLock
from teal.errors import Locked, Refused

HOLD = """
import sys, time
from pathlib import Path
from teal.adapters.state.lock import FileLock
with FileLock(Path(sys.argv[1])).hold("deploy"):
    print("held", flush=True)
    sys.stdin.read()
"""
# A holder whose child outlives it, as `docker build` might.
HOLD_WITH_CHILD = HOLD.replace('print("held"', 'import subprocess; subprocess.Popen(["sleep", "30"]); print("held"')


@contextlib.contextmanager
def holder(path: Path, script: str = HOLD) -> Iterator[subprocess.Popen[str]]:
    argv = [sys.executable, "-c", script, str(path)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "held\n"
        try:
            yield process
        finally:
            process.kill()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "lock"


def test_nobody_holds_an_absent_lock(path):
    assert FileLock(path).holder() is None
    assert not path.exists()


def test_a_second_command_is_refused_at_once_and_told_who_holds_it(path):
    with holder(path) as process:
        began = time.monotonic()
        with pytest.raises(Locked, match=rf"^deploy by .*\(pid {process.pid}\) works on this stack since \d\d:"):
            FileLock(path).hold("rollback").__enter__()
        assert time.monotonic() - began < 1
        found = FileLock(path).holder()
        assert found is not None
        assert (found.command, found.pid) == ("deploy", process.pid)
        assert abs(found.since - time.time()) < 60


def test_two_locks_in_one_process_exclude_each_other_too(path):
    with FileLock(path).hold("deploy"), pytest.raises(Locked), FileLock(path).hold("rollback"):
        pass


def test_it_is_free_again_after_use(path):
    lock = FileLock(path)
    for command in ("deploy", "rollback"):
        with lock.hold(command):
            found = lock.holder()
            assert found is not None
            assert found.command == command
        assert lock.holder() is None


def test_an_error_inside_frees_it(path):
    with pytest.raises(ZeroDivisionError), FileLock(path).hold("deploy"):
        _ = 1 / 0
    with FileLock(path).hold("deploy"):
        pass


@pytest.mark.parametrize("script", [HOLD, HOLD_WITH_CHILD], ids=["alone", "with-a-child-that-lives-on"])
def test_a_killed_holder_blocks_nobody(path, script):
    with holder(path, script) as process:
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert path.read_text()  # its name is still there, and means nothing
    assert FileLock(path).holder() is None
    with FileLock(path).hold("deploy"):
        pass


def test_a_name_of_a_living_process_means_nothing_without_the_lock(path):
    path.write_text(json.dumps({"command": "x", "user": "y", "host": "z", "pid": os.getpid(), "since": 1.0}))
    assert FileLock(path).holder() is None


def test_garbage_in_the_file_is_no_hindrance(path):
    path.write_bytes(b"\xff\x00garbage")
    assert FileLock(path).holder() is None
    with FileLock(path).hold("deploy"):
        assert json.loads(path.read_bytes())["command"] == "deploy"


def test_a_holder_without_a_name_is_still_a_holder(path):
    with holder(path):
        path.write_bytes(b"")
        found = FileLock(path).holder()
        assert found is not None
        assert found.command == "another command"


def test_on_a_full_disk_it_still_holds_only_without_a_name(path, monkeypatch):
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "pwrite", full)
    refused = pytest.raises(Locked, match=r"^another command by somebody")
    with FileLock(path).hold("deploy"), refused, FileLock(path).hold("rollback"):
        pass
    assert FileLock(path).holder() is None


def test_looking_never_refuses_a_command(path):
    watch = """
import sys
from pathlib import Path
from teal.adapters.state.lock import FileLock
print("held", flush=True)
while True:
    FileLock(Path(sys.argv[1])).holder()
"""
    with FileLock(path).hold("deploy"):
        pass
    with holder(path, watch):
        for _ in range(100):
            with FileLock(path).hold("deploy"):
                pass


def test_a_lock_that_cant_be_opened_is_refused_with_the_way_out(tmp_path):
    with pytest.raises(Refused) as caught, FileLock(tmp_path / "absent" / "lock").hold("deploy"):
        pass
    assert "teal check" in caught.value.hint

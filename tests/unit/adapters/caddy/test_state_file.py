"""The state file: what is written is what is read, whole or not at all."""

import os
from pathlib import Path

import pytest

from teal.adapters.caddy.state_file import StateFile
from teal.core.model.side import Side
from teal.core.model.traffic import PLAIN, Mode, Traffic, to
from teal.errors import Unavailable

KEYED = to(Side.BLUE).with_key(Side.GREEN, "k3y")


@pytest.mark.parametrize("traffic", [PLAIN, to(Side.BLUE), Traffic(Mode.HOLD), Traffic(Mode.MAINTENANCE), KEYED])
def test_what_is_written_is_read(tmp_path: Path, traffic: Traffic) -> None:
    StateFile(tmp_path).write(traffic)
    assert StateFile(tmp_path).read() == traffic
    assert not (tmp_path / "state").read_bytes().endswith(b"\n")


def test_the_proxy_may_read_it_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o077)
    try:
        StateFile(tmp_path).write(KEYED)
    finally:
        os.umask(before)
    assert (tmp_path / "state").stat().st_mode & 0o777 == 0o644


def test_nothing_is_left_beside(tmp_path: Path) -> None:
    (tmp_path / ".state-0123abcd").write_bytes(b"green")  # of a command that was killed before its rename
    for _ in range(3):
        StateFile(tmp_path).write(KEYED)
    assert [each.name for each in tmp_path.iterdir()] == ["state"]


def test_no_file_and_no_word_are_none(tmp_path: Path) -> None:
    assert StateFile(tmp_path).read() is None
    (tmp_path / "state").write_bytes(b"\xff\xfe")
    assert StateFile(tmp_path).read() is None


def test_a_line_end_is_read_as_the_proxy_reads_it(tmp_path: Path) -> None:
    (tmp_path / "state").write_bytes(b"green\r\n")
    assert StateFile(tmp_path).read() == to(Side.GREEN)
    (tmp_path / "state").write_bytes(b"green\n\n")
    assert StateFile(tmp_path).read() is None


def test_a_write_that_fails_leaves_the_file_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    StateFile(tmp_path).write(PLAIN)

    def full(fd: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(Unavailable, match="No space left"):
        StateFile(tmp_path).write(KEYED)
    assert StateFile(tmp_path).read() == PLAIN
    assert [each.name for each in tmp_path.iterdir()] == ["state"]


def test_a_missing_directory_is_said(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="can't be written"):
        StateFile(tmp_path / "gone").write(PLAIN)

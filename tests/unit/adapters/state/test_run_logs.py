"""The logs of runs on disk: for their owner alone, masked, whole lines at once, and never in the way of a run."""

from __future__ import annotations

import errno
import json
import os
from pathlib import Path

import pytest

from teal.adapters.state import run_logs
from teal.adapters.state.run_logs import RunLogFiles
from teal.cli.redaction import Redactor
from teal.core.planning.events import Message, ServiceChanged

SECRET = "s3cr3t-w0rd"


@pytest.fixture
def logs(tmp_path: Path) -> RunLogFiles:
    made = RunLogFiles(tmp_path / "runs", mask=Redactor({"DB_PASSWORD": SECRET}))
    made.begin(7)
    return made


def test_only_its_owner_reads_it_whatever_the_umask(logs: RunLogFiles, tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        logs.begin(8)
    finally:
        os.umask(before)
    assert (tmp_path / "runs").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "runs" / "8.jsonl").stat().st_mode & 0o777 == 0o600


def test_secrets_are_masked_and_each_line_is_there_at_once(logs: RunLogFiles, tmp_path: Path) -> None:
    logs.append(7, Message("tool", f"connecting with {SECRET}"))
    (line,) = (tmp_path / "runs" / "7.jsonl").read_text().splitlines()
    assert json.loads(line)["text"] == "connecting with ***"
    logs.append(7, ServiceChanged(None, "db", f"failed: {SECRET}"))
    assert SECRET not in (tmp_path / "runs" / "7.jsonl").read_text()


def test_what_is_torn_or_unknown_is_passed_over(logs: RunLogFiles, tmp_path: Path) -> None:
    logs.append(7, Message("note", "before"))
    with (tmp_path / "runs" / "7.jsonl").open("ab") as file:
        file.write(b'{"event":"weather","elapsed":1.0,"time":2.0,"text":"fine"}\n')
        file.write(b'{"event":"said","elapsed":"late","time":2.0}\n\xff\xfe\n[]\n\n')
        file.write(b'{"event":"said","elapsed":3.0,"time":4.0,"kind":"note","text":"after","mood":"fine"}\n')
        file.write(b'{"event":"said","elapsed":5.0,"ti')
    assert [line.text for line in logs.read(7)] == ["before", "after"]


def test_a_full_disk_costs_lines_and_a_note_never_an_error(logs: RunLogFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    room, write = [40], os.write

    def short(fd: int, line: bytes) -> int:
        if not room[0]:
            raise OSError(errno.ENOSPC, "No space left on device")
        written = write(fd, line[: room[0]])
        room[0] -= written
        return written

    monkeypatch.setattr(run_logs.os, "write", short)
    for text in ("torn", "lost"):
        logs.append(7, Message("note", text))
    room[0] = 10_000
    logs.append(7, Message("note", "there is room again"))
    assert [line.text for line in logs.read(7)] == ["there is room again"]
    assert any("No space left on device" in note for note in logs.notes)


def test_a_folder_that_can_not_be_made_costs_the_log_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "runs").write_text("a file")
    logs = RunLogFiles(tmp_path / "runs")
    logs.begin(1)
    logs.append(1, Message("note", "hello"))
    assert (logs.read(1), logs.runs()) == ((), ())
    assert logs.notes


def test_a_log_is_never_written_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "runs").mkdir()
    (tmp_path / "elsewhere").write_text("somebody's")
    (tmp_path / "runs" / "1.jsonl").symlink_to(tmp_path / "elsewhere")
    logs = RunLogFiles(tmp_path / "runs")
    logs.begin(1)
    logs.append(1, Message("note", "hello"))
    assert (tmp_path / "elsewhere").read_text() == "somebody's"
    assert [line.text for line in logs.read(1)] == ["hello"]


def test_a_tool_that_never_stops_talking_fills_no_disk(
    logs: RunLogFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run_logs, "LARGEST", 10_000)
    for number in range(1000):
        logs.append(7, Message("tool", f"line {number}"))
    logs.append(7, Message("note", "the last word"))
    assert (tmp_path / "runs" / "7.jsonl").stat().st_size < 11_000
    assert [line.text for line in logs.read(7) if line.kind == "note"][-1] == "the last word"
    assert "left out from here" in logs.read(7)[-2].text

"""A look at a mount's place: names, a bounded sample, and never a failure."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from teal.config import disk
from teal.config.disk import look_at
from teal.core.model.mounts import Seen


def look(path: Path) -> Seen:
    return look_at({"it": str(path)})["it"]


def test_names_of_files_and_folders_the_nearest_first(tmp_path: Path) -> None:
    (tmp_path / "b" / "c").mkdir(parents=True)
    (tmp_path / "b" / "c" / "app.sqlite3").write_text("x")
    (tmp_path / "a.txt").write_text("x")
    assert look(tmp_path) == Seen("folder", ("a.txt", "b/", "b/c/", "b/c/app.sqlite3"), (), whole=True)


def test_what_begins_as_sqlite_does_is_a_database(tmp_path: Path) -> None:
    (tmp_path / "store").write_bytes(b"SQLite format 3\0" + b"x" * 84)
    assert look(tmp_path).databases == ("store",)
    assert look(tmp_path / "store") == Seen("file", databases=("store",))


def test_what_is_not_there_or_no_folder_shows_nothing(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert look(tmp_path / "nowhere") == look(tmp_path / "pipe") == Seen()
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "s"))
        assert look(tmp_path / "s") == Seen("socket")
    assert look(tmp_path).names == ("pipe", "s")


def test_a_link_is_named_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "app.db").write_text("x")
    inside = tmp_path / "in"
    inside.mkdir()
    (inside / "link").symlink_to(tmp_path / "out")
    (inside / "loop").symlink_to(inside)
    assert look(inside) == Seen("folder", ("link", "loop"), (), whole=True)


def test_a_folder_that_is_closed_to_us_shows_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "closed").mkdir()
    (tmp_path / "a.txt").write_text("x")
    real = os.scandir

    def scandir(path: Path) -> object:
        if path.name == "closed":
            raise PermissionError(13, "closed")
        return real(path)

    monkeypatch.setattr("teal.config.disk.os.scandir", scandir)
    assert look(tmp_path / "closed") == Seen()
    assert look(tmp_path) == Seen("folder", ("a.txt", "closed/"), (), whole=False)


def test_a_look_is_bounded_in_breadth_and_depth(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk, "_MOST", 10)
    for each in range(12):
        (tmp_path / f"{each:02}").write_text("x")
    assert (len(look(tmp_path).names), look(tmp_path).whole) == (10, False)
    deep = tmp_path / "deep"
    (deep / "a" / "b" / "c" / "d" / "e").mkdir(parents=True)
    assert look(deep) == Seen("folder", ("a/", "a/b/", "a/b/c/", "a/b/c/d/"), (), whole=False)

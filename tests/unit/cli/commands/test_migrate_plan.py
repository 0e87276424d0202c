"""`teal migrate plan`: printed, written all or none, numbered after what is there."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from scripts.schemas import schemas
from teal.cli.main import run
from tests.unit.cli.library import FakeLibrary, session

RENAME = "rename reviews.author to writer text not null"


def plan(*words: str) -> int:
    return run(["migrate", "plan", *words], session(FakeLibrary()))


def test_the_files_are_printed_ready_to_be_committed(capsys) -> None:
    assert plan(RENAME) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("-- 0001_rename_reviews_author_writer.expand.sql: the new column beside the old one")
    assert "ALTER TABLE reviews DROP COLUMN author;" in shown


def test_they_are_written_under_the_next_number(tmp_path: Path, capsys) -> None:
    (tmp_path / "0041_before.expand.sql").write_text("SELECT 1;", encoding="utf-8")
    assert plan(RENAME, "--write", str(tmp_path)) == 0
    written = sorted(path.name for path in tmp_path.glob("0042_*"))
    assert [name.rsplit(".", 2)[1] for name in written] == ["backfill", "contract", "expand"]
    assert "CREATE TRIGGER" not in capsys.readouterr().out
    assert "CREATE TRIGGER" in (tmp_path / written[2]).read_text(encoding="utf-8")


def test_as_json_it_follows_its_schema(capsys) -> None:
    assert plan(RENAME, "--json") == 0
    shown = json.loads(capsys.readouterr().out)
    jsonschema.validate(shown, schemas()["migrate-plan"])
    assert [file["phase"] for file in shown["files"]] == ["expand", "backfill", "contract"]


def test_where_one_file_can_not_be_written_none_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys) -> None:
    real = Path.write_text

    def full(path: Path, text: str, **options: str) -> int:
        if "contract" in path.name:
            raise OSError(28, "No space left on device")
        return real(path, text, **options)

    monkeypatch.setattr(Path, "write_text", full)
    assert plan(RENAME, "--write", str(tmp_path)) == 2
    assert "No space left on device" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("sentence", "said"),
    [
        ("rename reviews.author to writer", "the type of reviews.writer is missing"),
        ("reviews", "is not a change that Teal can plan"),
    ],
)
def test_what_is_not_whole_is_refused_with_the_remedy(sentence: str, said: str, capsys) -> None:
    assert plan(sentence) == 2
    assert said in capsys.readouterr().err

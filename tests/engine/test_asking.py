"""What only a person knows is asked on a real terminal, once, and stands in teal.yml from then on."""

from __future__ import annotations

import os
import select
import subprocess
from pathlib import Path

import pytest

from teal.cli.commands.init import _WATCH
from tests.engine.teal import TEAL, Teal

pytestmark = pytest.mark.engine
COMPOSE = """\
services:
  web:
    image: python:3.13-slim
    ports: ["3000:3000"]
    environment: {DATABASE_URL: "postgres://db/shop"}
    volumes: ["stuff:/app/stuff", "other:/app/other"]
    restart: unless-stopped
    healthcheck: {test: [CMD, "true"]}
  db: {image: "postgres:17", restart: unless-stopped}
volumes: {stuff: {}, other: {}}
"""


@pytest.fixture
def teal(tmp_path: Path) -> Teal:
    (tmp_path / "home").mkdir()
    folder = tmp_path / "attic"
    folder.mkdir()
    (folder / "compose.yml").write_text(COMPOSE, encoding="utf-8")
    return Teal(folder, tmp_path / "home")


def typed(teal: Teal, *words: str, answers: tuple[str, ...]) -> tuple[int, str]:
    """Type ``teal WORDS`` at a terminal, and an answer wherever it waits for one."""
    master, slave = os.openpty()
    process = subprocess.Popen(
        [TEAL, *words],
        cwd=teal.folder,
        env=teal.environment(TERM="dumb"),
        stdin=slave,
        stdout=slave,
        stderr=slave,
        start_new_session=True,
    )
    os.close(slave)
    shown, left, seen = b"", list(answers), 0
    while select.select([master], [], [], 120)[0]:
        try:
            shown += os.read(master, 65536)
        except OSError:  # its end has closed
            break
        if left and shown[seen:].rstrip(b" ").endswith(b"]:"):
            os.write(master, f"{left.pop(0)}\n".encode())
            seen = len(shown)
    os.close(master)
    return process.wait(60), shown.decode(errors="replace").replace("\r\n", "\n")


def test_each_question_is_asked_once_and_its_answer_stands_in_teal_yml(teal: Teal) -> None:
    status, shown = typed(teal, "init", answers=("1", "1"))
    assert status == 0, shown
    assert shown.count("may two releases of web write to") == 2
    assert (teal.folder / "teal.yml").read_text().endswith(f"\nsafe_volumes: [stuff, other]\n{_WATCH}")
    status, shown = typed(teal, "init", answers=())
    assert (status, shown.count("may two releases")) == (0, 0)
    assert teal.run("check").result["ready"]


def test_an_answer_that_settles_the_others_leaves_them_unasked(teal: Teal) -> None:
    status, shown = typed(teal, "init", answers=("",))
    assert status == 0, shown
    assert shown.count("may two releases of web write to") == 1
    assert (teal.folder / "teal.yml").read_text().endswith(f"\nstrategy: recreate\n{_WATCH}")
    assert teal.run("check").result["ready"]


def test_no_is_said_in_time_and_nothing_is_started(teal: Teal) -> None:
    (teal.folder / "teal.yml").write_text("safe_volumes: [stuff, other]\n", encoding="utf-8")
    status, shown = typed(teal, "deploy", answers=("n",))
    assert status == 130, shown
    assert "What Teal has understood of attic" in shown
    assert "nothing was deployed" in shown
    assert not (teal.home / "attic" / "journal.db").exists() or teal.run("history").result["runs"] == []


def test_without_a_terminal_the_lines_are_said_and_once_typed_they_do(teal: Teal) -> None:
    refused = teal.run("deploy", status=1).error
    lines = refused["hint"].split("proposed:\n")[1]
    assert lines == "strategy: recreate"
    (teal.folder / "teal.yml").write_text(f"{lines}\n", encoding="utf-8")
    assert teal.run("check").result["ready"]

"""The command that serves the page: its options, and the unit that it writes."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from teal.cli.main import run


@pytest.fixture(autouse=True)
def stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "compose.yml").write_text("name: shop\nservices:\n  web:\n    image: web:1\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TEAL_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("SUDO_USER", "ann")
    return tmp_path


def test_install_writes_a_unit_with_the_options_given(stack: Path, capsys: pytest.CaptureFixture[str]) -> None:
    unit = stack / "page.service"
    words = ["dashboard", "install", "--read-only", "--port", "8080", "--host", "a.example", "--host", "b.example"]
    assert run([*words, "--unit", str(unit)]) == 0
    text = unit.read_text()
    assert "dashboard --port 8080 --host a.example --host b.example --read-only\n" in text
    assert f"WorkingDirectory={stack}" in text
    assert f"Environment=TEAL_HOME={stack / 'home'}" in text
    assert "User=ann" in text
    assert "systemctl enable --now page.service" in capsys.readouterr().out


def test_a_unit_that_can_not_be_written_is_refused_with_what_to_type(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["dashboard", "install", "--unit", "/nowhere/at/all.service"]) == 1
    assert "sudo $(command -v teal) dashboard install" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--trusted-header", "Remote-User"], "anybody can send a header"),
        (["--trusted-peer", "10.0.0.0/8"], "anybody can send a header"),
        (["--trusted-header", "Remote-User", "--trusted-peer", "10.0.0.0/99"], "--trusted-peer"),
        (["--address", "example.org"], "is no IP address"),
    ],
)
def test_options_that_make_no_sense_are_refused(
    words: list[str], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["dashboard", *words]) == 2
    assert said in capsys.readouterr().err


def test_without_the_extra_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    real = importlib.util.find_spec
    monkeypatch.setattr(
        "teal.cli.commands.dashboard.find_spec", lambda name: None if name == "starlette" else real(name)
    )
    assert run(["dashboard"]) == 1
    assert "pip install 'teal-deploy[dashboard]'" in capsys.readouterr().err


def test_where_there_is_no_stack_it_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    (tmp_path / "compose.yml").unlink()
    assert run(["dashboard"]) == 1
    assert "no stack here" in capsys.readouterr().err

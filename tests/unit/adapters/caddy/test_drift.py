"""What the running proxy has in hand is told from files, by root at once, by anybody else through the container."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import pytest

from teal.adapters.caddy import drift as module
from teal.adapters.caddy.drift import ADAPT, Identity, proxy_drift
from teal.core.model.compose import Node
from teal.core.model.observed import Container
from teal.core.model.side import Side
from teal.ports import Engine, ProxyDrift, Ran

LATER, EARLIER = 4e9, 1.0  # when the container was started
LOGGED = """{"level":"info","ts":1,"msg":"using config from file","file":"/etc/caddy/Caddyfile"}
{"level":"error","ts":2,"msg":"Caddyfile:2: encoude"}
"""


class Told:
    """An engine whose container answers what it is told to."""

    def __init__(self, *answers: Ran) -> None:
        self.answers, self.asked = list(answers), list[tuple[str, ...]]()

    async def execute(self, _: str, command: Sequence[str], *, within: float) -> Ran:
        self.asked.append(tuple(command))
        return self.answers.pop(0)


def looked(tmp_path: Path, engine: Told, *, started: float, running: Node | None = None) -> ProxyDrift:
    """Return what is said of a container that mounts a Caddyfile and a state directory of *tmp_path*."""
    binds = {"/etc/caddy/Caddyfile": str(tmp_path / "Caddyfile"), "/etc/teal": str(tmp_path / "proxy")}
    container = Container("1", "proxy", "proxy", Side.PLAIN, None, "", "running", "none", started, binds=binds, pid=1)

    async def config() -> Node:
        return running or {}

    return asyncio.run(proxy_drift(cast(Engine, engine), container, tmp_path / "proxy", config))


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A Caddyfile and a state directory, and a user who may not look into the container."""
    (tmp_path / "Caddyfile").write_text("", encoding="utf-8")
    (tmp_path / "proxy").mkdir()
    real = module._identity

    def closed(path: Path) -> Identity | None:
        if str(path).startswith("/proc/"):
            raise PermissionError(path)
        return real(path)

    monkeypatch.setattr(module, "_identity", closed)
    return tmp_path


def stat_of(*paths: tuple[Path, str]) -> Ran:
    """Return what ``stat`` says inside where *paths* are mounted."""
    found = ((os.stat(path), inside) for path, inside in paths)  # noqa: PTH116
    return Ran(0, "".join(f"{each.st_dev} {each.st_ino} {inside}\n" for each, inside in found))


def same(files: Path) -> Ran:
    return stat_of((files / "Caddyfile", "/etc/caddy/Caddyfile"), (files / "proxy", "/etc/teal"))


def test_nothing_is_asked_of_caddy_while_no_file_is_younger_than_the_container(files: Path) -> None:
    engine = Told(same(files))
    assert looked(files, engine, started=LATER) == ProxyDrift()
    assert [words[0] for words in engine.asked] == ["stat"]


def test_a_directory_or_file_that_is_another_one_is_told(files: Path) -> None:
    other = stat_of((files, "/etc/caddy/Caddyfile"), (files, "/etc/teal"))
    assert looked(files, Told(other), started=EARLIER) == ProxyDrift(blind=True, older=("Caddyfile",))


def test_a_file_that_is_gone_is_told(files: Path) -> None:
    seen = same(files)
    (files / "Caddyfile").unlink()
    assert looked(files, Told(seen), started=EARLIER).gone == ("Caddyfile",)


@pytest.mark.parametrize(
    ("answer", "running", "said"),
    [
        pytest.param(Ran(0, '{"apps":{}}'), {"apps": {}}, ProxyDrift(), id="touched, and the same"),
        pytest.param(Ran(0, '{"apps":{"http":{}}}'), {"apps": {}}, ProxyDrift(stale=True), id="not loaded yet"),
        pytest.param(Ran(1, "Error: line 3: encoude\n"), {}, ProxyDrift(broken="line 3: encoude"), id="broken"),
        pytest.param(
            Ran(1, LOGGED), {}, ProxyDrift(broken="Caddyfile:2: encoude"), id="broken, said as a line of the log"
        ),
        pytest.param(Ran(127, "not found"), {}, ProxyDrift(), id="no caddy to ask"),
        pytest.param(Ran(0, "no configuration at all"), {}, ProxyDrift(), id="no answer"),
    ],
)
def test_a_younger_file_is_held_against_what_runs(files: Path, answer: Ran, running: Any, said: ProxyDrift) -> None:
    engine = Told(same(files), answer)
    assert looked(files, engine, started=EARLIER, running=running) == said
    assert engine.asked[-1] == ADAPT


def test_of_files_that_this_user_may_not_look_at_nothing_is_said(files: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def closed(path: Path) -> bool:
        raise PermissionError(path)

    monkeypatch.setattr(Path, "exists", closed)
    assert looked(files, Told(same(files)), started=EARLIER) == ProxyDrift()

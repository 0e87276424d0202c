"""The agent of an edge: what lies on its disk and its tmpfs, through restarts, and what it answers over the network."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import ThreadingHTTPServer
from pathlib import Path

import pytest

from teal.adapters.swarm import edge
from teal.core.swarm.register import Mark, Said

BLUE, GREEN = Mark(7, "blue"), Mark(8, "green")


def register(folder: Path, size: int = 3, node: str = "node1") -> edge.Register:
    shown, keep = folder / "shown", folder / "keep"
    shown.mkdir(exist_ok=True)
    keep.mkdir(exist_ok=True)
    return edge.Register(node, size, shown=shown, keep=keep / "register")


def power_cut(folder: Path) -> None:
    for file in (folder / "shown").iterdir():
        file.unlink()


def alone(folder: Path) -> edge.Register:
    """Return the one edge of a stack, on which blue was decided and shown."""
    found = register(folder, 1)
    found.tell(BLUE, 7)
    found.hear([])
    return found


def word(folder: Path) -> str:
    file = folder / "shown" / "state"
    return file.read_text() if file.exists() else ""


def test_a_new_edge_shows_nothing_until_it_has_heard_enough(tmp_path: Path) -> None:
    found = register(tmp_path)
    found.tell(BLUE, 7)
    assert word(tmp_path) == ""
    others = [edge.said_of({"node": n, "kept": found.says()["kept"], "shown": None}) for n in ("node2", "node3")]
    assert found.hear(others)
    assert word(tmp_path) == "blue"
    assert (tmp_path / "shown" / "state").stat().st_mode & 0o777 == 0o644


def test_only_the_agent_was_restarted(tmp_path: Path) -> None:
    found = alone(tmp_path)
    found.prepare(GREEN)
    again = register(tmp_path, 1)
    assert again.edge.shown == BLUE
    assert again.edge.kept.promised == GREEN
    again.tell(GREEN, 8)
    assert word(tmp_path) == "green"


def test_a_promise_outlives_a_power_cut_and_keeps_the_edge_holding(tmp_path: Path) -> None:
    found = alone(tmp_path)
    found.prepare(GREEN)
    power_cut(tmp_path)
    again = register(tmp_path, 1)
    again.hear([])
    assert word(tmp_path) == ""
    again.tell(GREEN, 8)
    again.hear([])
    assert word(tmp_path) == "green"


def test_killed_between_the_mark_and_the_word_it_shows_the_word_of_the_mark(tmp_path: Path) -> None:
    alone(tmp_path)
    (tmp_path / "shown" / "mark").write_text(json.dumps({"epoch": 8, "word": "green"}))
    register(tmp_path, 1)
    assert word(tmp_path) == "green"


@pytest.mark.parametrize("damage", ["", "{", "[]", '{"known": null}'])
def test_a_damaged_register_is_a_forgotten_one(tmp_path: Path, damage: str) -> None:
    alone(tmp_path)
    (tmp_path / "keep" / "register").write_text(damage)
    power_cut(tmp_path)
    assert register(tmp_path).edge.kept.known.epoch == 0


@contextmanager
def serving(found: edge.Register, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), edge.handler(found, "secret"))
    monkeypatch.setattr(edge, "PORT", server.server_port)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield
    finally:
        server.shutdown()
        server.server_close()


def test_edges_answer_over_the_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = alone(tmp_path)
    monkeypatch.setattr(edge, "_secret", lambda: "secret")
    with serving(found, monkeypatch):
        to = {"node1": "127.0.0.1"}
        (answer,) = edge.call({"what": "prepare", "body": {"epoch": 8, "word": "green"}, "to": to}).values()
        assert answer["why"] == ""
        (answer,) = edge.call({"what": "prepare", "body": {"epoch": 7, "word": "green"}, "to": to}).values()
        assert answer["why"] == "epoch 7 was decided, 7 is older"
        edge.call({"what": "tell", "body": {"epoch": 8, "word": "green", "upto": 8}, "to": to})
        (answer,) = edge.call({"what": "say", "to": to}).values()
        assert edge.said_of(answer) == Said("node1", found.edge.kept, GREEN)
        assert [each.node for each in edge.peers("localhost", "another")] == ["node1"]
        assert edge.peers("localhost", "node1") == []
        monkeypatch.setattr(edge, "_secret", lambda: "another")
        (answer,) = edge.call({"what": "tell", "body": {"epoch": 9, "word": "blue", "upto": 9}, "to": to}).values()
        assert "403" in answer["error"]
    assert word(tmp_path) == "green"
    (answer,) = edge.call({"what": "say", "to": {"node1": "127.0.0.1"}}).values()
    assert "error" in answer

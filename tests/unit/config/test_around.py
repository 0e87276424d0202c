"""What lies around the Compose files: Dockerfiles and configuration, whatever else lies there."""

from __future__ import annotations

import os
from pathlib import Path

from teal.config.around import built, calls
from teal.config.texts import LARGEST, files_at, text_of
from teal.core.model.compose import Node
from teal.core.model.proxy_config import Call
from teal.core.model.side import Side


def bind(source: Path, target: str) -> Node:
    return {"type": "bind", "source": str(source), "target": target}


def called(services: Node, **top: Node) -> tuple[Call, ...]:
    model: Node = {"name": "shop", "services": services, **top}
    return calls(dict.fromkeys(Side, model), built(model))[0]


def test_a_mounted_file_a_config_and_a_built_one_are_read(tmp_path: Path) -> None:
    (tmp_path / "a.conf").write_text("server {\n  location / { proxy_pass http://web:3000; }\n}\n")
    (tmp_path / "gate").mkdir()
    (tmp_path / "gate" / "own.Dockerfile").write_text("FROM haproxy:3\nCOPY gate/h.cfg /usr/local/etc/haproxy/\n")
    (tmp_path / "gate" / "h.cfg").write_text("backend b\n  server a web:3001\n")
    services: Node = {
        "web": {"image": "app"},
        "nginx": {"image": "nginx", "volumes": [bind(tmp_path / "a.conf", "/etc/nginx/conf.d/default.conf")]},
        "haproxy": {"build": {"context": str(tmp_path), "dockerfile": "gate/own.Dockerfile"}},
        "kong": {"image": "kong", "configs": [{"source": "kong"}]},
        "monitor": {"image": "any", "command": ["--url=http://web:3003/x"], "environment": {"UP": "web:3004"}},
    }
    found = called(services, configs={"kong": {"content": "url: http://web:3002"}})
    assert {(each.by, each.port, each.place) for each in found} == {
        ("nginx", 3000, "a.conf:2"),
        ("haproxy", 3001, "h.cfg:2"),
        ("kong", 3002, "configs.kong:1"),
        ("monitor", 3003, ""),
        ("monitor", 3004, ""),
    }


def test_the_host_and_the_port_of_another_may_stand_in_two_variables() -> None:
    services: Node = {
        "web": {"image": "app"},
        "waf": {"image": "any", "environment": {"BACKEND_HOST": "web", "BACKEND_PORT": "8000"}},
    }
    assert called(services) == (Call("waf", "web", 8000, "web"),)


def test_odd_things_on_the_disk_are_as_if_they_were_not_there(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "large").write_bytes(b"x" * (LARGEST + 1))
    (tmp_path / "binary").write_bytes(b"http://web:1\0")
    (tmp_path / "latin").write_bytes(b"caf\xe9")
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "gone").symlink_to(tmp_path / "nowhere")
    assert {path.name: text_of(path) for path in files_at(tmp_path)} == {
        "fifo": "",
        "large": "",
        "binary": "",
        "latin": "caf\ufffd",
        "gone": "",
    }
    assert list(files_at(tmp_path / "not-there")) == []
    assert text_of(Path("/x\0y")) == ""


def test_a_folder_without_end_is_looked_at_for_a_while(tmp_path: Path) -> None:
    for number in range(400):
        (tmp_path / f"{number}.conf").touch()
    deep = tmp_path.joinpath(*"abcdefgh")
    deep.mkdir(parents=True)
    (deep / "x.conf").touch()
    assert len(list(files_at(tmp_path))) <= 300


def test_a_build_elsewhere_or_without_a_dockerfile_tells_nothing(tmp_path: Path) -> None:
    services: Node = {
        "there": {"build": {"context": "https://example.test/x.git"}},
        "none": {"build": {"context": str(tmp_path)}},
        "inline": {"build": {"context": str(tmp_path), "dockerfile_inline": "FROM redis:7\n"}},
    }
    assert {name: each.image for name, each in built({"services": services}).items()} == {
        "there": "",
        "none": "",
        "inline": "redis:7",
    }

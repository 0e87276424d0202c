"""The engine's words, read without an engine."""

import hashlib
import json
import subprocess
import sys

import pytest

from teal.adapters.engine.api import _spoken
from teal.adapters.engine.containers import Frames, text, unframed
from teal.adapters.engine.context import DEFAULT_SOCKET, socket_path
from teal.adapters.engine.decode import Binding, MemoryStats, base_name, epoch, published, side_in, side_of, used
from teal.core.model.side import Side
from teal.errors import ConfigError, Refused, Unavailable


@pytest.mark.parametrize(
    ("stamp", "seconds"),
    [
        ("0001-01-01T00:00:00Z", 0.0),
        ("", 0.0),
        ("1970-01-01T00:00:01Z", 1.0),
        ("1970-01-01T00:00:01.5Z", 1.5),
        ("1970-01-01T00:00:01.123456789Z", 1.123456789),
        ("1970-01-01T02:00:01.25+02:00", 1.25),
    ],
)
def test_stamps_become_seconds_since_the_epoch(stamp, seconds):
    assert epoch(stamp) == pytest.approx(seconds, abs=1e-6)


@pytest.mark.parametrize(
    ("stats", "in_use"),
    [
        ({"total_inactive_file": 30, "inactive_file": 1}, 70),  # cgroup v1 counts children in total_*
        ({"inactive_file": 40}, 60),  # cgroup v2
        ({"inactive_file": 400}, 0),
        (None, 100),
    ],
)
def test_memory_leaves_out_the_page_cache(stats, in_use):
    assert used(MemoryStats(usage=100, stats=stats)) == in_use


def test_memory_of_a_stopped_container_is_nothing():
    assert used(MemoryStats()) == 0


def frame(stream: int, content: bytes) -> bytes:
    return bytes([stream, 0, 0, 0]) + len(content).to_bytes(4, "big") + content


@pytest.mark.parametrize("size", [1, 2, 7, 8, 9, 1000])
def test_frames_survive_any_cut(size):
    sent = frame(1, b"out\n") + frame(2, b"") + frame(2, b"err\n") + frame(1, b"x" * 300)
    frames = Frames()
    got = b"".join(frames.feed(sent[at : at + size]) for at in range(0, len(sent), size))
    assert got == b"out\nerr\n" + b"x" * 300


def test_a_terminals_output_has_no_frames():
    assert unframed("application/vnd.docker.raw-stream").feed(b"hello") == b"hello"
    assert isinstance(unframed("application/vnd.docker.multiplexed-stream"), Frames)
    assert text(b"a\r\nb\xff") == "a\nb�"


def test_the_first_binding_counts_and_tcp_comes_before_udp():
    bindings = {
        "443/udp": [Binding("0.0.0.0", "444")],
        "443/tcp": [Binding("0.0.0.0", "443"), Binding("::", "443")],
        "80/tcp": [Binding("", "")],
        "2019/tcp": None,
    }
    assert published(bindings) == {443: ("0.0.0.0", 443), 80: ("0.0.0.0", 0)}


PROJECT = "com.docker.compose.project"


def test_a_container_stands_on_the_side_that_its_project_names():
    assert side_in("shop", {PROJECT: "shop"}) is Side.PLAIN
    assert side_in("shop", {PROJECT: "shop-blue"}) is Side.BLUE
    assert side_in("shop", {PROJECT: "shop-green", "com.docker.compose.oneoff": "True"}) is None
    assert side_in("shop", {PROJECT: "shop-blue-2"}) is None
    assert side_in("shop", {PROJECT: "workshop"}) is None
    assert side_in("shop", None) is None
    assert (side_of("shop-green"), side_of("shop")) == (Side.GREEN, Side.PLAIN)


def test_a_service_is_called_by_its_base_name():
    assert base_name(Side.BLUE, {"com.docker.compose.service": "rag-blue"}) == "rag"
    assert base_name(Side.PLAIN, {"com.docker.compose.service": "rag-blue"}) == "rag-blue"
    assert base_name(Side.BLUE, {"com.docker.compose.service": "x-blue", "teal.service": "rag"}) == "rag"


def test_the_api_version_is_the_newest_that_both_speak():
    assert _spoken("1.43") == "1.43"
    assert _spoken("1.99") == "1.51"
    with pytest.raises(Unavailable, match="too old"):
        _spoken("1.42")
    with pytest.raises(Unavailable, match="not a Docker Engine"):
        _spoken("")


def test_the_socket_is_dockers_default_without_settings(tmp_path):
    assert socket_path({"HOME": str(tmp_path)}) == DEFAULT_SOCKET


def test_docker_host_names_the_socket(tmp_path):
    assert socket_path({"HOME": str(tmp_path), "DOCKER_HOST": "unix:///run/user/1/docker.sock"}) == (
        "/run/user/1/docker.sock"
    )


@pytest.mark.parametrize("host", ["tcp://10.0.0.1:2375", "ssh://me:secret@server", "npipe://x", "unix://relative"])
def test_an_engine_on_another_machine_is_refused_and_no_password_shown(tmp_path, host):
    with pytest.raises(Refused, match="another machine") as caught:
        socket_path({"HOME": str(tmp_path), "DOCKER_HOST": host})
    assert "secret" not in caught.value.message


def use_context(home, name, meta=None):
    (home / ".docker").mkdir()
    (home / ".docker" / "config.json").write_text(json.dumps({"currentContext": name}))
    if meta is not None:
        folder = home / ".docker" / "contexts" / "meta" / hashlib.sha256(name.encode()).hexdigest()
        folder.mkdir(parents=True)
        (folder / "meta.json").write_text(json.dumps(meta))


def test_the_current_context_names_the_socket(tmp_path):
    use_context(tmp_path, "mine", {"Name": "mine", "Endpoints": {"docker": {"Host": "unix:///run/mine.sock"}}})
    assert socket_path({"HOME": str(tmp_path)}) == "/run/mine.sock"
    assert socket_path({"HOME": str(tmp_path), "DOCKER_CONTEXT": "default"}) == DEFAULT_SOCKET


def test_a_context_without_definition_is_said(tmp_path):
    use_context(tmp_path, "gone")
    with pytest.raises(ConfigError, match="gone is in use but not defined"):
        socket_path({"HOME": str(tmp_path)})


def test_a_broken_docker_configuration_is_said(tmp_path):
    (tmp_path / ".docker").mkdir()
    (tmp_path / ".docker" / "config.json").write_text("{")
    with pytest.raises(ConfigError, match="not JSON"):
        socket_path({"HOME": str(tmp_path)})


def test_nothing_imports_a_whole_http_library():
    code = "import sys, teal.adapters.engine, teal.adapters.caddy.proxy, teal.run.commands.deploy;"
    code += "sys.exit(bool({'httpx', 'aiohttp', 'urllib.request', 'http.client'} & sys.modules.keys()))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0

"""What Teal believes of a stack file's keys, asked of Docker itself: kept, dropped or refused."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from teal.core.swarm.keys import KEPT, REFUSED

pytestmark = pytest.mark.engine

VALUES: dict[str, object] = {
    "cap_add": ["NET_ADMIN"],
    "cap_drop": ["ALL"],
    "command": ["a"],
    "dns": ["1.1.1.1"],
    "dns_search": ["example"],
    "entrypoint": ["a"],
    "environment": {"A": "b"},
    "extra_hosts": ["a:10.0.0.1"],
    "healthcheck": {"test": ["CMD", "true"]},
    "init": True,
    "logging": {"driver": "json-file"},
    "read_only": True,
    "stdin_open": True,
    "stop_grace_period": "15s",
    "sysctls": {"net.core.somaxconn": "1"},
    "tmpfs": ["/t"],
    "tty": True,
    "ulimits": {"nofile": 1000},
}
REFUSABLE: dict[str, object] = {"gpus": "all", "post_start": [{"command": ["x"]}], "annotations": {"a": "b"}}


def config(folder: Path, service: dict[str, object]) -> subprocess.CompletedProcess[str]:
    file = folder / "stack.json"
    file.write_text(json.dumps({"version": "3.13", "services": {"a": {"image": "x", **service}}}))
    return subprocess.run(["docker", "stack", "config", "-c", str(file)], capture_output=True, text=True, check=False)


@pytest.mark.parametrize("key", sorted(KEPT))
def test_docker_keeps_what_teal_passes_on(key: str, tmp_path: Path) -> None:
    shown = config(tmp_path, {key: VALUES.get(key, "x")})
    assert shown.returncode == 0, shown.stderr
    assert f"{key}:" in shown.stdout


@pytest.mark.parametrize(
    "key", ["group_add", "dns_opt", "platform", "runtime", *REFUSABLE, "cpuset", "cpu_shares", "blkio_config"]
)
def test_docker_refuses_what_teal_says_can_not_be_said(key: str, tmp_path: Path) -> None:
    assert key in REFUSED
    assert config(tmp_path, {key: REFUSABLE.get(key, ["x"])}).returncode != 0


@pytest.mark.parametrize("key", ["privileged", "shm_size", "ipc", "pid", "domainname", "mac_address", "cgroup_parent"])
def test_docker_takes_without_an_error_what_it_then_drops(key: str, tmp_path: Path) -> None:
    assert "drops it" in REFUSED[key].why
    assert config(tmp_path, {key: {"privileged": True, "shm_size": "1g"}.get(key, "host")}).returncode == 0

"""No secret leaves: planted in a real stack that logs them all, none stands in anything that Teal prints or keeps."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
import tarfile
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.engine.sandbox import docker
from tests.engine.stack import copy_stack
from tests.engine.test_cli import SNIPPET, Mini

pytestmark = pytest.mark.engine
MARK = "m4rk3r"
VARIABLES = ("API_TOKEN", "BUILD_TOKEN")
# A later line of it looks like a variable.
LICENSE = f"{MARK}-license-begin\n  {MARK}_TOKEN={MARK}=$é\n\n{MARK}-license-end\n"


class Keys:
    """Collects, while it is entered, the keys that stand in the proxy's state file."""

    def __init__(self, state: Path) -> None:
        self._state = state
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self.seen: set[str] = set()

    def __enter__(self) -> Keys:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._over.wait(0.002):
            with suppress(OSError):
                words = self._state.read_text().split()
                self.seen |= {words[2]} if len(words) == 3 else set()


class Sealed(Mini):
    """The stack, whose secrets the environment holds."""

    def environment(self, **more: str) -> dict[str, str]:
        planted = {name: f"{MARK}-{name.lower()}-$/+é" for name in VARIABLES}
        return {**super().environment(), **planted, "LICENSE_KEY": LICENSE, **more}


class Told:
    """What a whole life of the stack has printed, and the keys that were in use meanwhile."""

    def __init__(self, mini: Sealed) -> None:
        self.mini = mini
        self.printed: list[str] = []
        self.keys: set[str] = set()

    def teal(self, *words: str, status: int = 0, **more: str) -> str:
        ended = self.mini.teal(*words, status=status, **more)
        self.printed.append(f"$ teal {' '.join(words)}\n{ended.stdout}{ended.stderr}")
        return self.printed[-1]

    @property
    def web(self) -> str:
        """Return the container that serves."""
        side = self.mini.status()["active"]
        return f"{self.mini.stack.project}-{side}-web-{side}-1"

    def inside(self, line: str) -> str:
        """Return what the shell prints for *line* in what serves, every byte of it."""
        argv = ["docker", "exec", self.web, "sh", "-c", line]
        return subprocess.run(argv, check=True, capture_output=True).stdout.decode()


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Told]:
    """A stack that was deployed, failed, deployed again, rolled back, and looked at in every way."""
    folder = tmp_path_factory.mktemp("sealed")
    stack = copy_stack("sealed", folder / "sealed", DB_PASSWORD=f"{MARK}-db-password")
    shutil.copy(SNIPPET, stack.folder)
    (stack.folder / "key.txt").write_text(f"{MARK}-line-one\n{MARK}-line-two\n")
    life = Told(Sealed(stack, folder / "home"))
    with Keys(folder / "home" / stack.project / "proxy" / "state") as keys:
        try:
            _live(life)
            life.keys = keys.seen
            yield life
        finally:
            life.mini.remove()
            docker("image", "rm", "--force", stack.project)


def _live(life: Told) -> None:
    life.teal("deploy")
    assert life.mini.stack.get("/").text == "one 1234\n"
    life.teal("deploy", status=1, GREETING="crash")
    life.teal("deploy", "--json", status=1, GREETING="crash")
    life.teal("deploy", "--json", GREETING="two")
    life.teal("rollback")
    assert life.mini.stack.get("/").text == "one 1234\n"
    for words in (("status",), ("history",), ("check",), ("plan",)):
        life.teal(*words)
        life.teal(*words, "--json")
    life.teal("support", "--output", "bundle.tar.gz")


def test_no_secret_is_printed_though_the_stack_logs_them_all(told: Told) -> None:
    for printed in told.printed:
        lines = [line for line in printed.splitlines() if MARK in line]
        assert lines == [], printed


def test_a_secret_of_several_lines_keeps_them_all(told: Told) -> None:
    assert told.inside("cat /run/secrets/license") == LICENSE
    assert told.inside("cat /run/secrets/key") == f"{MARK}-line-one\n{MARK}-line-two\n"


def test_a_named_volume_of_a_rotating_service_is_the_one_of_the_plain_stack(told: Told) -> None:
    shown = json.loads(docker("inspect", "-f", "{{json .Mounts}}", told.web))
    (volume,) = [each for each in shown if each["Type"] == "volume"]
    assert (volume["Name"], volume["Destination"]) == (f"{told.mini.stack.project}_seen", "/seen")


def test_what_is_no_secret_in_a_log_line_is_shown(told: Told) -> None:
    failed = told.printed[1]
    assert "started with ***, postgresql://app:***@db:5432/app, {'key': '***" in failed
    assert "no connection to postgresql://app:***@db:5432/app" in failed


def test_the_journal_holds_no_secret(told: Told) -> None:
    folder = told.mini.home / told.mini.stack.project
    for path in folder.glob("journal.db*"):
        assert MARK.encode() not in path.read_bytes()


def test_no_file_that_others_can_open_holds_a_secret(told: Told) -> None:
    holding = [path for path in told.mini.home.rglob("*") if path.is_file() and MARK.encode() in path.read_bytes()]
    assert holding, "the renderings hold them: else nothing was looked at"
    assert [path for path in holding if _open_to_others(path, told.mini.home)] == []
    for path in holding:
        mode = stat.S_IMODE(path.stat().st_mode)
        assert mode == 0o600 or path.parent.name == "files", (path, oct(mode))


def _open_to_others(path: Path, root: Path) -> bool:
    """Tell whether somebody who may enter *root* can read *path*."""
    folders = [folder for folder in path.parents if folder != root and folder.is_relative_to(root)]
    return bool(path.stat().st_mode & 0o004) and all(folder.stat().st_mode & 0o001 for folder in folders)


def test_what_containers_mount_is_readable_for_their_user_and_closed_to_others(told: Told) -> None:
    mounted = [*(told.mini.home / told.mini.stack.project / "releases").glob("*/files/*")]
    assert mounted
    for path in mounted:
        assert path.stat().st_mode & 0o004, path
        assert stat.S_IMODE(path.parents[1].stat().st_mode) == 0o700


def test_no_key_stands_in_the_access_log_of_the_proxy(told: Told) -> None:
    assert told.keys, "no key was seen: nothing was looked for"
    argv = ["docker", "logs", f"{told.mini.stack.project}-proxy-1"]
    log = subprocess.run(argv, check=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True).stdout
    assert '"msg":"handled request"' in log
    assert '"Proxy-Authorization":["REDACTED"]' in log
    for key in told.keys:
        assert key not in log


def test_the_bundle_is_closed_and_holds_what_a_report_needs_and_no_secret(told: Told) -> None:
    path = told.mini.stack.folder / "bundle.tar.gz"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with tarfile.open(path) as bundle:
        parts = {Path(each.name).name: bundle.extractfile(each).read().decode() for each in bundle}
    assert sorted(parts) == ["check.json", "history.json", "plan.json", "status.json", "versions.txt"]
    assert json.loads(parts["status.json"])["active"] == "blue"
    assert json.loads(parts["history.json"])[0]["command"] == "rollback"
    assert "Docker Compose version" in parts["versions.txt"]
    for name, text in parts.items():
        assert MARK not in text, name
    assert os.environ["HOME"] not in parts["versions.txt"]

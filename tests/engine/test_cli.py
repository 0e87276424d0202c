"""The command line on the real engine: what people type every day, and what they break."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from tests.engine.sandbox import docker, remove
from tests.engine.stack import Stack, copy_stack

pytestmark = pytest.mark.engine
TEAL = Path(sys.executable).parent / "teal"
SNIPPET = Path(__file__).parents[2] / "src" / "teal" / "adapters" / "caddy" / "teal.caddy"


@dataclass
class Mini:
    """The mini stack and its own state directory."""

    stack: Stack
    home: Path

    def environment(self, **more: str) -> dict[str, str]:
        kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
        return {**kept, "TEAL_HOME": str(self.home), **more}

    def teal(self, *words: str, status: int = 0, **more: str) -> subprocess.CompletedProcess[str]:
        """Run ``teal WORDS`` in the stack's folder."""
        ended = subprocess.run(
            [TEAL, *words],
            cwd=self.stack.folder,
            env=self.environment(**more),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert ended.returncode == status, f"teal {' '.join(words)}\n{ended.stdout}\n{ended.stderr}"
        return ended

    def begin(self, *words: str, **more: str) -> subprocess.Popen[str]:
        """Start ``teal WORDS`` and go on."""
        return subprocess.Popen(
            [TEAL, *words],
            cwd=self.stack.folder,
            env=self.environment(**more),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def status(self) -> dict[str, object]:
        return json.loads(self.teal("status", "--json").stdout)

    def remove(self) -> None:
        subprocess.run([TEAL, "down", "--volumes", "--yes"], cwd=self.stack.folder, env=self.environment(), check=False)
        tags = docker(
            "images", "--format", "{{.Repository}}:{{.Tag}}", "--filter", f"reference=teal/{self.stack.project}/*"
        )
        remove(tags, "rmi")


@pytest.fixture(scope="module")
def mini(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mini]:
    """The mini stack with its first release on blue."""
    folder = tmp_path_factory.mktemp("mini")
    found = Mini(copy_stack("mini", folder / "mini", WEB_REPLICAS="1"), folder / "home")
    shutil.copy(SNIPPET, found.stack.folder)
    try:
        found.teal("deploy", "--quiet")
        yield found
    finally:
        found.remove()


@dataclass
class Users:
    """Asks through the proxy without a break; counts what is not answered properly."""

    url: str
    asked: int = 0
    failed: list[str] = field(default_factory=list)
    over: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Users:
        self.thread = threading.Thread(target=self._ask)
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.over.set()
        self.thread.join()

    def _ask(self) -> None:
        with httpx.Client(trust_env=False, timeout=10) as client:
            while not self.over.wait(0.01):
                self.asked += 1
                try:
                    answer = client.get(self.url)
                    if answer.status_code != 200:
                        self.failed.append(f"status {answer.status_code}")
                except httpx.HTTPError as error:
                    self.failed.append(repr(error))


def test_the_everyday_words_reach_the_active_color(mini):
    assert mini.teal("exec", "-T", "web", "printenv", "GREETING").stdout == "one\n"
    assert mini.teal("exec", "-T", "db", "redis-cli", "ping").stdout == "PONG\n"
    assert mini.teal("run", "--rm", "-T", "web", "python", "-c", "print(6 * 7)").stdout == "42\n"
    assert mini.teal("run", "--rm", "-T", "migrate").stdout == "migrated\n"
    assert "work" in mini.teal("logs", "worker", "-n", "3").stdout
    assert json.loads(mini.teal("logs", "--json", "worker", "-n", "1").stdout.splitlines()[0])["line"] == "work"
    project = mini.stack.project
    shown = mini.teal("ps").stdout
    assert f"{project}-blue-web-blue-1" in shown
    assert f"{project}-db-1" in shown
    rows = [json.loads(line) for line in mini.teal("ps", "--json").stdout.splitlines()]
    assert {row["Service"] for row in rows} == {"web-blue", "worker-blue", "db", "proxy"}
    assert "app.py" in mini.teal("compose", "top", "web").stdout
    assert mini.teal("exec", "-T", "web", "sh", "-c", "exit 7", status=7).stdout == ""
    for word in ("exec", "run", "logs", "ps", "restart", "stop"):
        said = mini.teal(word, "absent", status=2).stderr
        assert said == "✗ the stack has no service absent\n  there are: db, migrate, proxy, web, worker\n"


def test_the_plain_words_of_the_manual_work_as_typed(mini):
    name = f"{mini.stack.project}-blue-web-blue-1"
    assert docker("inspect", "--format={{.State.Health.Status}}", name) == "healthy"


def test_docker_teal_is_the_same_program(mini, tmp_path):
    more = {"DOCKER_CONFIG": str(tmp_path)}
    mini.teal("plugin", "install", **more)
    argv = ["docker", "teal", "status", "--json"]
    said = subprocess.run(
        argv, cwd=mini.stack.folder, env=mini.environment(**more), capture_output=True, text=True, check=True
    )
    assert json.loads(said.stdout)["project"] == mini.stack.project


def test_what_serves_is_not_restarted_or_stopped_by_accident(mini):
    for word in ("restart", "stop"):
        refused = mini.teal(word, "web", status=1)
        assert "web on blue serves users" in refused.stderr
        assert "--yes" in refused.stderr
    assert mini.status()["colors"]["blue"]["services"]["web"]["health"] == "healthy"


def test_a_worker_is_restarted_without_asking(mini):
    before = docker("inspect", "-f", "{{.State.StartedAt}}", f"{mini.stack.project}-blue-worker-blue-1")
    assert mini.teal("restart", "worker").stdout.endswith("restarted on blue: worker\n")
    assert docker("inspect", "-f", "{{.State.StartedAt}}", f"{mini.stack.project}-blue-worker-blue-1") != before


def test_a_second_command_is_refused_and_told_who_works(mini):
    first = mini.begin("deploy", "--force", BOOT_SECONDS="20")
    assert first.stdout
    for line in first.stdout:
        if "start web on" in line:
            break
    refused = mini.teal("cleanup", "--yes", "--json", status=3)
    error = json.loads(refused.stdout.splitlines()[-1])["error"]
    assert f"(pid {first.pid}) works on this stack since" in error["message"]
    assert mini.status()["lock"]["pid"] == first.pid
    findings = json.loads(mini.teal("check", "--json").stdout)["findings"]
    (working,) = [each["message"] for each in findings if each["where"] == "lock"]
    assert f"(pid {first.pid}) works on this stack: what it has begun" in working
    assert not [each for each in findings if "interrupted" in each["message"]]
    first.send_signal(signal.SIGINT)
    _, said = first.communicate(timeout=60)
    assert first.returncode == 130, said
    assert "blue still serves, untouched" in said
    after = mini.status()
    assert (after["active"], after["lock"], after["interrupted"]) == ("blue", None, "")
    assert after["colors"]["green"]["role"] == "empty"


def test_a_docker_that_is_told_to_stop_stops_its_plugin_too(mini, tmp_path):
    more = {"DOCKER_CONFIG": str(tmp_path), "BOOT_SECONDS": "20"}
    mini.teal("plugin", "install", **more)
    docker_teal = subprocess.Popen(
        ["docker", "teal", "deploy", "--force"],
        cwd=mini.stack.folder,
        env=mini.environment(**more),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert docker_teal.stdout
    for line in docker_teal.stdout:
        if "start web on" in line:
            break
    docker_teal.send_signal(signal.SIGTERM)
    _, said = docker_teal.communicate(timeout=60)
    assert docker_teal.returncode == 130, said
    assert "still serves, untouched" in said
    assert mini.status()["interrupted"] == ""


def test_several_containers_are_restarted_one_by_one_and_users_notice_nothing(mini):
    mini.teal("deploy", "--quiet", WEB_REPLICAS="2", GREETING="two")
    with Users(mini.stack.url) as users:
        said = mini.teal("restart", "web").stdout
    assert said.count("web starting") == 2
    assert users.failed == []
    assert users.asked > 20


def test_json_lines_of_a_rollback_end_in_the_result(mini):
    *events, result = [json.loads(line) for line in mini.teal("rollback", "--json").stdout.splitlines()]
    assert all("event" in each for each in events)
    assert (result["outcome"], result["target"]) == ("done", "blue")
    assert mini.stack.get("/").text.startswith("one ")
    history = json.loads(mini.teal("history", "--json").stdout)
    assert history["runs"][0]["command"] == "rollback"


@contextmanager
def override(mini, **services):
    """Let the owner change *services* in the meantime."""
    file = mini.stack.folder / "compose.override.yml"
    file.write_text(json.dumps({"services": services}), encoding="utf-8")
    yield
    file.unlink()


def test_a_one_shot_is_heard_while_it_runs_and_its_last_lines_again_where_it_fails(mini):
    with override(mini, migrate={"command": ["sh", "-c", "echo first; sleep 2; echo second; exit 3"]}):
        ended = mini.teal("deploy", status=1)
    at = {line: float(seconds) for seconds, line in re.findall(r"([\d.]+)s +\| (first|second)", ended.stderr)}
    assert at["second"] - at["first"] > 1.5
    assert "first\nsecond\n✗ one-shot migrate ended with status 3\n" in ended.stderr


def test_a_hook_that_fails_after_the_start_ends_the_deploy_and_is_named_with_what_it_said(mini):
    hook = {"command": ["sh", "-c", "echo $$WHO has no licence; exit 3"], "environment": {"WHO": "web"}}
    with override(mini, web={"post_start": [hook]}):
        said = mini.teal("deploy", status=1).stderr
    assert "web has no licence\n✗ green/web: its post_start hook `sh` ended with status 3\n" in said
    assert mini.status()["active"] == "blue"


def test_a_variable_that_got_lost_stops_a_deploy_until_the_file_says_that_it_may_be_empty(mini):
    with override(mini, web={"environment": {"KEY": "${KEY}"}}):
        mini.teal("deploy", "--quiet", KEY="kept")
        number = mini.status()["release"]
        for words in (("deploy",), ("plan",)):
            said = mini.teal(*words, status=1).stderr
            assert f"✗ KEY is no longer set: release {number} had it\n  set KEY, in the environment or in .env" in said
        assert "KEY is no longer set" in mini.teal("check", status=1).stdout
    with override(mini, web={"environment": {"KEY": "${KEY:-}"}}):
        mini.teal("deploy", "--quiet")
    assert mini.status()["release"] == number + 1


def test_an_image_that_is_mounted_belongs_to_its_release(mini):
    project = mini.stack.project
    data, ids = f"{project}-data:now", {name: docker("image", "inspect", "-f", "{{.Id}}", name) for name in IMAGES}
    web = {"volumes": [{"type": "image", "source": data, "target": "/data"}]}
    with override(mini, web=web):
        assert f"the image {data}, which a service mounts, can't be pulled" in mini.teal("deploy", status=1).stderr
        assert f"docker pull {data}" in mini.teal("deploy", "--no-build", status=1).stderr
        docker("tag", "redis:8", data)
        first = json.loads(mini.teal("deploy", "--json").stdout.splitlines()[-1])
        assert mounted(mini, first) == ids["redis:8"]
        docker("tag", "caddy:2.11", data)
        second = json.loads(mini.teal("deploy", "--json").stdout.splitlines()[-1])
        assert mounted(mini, second) == ids["caddy:2.11"]
    docker("image", "rm", data)
    back = json.loads(mini.teal("rollback", "--json").stdout.splitlines()[-1])
    assert (back["release"], mounted(mini, back)) == (first["release"], ids["redis:8"])
    tags = docker("images", f"teal/{project}/mounted", "--format", "{{.Tag}}").split()
    assert set(tags) == {f"{first['release']}-0", f"{second['release']}-0"}


IMAGES = ("redis:8", "caddy:2.11")


def mounted(mini, outcome):
    """Return the image that is mounted in the web that *outcome* brought."""
    name = f"{mini.stack.project}-{outcome['target']}-web-{outcome['target']}-1"
    mounts = json.loads(docker("inspect", "-f", "{{json .HostConfig.Mounts}}", name))
    return next(each["Source"] for each in mounts if each["Type"] == "image")


def test_down_takes_all_down_and_keeps_the_volumes(mini):
    assert "add --yes" in mini.teal("down", status=1).stderr
    label = f"label=com.docker.compose.project={mini.stack.project}"
    volumes = docker("volume", "ls", "-qf", label)
    mini.teal("down", "--yes")
    for suffix in ("", "-blue", "-green"):
        assert docker("ps", "-aqf", f"{label}{suffix}") == ""
        assert docker("network", "ls", "-qf", f"{label}{suffix}") == ""
    assert docker("volume", "ls", "-qf", label) == volumes
    assert mini.status()["active"] is None
    mini.teal("deploy", "--quiet")
    assert mini.stack.get("/").text.startswith("one ")

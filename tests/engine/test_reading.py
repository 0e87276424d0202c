"""What is read of a stack is what Compose itself reads, and is said once: files, images, what `up` would change."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.engine.sandbox import docker, remove
from tests.engine.stack import Stack, copy_stack
from tests.engine.teal import TEAL, Ended, Teal

pytestmark = pytest.mark.engine
SNIPPET = Path(__file__).parents[2] / "src" / "teal" / "adapters" / "caddy" / "teal.caddy"


@dataclass
class Reed:
    """A copy of the stack and its Teal."""

    stack: Stack
    teal: Teal

    def write(self, name: str, text: str) -> None:
        (self.stack.folder / name).write_text(text, encoding="utf-8")

    def found(self, where: str, *, status: int = 0, **more: str) -> list[str]:
        """Return what `teal check` says about *where*."""
        findings = self.teal.run("check", status=status, **more).result["findings"]
        return [each["message"] for each in findings if each["where"] == where]

    def container(self, service: str) -> str:
        """Return the id of the plain container of *service*."""
        return docker("inspect", "-f", "{{.Id}}", f"{self.stack.project}-{service}-1")


@pytest.fixture(scope="module")
def reed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reed]:
    """The stack as its owner started it plainly."""
    folder = tmp_path_factory.mktemp("reed")
    stack = copy_stack("reed", folder / "reed")
    shutil.copy(SNIPPET, stack.folder)
    found = Reed(stack, Teal(stack.folder, folder / "home"))
    (folder / "home").mkdir()
    with (stack.folder / ".env").open("a", encoding="utf-8") as env:
        env.write(f"TEAL_HOME={folder / 'home'}\n")
    try:
        stack.compose("up", "--detach", "--build", "--wait")
        yield found
    finally:
        found.teal.run("down", "--volumes", "--yes")
        tags = docker("images", "--format", "{{.Repository}}:{{.Tag}}", "--filter", f"reference=teal/{stack.project}/*")
        remove(tags, "rmi")
        stack.remove()
        docker("image", "rm", "--force", f"{stack.project}-index")


def notes(ended: Ended) -> str:
    """Return the notes of a result in one text."""
    return "\n".join(ended.result["notes"])


def test_a_service_whose_files_are_unchanged_is_not_said_to_have_changed(reed: Reed) -> None:
    before = {name: reed.container(name) for name in ("cache", "index", "proxy")}
    assert reed.found("cache") == []
    assert "cache" not in notes(reed.teal.run("deploy"))
    done = reed.teal.run("up").result
    assert (done["started"], done["updated"], set(done["untouched"])) == ([], [], {"cache", "index", "proxy"})
    assert {name: reed.container(name) for name in before} == before


def test_what_up_would_restart_is_said_by_check_and_deploy_and_done_by_up(reed: Reed) -> None:
    reed.write("cache.env", "LEVEL=2\n")
    before = reed.container("cache")
    assert reed.found("cache") == ["its definition has changed since it was started"]
    assert "cache: its definition has changed since it was started: `teal up cache`" in notes(
        reed.teal.run("deploy", "--force")
    )
    assert "would restart cache" in reed.teal.run("up", status=1).error["message"]
    assert reed.container("cache") == before
    done = reed.teal.run("up", "--yes").result
    assert (done["updated"], set(done["untouched"])) == (["cache"], {"index", "proxy"})
    assert reed.container("cache") != before
    assert reed.found("cache") == []


def test_what_is_not_there_is_named_and_the_rest_is_told(reed: Reed) -> None:
    reed.write(
        "compose.override.yml",
        """
services:
  cache: {image: "registry.invalid/redis:8"}
  index: {volumes: ["ours:/ours"], networks: [default, theirs]}
volumes: {ours: {external: true, name: teal-test-no-such}}
networks: {theirs: {external: true, name: teal-test-none}}
""",
    )
    try:
        checked = reed.teal.run("check", status=1, within=10).result
        said = {each["message"]: (each["level"], each["remedy"]) for each in checked["findings"]}
        assert {row["service"] for row in checked["roles"]} == {"web", "cache", "index", "proxy"}
        volume, network = (said[f"the external {each} does not exist"] for each in MISSING)
        assert volume == (
            "error",
            "create it (docker volume create teal-test-no-such), or correct `volumes` in the Compose file",
        )
        assert network[1].startswith("create it (docker network create teal-test-none)")
        (image,) = (each for each in said if "registry.invalid/redis:8" in each)
        assert said[image] == ("note", "`docker compose pull cache` brings it")
        assert "switch all routes" in reed.teal.run("plan", within=10).told
    finally:
        (reed.stack.folder / "compose.override.yml").unlink()
    assert reed.found("cache") == []


MISSING = ("volume teal-test-no-such", "network teal-test-none")


def test_what_the_files_lack_is_said_once_with_its_place_and_what_tools_say_goes_apart(reed: Reed) -> None:
    reed.write(
        "compose.override.yml",
        """version: "3"
services:
  web: {environment: {A: "$NONE"}}
  debug: {environment: {B: "$TOOLS"}}
""",
    )
    reed.write("web/page", "two")
    try:
        argv = [str(TEAL), "deploy"]
        ended = subprocess.run(
            argv, cwd=reed.stack.folder, env=reed.teal.environment(), capture_output=True, text=True, check=True
        )
    finally:
        (reed.stack.folder / "compose.override.yml").unlink()
    every = ended.stdout + ended.stderr
    for once in (
        "warning: compose.override.yml:3: NONE is not set",
        "warning: compose.override.yml:4: TOOLS is not set",
        "warning: compose.yml:18: left out, since none of their profiles is active: debug",
        "the attribute `version` is obsolete",
    ):
        assert every.count(once) == 1, every
    assert every.count("NONE") == 1 + every.count("set NONE"), every
    assert " | " not in ended.stdout
    assert "COPY page" in ended.stderr
    assert "switch all routes to " in ended.stdout


def test_what_is_wrong_in_the_caddyfile_is_placed_there(reed: Reed) -> None:
    file = reed.stack.folder / "Caddyfile"
    text = file.read_text(encoding="utf-8")
    said = (reed.stack.folder / "teal.yml").read_text(encoding="utf-8")
    try:
        reed.write("Caddyfile", text.replace("import teal web 8000", "reverse_proxy web:8000"))
        reed.write("teal.yml", f"{said}proxy: proxy\n")  # else Teal would bring a proxy of its own
        findings = reed.teal.run("check", status=1).result["findings"]
    finally:
        reed.write("Caddyfile", text)
        reed.write("teal.yml", said)
    places = {each["where"]: each["message"] for each in findings if each["level"] == "error"}
    assert "past Teal's snippet" in places["Caddyfile:8"]


def test_source_that_is_mounted_over_its_image_is_refused_though_it_is_called_safe(reed: Reed) -> None:
    said = (reed.stack.folder / "teal.yml").read_text(encoding="utf-8")
    try:
        reed.write("compose.override.yml", "services: {web: {volumes: ['./web:/srv', './index:/data']}}\n")
        reed.write("teal.yml", f"{said}safe_volumes: [web, index]\n")
        refused = reed.teal.run("deploy", status=1).error
    finally:
        reed.write("teal.yml", said)
        (reed.stack.folder / "compose.override.yml").unlink()
    assert "web, mounted at /srv, is the source of web" in refused["message"]
    assert refused["hint"].startswith("take the mount out: the image has it")
    assert "index" not in refused["message"] + refused.get("detail", "")


def test_a_shared_service_that_has_a_build_is_built_by_up_as_compose_would(reed: Reed) -> None:
    first = reed.container("index")
    same = reed.teal.run("up", "index")
    assert same.result["untouched"] == ["index"]
    states = [line["state"] for line in same.lines if line.get("event") == "service" and line["service"] == "index"]
    assert states[:2] == ["building", "built"]
    reed.write("index/words", "cane")
    assert "would restart index" in reed.teal.run("up", "index", status=1).error["message"]
    assert reed.container("index") == first
    assert reed.found("index") == ["its image has changed since it was started"]
    assert reed.teal.run("up", "index", "--yes").result["updated"] == ["index"]
    assert reed.stack.compose("exec", "-T", "index", "cat", "/words") == "cane"
    assert reed.found("index") == []

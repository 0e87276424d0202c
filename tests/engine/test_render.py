"""A rendered color against the plain stack, on the real engine: equal containers, names that stay in their color."""

import asyncio
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from teal.adapters.compose.model import DockerModels
from teal.adapters.engine import DockerEngine
from teal.adapters.state.releases import ReleaseFolders
from teal.config.load import load
from teal.config.options import Options
from teal.core.model.release import Release, Rendered, RenderInputs
from teal.core.model.side import COLORS, Side, key_of
from teal.core.model.stack import Health, Stack
from teal.core.rendering.project import render, render_both, render_once
from teal.ports import ImageInfo
from tests.engine.sandbox import docker, remove
from tests.engine.stack import wait_until

pytestmark = pytest.mark.engine
ODD = Path(__file__).parents[1] / "stacks" / "odd"


@dataclass(frozen=True)
class Both:
    """The odd stack: plainly created, and its db and both colors running."""

    stack: Stack
    colors: dict[Side, Rendered]
    once: Path

    def id(self, service: str, side: Side) -> str:
        project = self.colors[side].project if side.is_color else self.stack.project
        wanted = [
            f"label=com.docker.compose.project={project}",
            f"label=com.docker.compose.service={key_of(service, side)}",
        ]
        return docker("ps", "-aqf", wanted[0], "-f", wanted[1])

    def seen(self, service: str, side: Side) -> dict:
        return json.loads(docker("inspect", self.id(service, side)))[0]

    def run(self, service: str, side: Side, *command: str) -> str:
        return docker("exec", self.id(service, side), *command)

    def address(self, service: str, side: Side, name: str) -> set[str]:
        code = "import socket,sys; print(*{a[4][0] for a in socket.getaddrinfo(sys.argv[1], 1, socket.AF_INET)})"
        done = subprocess.run(
            ["docker", "exec", self.id(service, side), "python", "-c", code, name], capture_output=True, text=True
        )
        return set(done.stdout.split())

    def addresses(self, service: str, side: Side) -> set[str]:
        return {each["IPAddress"] for each in self.seen(service, side)["NetworkSettings"]["Networks"].values()}


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    folder = tmp_path_factory.mktemp("odd") / "odd"
    shutil.copytree(ODD, folder)
    project = f"tren-{os.getpid()}"
    shell = {**os.environ, "FROM_SHELL": "a$b"}
    stack = asyncio.run(load(Options(where=str(folder), project=project), shell, DockerModels()))
    try:
        for arguments in (["create"], ["start", "db"]):
            subprocess.run(["docker", "compose", "-p", project, *arguments], cwd=folder, env=shell, check=True)
        kept, colors, once = _keep(stack, tmp_path_factory.mktemp("home"))
        for side in COLORS:
            file = kept.rendering(1, side)
            rendered = ["compose", "-p", colors[side].project, "--env-file", "/dev/null", "-f", file]
            subprocess.run(["docker", *rendered, "up", "-d"], check=True)
        yield Both(stack, colors, once)
    finally:
        _clean(project)


def _keep(stack: Stack, home: Path) -> tuple[ReleaseFolders, dict[Side, Rendered], Path]:
    """Keep the rendered release with the real adapter, for which every service runs the one image."""
    kept = ReleaseFolders(home)
    image = docker("image", "inspect", "-f", "{{.Id}}", "python:3.13-slim")
    images = {each.name: image for each in stack.services}
    inputs = RenderInputs(1, images, kept.folder(1))
    colors = render_both(stack, inputs)
    once = render_once(stack, Side.BLUE, inputs)
    release = Release(number=1, side=Side.BLUE, created=0.0, images=images, services=stack.services)
    kept.keep(release, colors, once)
    return kept, colors, Path(kept.once(1))


def _clean(project: str) -> None:
    for each in (f"{project}-blue", f"{project}-green", f"{project}-once", project):
        label = f"label=com.docker.compose.project={each}"
        remove(docker("ps", "-aqf", label), "rm", "-fv")
        remove(docker("network", "ls", "-qf", label), "network", "rm")
        remove(docker("volume", "ls", "-qf", label), "volume", "rm")


HOST_FACTS = (
    *("Memory", "NanoCpus", "Ulimits", "ReadonlyRootfs", "Tmpfs", "ShmSize", "CapAdd", "CapDrop", "ExtraHosts"),
    *("LogConfig", "SecurityOpt", "Dns", "Init", "PidsLimit", "OomScoreAdj", "Sysctls", "GroupAdd"),
)


@pytest.mark.parametrize("side", COLORS)
@pytest.mark.parametrize("service", ["web", "api"])
def test_a_rendered_container_equals_the_plain_one_but_for_what_must_differ(both, service, side):
    plain, color = both.seen(service, Side.PLAIN), both.seen(service, side)
    own = {f"TEAL_COLOR={side}", "TEAL_RELEASE=1"}
    assert set(color["Config"]["Env"]) == set(plain["Config"]["Env"]) | own
    for key in ("Cmd", "Entrypoint", "User", "WorkingDir", "StopSignal", "StopTimeout"):
        assert color["Config"].get(key) == plain["Config"].get(key), key
    for key in HOST_FACTS:
        assert color["HostConfig"].get(key) == plain["HostConfig"].get(key), key
    checked = {key: value for key, value in color["Config"].get("Healthcheck", {}).items() if "Start" not in key}
    assert checked == plain["Config"].get("Healthcheck", {})
    assert {key: value for key, value in color["Config"]["Labels"].items() if key.startswith("odd.")} == {
        key: value for key, value in plain["Config"]["Labels"].items() if key.startswith("odd.")
    }


def test_nothing_is_published_and_no_policy_would_revive_a_retired_color(both):
    for side in COLORS:
        assert both.seen("web", side)["HostConfig"]["PortBindings"] == {}
        assert both.seen("web", side)["HostConfig"]["RestartPolicy"]["Name"] == "unless-stopped"


@pytest.mark.parametrize("side", COLORS)
@pytest.mark.parametrize("name", ["api", "PROJECT-api", "api-host", "backend"])
def test_every_plain_name_means_the_own_color(both, side, name):
    found = both.address("web", side, name.replace("PROJECT", both.stack.project))
    assert found
    assert found <= both.addresses("api", side)


@pytest.mark.parametrize("side", COLORS)
def test_a_service_means_itself_by_its_plain_name(both, side):
    assert both.address("api", side, "api") <= both.addresses("api", side)
    assert both.address("api", side, "api")


@pytest.mark.parametrize("side", COLORS)
def test_the_shared_service_is_found_by_each_color_and_finds_each_by_its_suffixed_name_only(both, side):
    for asker, where, name, target in (("web", side, "db", Side.PLAIN), ("db", Side.PLAIN, f"api-{side}", side)):
        found = both.address(asker, where, name)
        assert found
        assert found <= both.addresses(name.split("-")[0], target)
    for name in ("api", f"{both.stack.project}-api", "api-host", "backend"):
        assert both.address("db", Side.PLAIN, name) == set()


@pytest.mark.parametrize("side", COLORS)
def test_secrets_configs_and_small_files_are_readable_inside_and_come_from_the_release(both, side):
    assert both.run("web", side, "id", "-u") == "1234"
    assert both.run("web", side, "cat", "/run/secrets/token") == "s3cr$t"
    assert both.run("web", side, "cat", "/run/secrets/shell") == "a$b"
    assert both.run("web", side, "cat", "/etc/motd") == "only $5 for \N{GRINNING FACE}"
    assert both.run("web", side, "cat", "/etc/odd.toml") == 'name = "odd"'
    assert both.run("web", side, "/usr/local/bin/hello.sh") == "hello"
    mounts = {each["Destination"]: each["Source"] for each in both.seen("web", side)["Mounts"]}
    files = both.once.parent / "files"
    for target in ("/run/secrets/token", "/run/secrets/shell", "/etc/motd", "/etc/odd.toml"):
        assert Path(mounts[target]).parent == files


@pytest.mark.parametrize("side", COLORS)
def test_an_isolated_service_stays_isolated_and_the_other_gets_out(both, side):
    def gateway(service: str, where: Side) -> bool:
        routes = both.run(service, where, "cat", "/proc/net/route").splitlines()
        return any(line.split()[1] == "00000000" for line in routes[1:])

    assert gateway("web", side)
    assert not gateway("api", side)


@pytest.mark.parametrize("side", COLORS)
def test_readiness_is_seen_long_before_the_first_interval_is_over(both, side):
    """The healthcheck runs each 20 s and passes from the first second on; a plain container is starting until then."""
    wait_until(lambda: both.seen("api", side)["State"]["Health"]["Status"] == "healthy", "api is healthy", within=8)


def test_a_one_shot_runs_from_its_file_on_the_stacks_own_network(both):
    project = f"{both.stack.project}-once"
    command = [
        "compose",
        "-p",
        project,
        "--env-file",
        "/dev/null",
        "-f",
        str(both.once),
        "run",
        "--rm",
        "-T",
        "migrate",
    ]
    assert set(docker(*command).split()) <= both.addresses("db", Side.PLAIN)
    assert docker("network", "ls", "-qf", f"label=com.docker.compose.project={project}") == ""


DOCKERFILE = "FROM python:3.13-slim\nHEALTHCHECK --interval=20s --retries=2 CMD test -d /tmp\nCMD exec sleep infinity\n"


def test_an_images_own_healthcheck_is_asked_early_too_and_stays_what_it_is(tmp_path):
    """What the rendering leaves out of a healthcheck, the engine takes from the image."""
    project = f"tren-{os.getpid()}-own"
    (tmp_path / "compose.yml").write_text(f"services: {{api: {{image: '{project}'}}}}\n", encoding="utf-8")
    (tmp_path / "teal.yml").write_text("services: {api: worker}\n", encoding="utf-8")
    subprocess.run(["docker", "build", "-qt", project, "-"], input=DOCKERFILE, text=True, check=True)
    try:
        stack = asyncio.run(load(Options(where=str(tmp_path), project=project), os.environ, DockerModels(), look=_look))
        assert stack.service("api").health == Health("engine")
        inputs = RenderInputs(1, {"api": docker("image", "inspect", "-f", "{{.Id}}", project)}, str(tmp_path))
        file = tmp_path / "blue.json"
        file.write_text(render(stack, Side.BLUE, inputs).text, encoding="utf-8")
        docker("compose", "-p", f"{project}-blue", "--env-file", "/dev/null", "-f", str(file), "up", "-d")
        one = docker("ps", "-qf", f"label=com.docker.compose.project={project}-blue")
        check = json.loads(docker("inspect", one))[0]["Config"]["Healthcheck"]
        assert check["Test"] == ["CMD-SHELL", "test -d /tmp"]
        assert (check["Interval"], check["Retries"], check["StartPeriod"]) == (20e9, 2, 45e9)
        wait_until(lambda: docker("inspect", "-f", "{{.State.Health.Status}}", one) == "healthy", "healthy", within=8)
    finally:
        _clean(project)
        docker("rmi", "-f", project)


async def _look(reference: str) -> ImageInfo | None:
    engine = DockerEngine.here(os.environ)
    try:
        return await engine.image(reference)
    finally:
        await engine.close()

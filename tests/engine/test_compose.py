"""The Compose port over the real Compose: the owner's files as the owner runs them, rendered ones alone."""

import asyncio
import json
import os
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

import pytest

from teal.adapters.compose import DockerCompose
from teal.core.side import Side
from teal.errors import BuildFailed, Failed, Unavailable
from tests.engine.sandbox import IDLE, IMAGE, docker

pytestmark = [pytest.mark.engine, pytest.mark.anyio, pytest.mark.timeout(180)]

OWNERS = f"""
services:
  web:
    image: {IMAGE}
    command: [sleep, "600"]
    environment: {{GREETING: "${{GREETING:-hello}}"}}
    init: true
    depends_on: [db]
  db:
    image: {IMAGE}
    command: [sleep, "600"]
    init: true
    environment: {{LEVEL: "1"}}
  app:
    build: .
    command: [sleep, "600"]
  other:
    build: ./other
"""


class Owner:
    """A checkout with a Compose file, and the adapter over it."""

    def __init__(self, folder, sandbox):
        self.folder, self.sandbox = folder, sandbox
        self.file = folder / "compose.yml"
        self.file.write_text(OWNERS)
        (folder / "Dockerfile").write_text(f"FROM {IMAGE}\nRUN echo made-here > /made\n")
        self.told: list[str] = []
        self.compose = self.using()

    def using(self, **environ):
        options = ("--project-name", self.sandbox.stack)
        return DockerCompose(options, cwd=str(self.folder), environ={**os.environ, **environ})

    def containers(self, side=Side.PLAIN):
        project = self.sandbox.stack + ("" if side is Side.PLAIN else f"-{side}")
        show = '{{.ID}} {{.Label "com.docker.compose.service"}} {{.State}}'
        rows = docker(
            "ps", "-a", "--no-trunc", "--filter", f"label=com.docker.compose.project={project}", "--format", show
        )
        return {words[1]: (words[0], words[2]) for words in map(str.split, rows.splitlines())}

    def states(self, side=Side.PLAIN):
        return {service: state for service, (_, state) in self.containers(side).items()}

    def rendering(self, services, **more):
        file = self.folder / "rendered.json"
        whole = {"services": services, "networks": {"default": {"name": f"{self.sandbox.stack}-blue_default"}}, **more}
        file.write_text(json.dumps(whole))
        return str(file)


@pytest.fixture
def owner(tmp_path, sandbox):
    return Owner(tmp_path, sandbox)


def service(*command, **more):
    return {"image": IMAGE, "pull_policy": "never", "command": list(command or IDLE), **more}


async def test_a_color_is_created_whole_and_not_started(owner):
    after = {"rag-blue": {"condition": "service_healthy"}}
    file = owner.rendering({"web-blue": service(depends_on=after), "rag-blue": service()})
    project = f"{owner.sandbox.stack}-blue"
    await owner.compose.create(project, file, told=owner.told.append)
    first = owner.containers(Side.BLUE)
    assert {name: state for name, (_, state) in first.items()} == {"web-blue": "created", "rag-blue": "created"}
    await owner.compose.create(project, file, told=owner.told.append)
    assert owner.containers(Side.BLUE) == first
    assert any("Created" in line for line in owner.told)


async def test_a_rendered_file_sees_nothing_of_the_owners_environment(owner):
    (owner.folder / ".env").write_text("COMPOSE_PROJECT_NAME=wrong\nGREETING=from-file\n")
    file = owner.rendering({"web-blue": service(environment={"GREETING": "${GREETING-none}", "NULL": None})})
    compose = owner.using(COMPOSE_PROJECT_NAME="wrong", GREETING="from-shell", NULL="leaked", COMPOSE_PROFILES="x")
    await compose.create(f"{owner.sandbox.stack}-blue", file, told=owner.told.append)
    made, _ = owner.containers(Side.BLUE)["web-blue"]
    environment = docker("inspect", made, "--format", "{{json .Config.Env}}")
    assert "GREETING=none" in environment
    assert "leaked" not in environment


async def test_a_missing_image_fails_at_once_with_composes_words(owner):
    missing = "sha256:" + "0" * 64
    file = owner.rendering({"web-blue": service() | {"image": missing}})
    begun = time.monotonic()
    with pytest.raises(Failed, match="can't create") as caught:
        await owner.compose.create(f"{owner.sandbox.stack}-blue", file, told=owner.told.append)
    assert "No such image" in caught.value.detail
    assert time.monotonic() - begun < 20


async def test_plain_containers_are_created_alone(owner):
    await owner.compose.create_plain(["web"], told=owner.told.append)
    assert owner.states() == {"web": "created"}


async def test_plain_containers_that_run_are_left_and_others_made_anew(owner):
    await owner.compose.create_plain(["web", "db"], told=owner.told.append)
    before = owner.containers()
    docker("start", before["web"][0])
    owner.file.write_text(OWNERS.replace("hello", "changed").replace('LEVEL: "1"', 'LEVEL: "2"'))
    await owner.compose.create_plain(["web", "db"], told=owner.told.append)
    after = owner.containers()
    assert after["web"] == (before["web"][0], "running")
    assert after["db"][0] != before["db"][0]
    await owner.compose.create_plain(["web"], told=owner.told.append)


async def test_shared_services_start_alone_and_are_left_alone(owner):
    await owner.compose.up_shared(["web"], update=False, told=owner.told.append)
    first = owner.containers()
    assert {name: state for name, (_, state) in first.items()} == {"web": "running"}
    owner.file.write_text(OWNERS.replace("hello", "changed"))
    await owner.compose.up_shared(["web"], update=False, told=owner.told.append)
    assert owner.containers() == first
    docker("stop", first["web"][0])
    await owner.compose.up_shared(["web"], update=False, told=owner.told.append)
    assert owner.containers() == first
    await owner.compose.up_shared(["web"], update=True, told=owner.told.append)
    assert owner.containers()["web"][0] != first["web"][0]


async def test_the_owners_files_see_the_owners_environment(owner):
    await owner.using(GREETING="from-shell").up_shared(["web"], update=False, told=owner.told.append)
    assert "GREETING=from-shell" in docker("inspect", owner.containers()["web"][0], "--format", "{{json .Config.Env}}")


async def test_hashes_are_those_of_the_containers(owner, engine):
    await owner.compose.up_shared(["web", "db"], update=False, told=owner.told.append)
    hashes = await owner.compose.hashes(["web", "db"])
    assert hashes == {each.service: each.definition for each in await engine.containers(owner.sandbox.stack)}
    assert set(hashes) == {"web", "db"}
    assert (await owner.using(GREETING="other").hashes(["web", "db"]))["web"] != hashes["web"]
    assert await owner.compose.hashes([]) == {}


async def test_only_the_named_services_are_built(owner):
    image = f"{owner.sandbox.stack}-app"
    try:
        await owner.compose.build(["app"], told=owner.told.append)
        assert docker("images", "-q", image)
        assert any("made-here" in line for line in owner.told)
    finally:
        docker("rmi", "-f", image)


async def test_a_build_that_fails_shows_why(owner):
    (owner.folder / "Dockerfile").write_text(f"FROM {IMAGE}\nRUN echo the-reason >&2; exit 7\n")
    with pytest.raises(BuildFailed, match="build of app failed") as caught:
        await owner.compose.build(["app"], told=owner.told.append)
    assert "the-reason" in caught.value.detail
    assert any("the-reason" in line for line in owner.told)


async def test_a_cancelled_build_ends(owner):
    (owner.folder / "Dockerfile").write_text(f"FROM {IMAGE}\nRUN echo begun {owner.sandbox.stack}; sleep 61\n")
    task = asyncio.create_task(owner.compose.build(["app"], told=owner.told.append))
    await said(owner.told, "begun")
    task.cancel()
    begun = time.monotonic()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert time.monotonic() - begun < 12
    assert not running(owner.sandbox.stack)


async def said(told, word):
    for _ in range(600):
        if any(word in line for line in told):
            return
        await asyncio.sleep(0.05)
    pytest.fail(f"{word} was never said: {told}")


def running(word):
    """Command lines of processes here that hold *word* and run Compose (read without ``ps``: it is not everywhere)."""
    lines = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it has just ended
            lines.append(file.read_bytes().replace(b"\0", b" ").decode(errors="replace"))
    return [line for line in lines if word in line and "compose" in line]


async def test_a_pull_that_fails_says_so(owner):
    owner.file.write_text("services: {web: {image: localhost:1/no/such:v1}}")
    with pytest.raises(BuildFailed, match="web can't be pulled") as caught:
        await owner.compose.pull(["web"], told=owner.told.append)
    assert "localhost:1" in caught.value.detail


async def test_files_that_compose_refuses_are_shown(owner):
    owner.file.write_text("services: {web: {imago: x}}")
    with pytest.raises(Failed) as caught:
        await owner.compose.hashes(["web"])
    assert "imago" in caught.value.detail


def once(owner, script):
    file = owner.rendering(
        {"migrate": service("sh", "-c", script, depends_on={"db": {"condition": "service_started"}}), "db": service()}
    )
    name = f"{owner.sandbox.stack}-once-migrate-1"
    return owner.compose.run_once(
        f"{owner.sandbox.stack}-blue", file, "migrate", name=name, told=owner.told.append
    ), name


async def test_a_one_shot_runs_alone_to_its_end_and_is_removed(owner):
    running_once, name = once(owner, "echo out; echo err >&2; cat")
    assert await running_once == 0
    assert sorted(owner.told) == ["err", "out"]
    assert not docker("ps", "-aqf", f"name={name}")
    assert owner.states(Side.BLUE) == {}


async def test_a_one_shot_that_fails_is_kept_until_the_next_attempt(owner):
    failing, name = once(owner, "echo why; exit 4")
    assert await failing == 4
    assert docker("logs", name) == "why"
    again, _ = once(owner, "echo better")
    assert await again == 0
    assert owner.told == ["why", "better"]


async def test_a_one_shot_that_a_killed_run_left_is_waited_for_and_not_doubled(owner):
    left, _ = once(owner, "echo begun; sleep 3")
    first = asyncio.create_task(left)
    await said(owner.told, "begun")
    second, _ = once(owner, "echo never")
    assert await second == 0
    assert "never" not in owner.told
    assert any("still runs" in line for line in owner.told)
    first.cancel()
    with pytest.raises((asyncio.CancelledError, Failed)):
        await first


async def test_a_cancelled_one_shot_is_stopped(owner):
    running_once, name = once(owner, "trap 'echo stopped; exit 9' TERM; echo begun; while :; do sleep 0.1; done")
    task = asyncio.create_task(running_once)
    await said(owner.told, "begun")
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert docker("inspect", name, "--format", "{{.State.Status}} {{.State.ExitCode}}") == "exited 9"


async def test_a_one_shot_that_can_not_start_says_why(owner):
    file = owner.rendering({"migrate": service("no-such-command")})
    with pytest.raises(Failed, match="migrate can't be started") as caught:
        await owner.compose.run_once(
            f"{owner.sandbox.stack}-blue", file, "migrate", name=f"{owner.sandbox.stack}-x", told=owner.told.append
        )
    assert "no-such-command" in caught.value.detail


async def test_no_docker_no_compose_and_no_engine_are_told_apart(owner, tmp_path):
    with pytest.raises(Unavailable, match="no docker command"):
        await owner.using(PATH=str(tmp_path)).hashes(["web"])
    with pytest.raises(Unavailable, match="does not reach"):
        await owner.using(DOCKER_HOST=f"unix://{tmp_path}/none").up_shared(
            ["web"], update=False, told=owner.told.append
        )


def test_compose_dies_with_teal(owner):
    (owner.folder / "Dockerfile").write_text(f"FROM {IMAGE}\nRUN echo begun {owner.sandbox.stack}; sleep 62\n")
    code = (
        "import asyncio, os, sys\nfrom teal.adapters.compose import DockerCompose\n"
        "compose = DockerCompose(['-p', sys.argv[1]], cwd=sys.argv[2], environ=os.environ)\n"
        "asyncio.run(compose.build(['app'], told=lambda line: print(line, flush=True)))"
    )
    argv = [sys.executable, "-c", code, owner.sandbox.stack, str(owner.folder)]
    teal = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
    while "begun" not in teal.stdout.readline():
        pass
    assert running(f"-p {owner.sandbox.stack}")
    teal.kill()
    teal.wait()
    teal.stdout.close()
    for _ in range(100):
        if not running(f"-p {owner.sandbox.stack}"):
            return
        time.sleep(0.1)
    pytest.fail(f"still there: {running(owner.sandbox.stack)}")

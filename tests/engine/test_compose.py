"""The Compose port over the real Compose: the owner's files as the owner runs them, rendered ones alone."""

import asyncio
import subprocess
import sys
import time

import pytest

from teal.core.model.side import Side
from teal.errors import BuildFailed, Failed, Unavailable
from teal.ports import Due
from tests.engine.owner import OWNERS, said, service
from tests.engine.sandbox import IMAGE, docker, processes

pytestmark = [pytest.mark.engine, pytest.mark.anyio, pytest.mark.timeout(180)]


async def test_a_color_is_created_whole_and_not_started(owner):
    after = {"rag-blue": {"condition": "service_healthy"}}
    file = owner.rendering({"web-blue": service(depends_on=after), "rag-blue": service()})
    project = f"{owner.sandbox.stack}-blue"
    await owner.compose.create(project, file, on_line=owner.told.append)
    first = owner.containers(Side.BLUE)
    assert {name: state for name, (_, state) in first.items()} == {"web-blue": "created", "rag-blue": "created"}
    await owner.compose.create(project, file, on_line=owner.told.append)
    assert owner.containers(Side.BLUE) == first
    assert any("Created" in line for line in owner.told)


async def test_a_rendered_file_sees_nothing_of_the_owners_environment(owner):
    (owner.folder / ".env").write_text("COMPOSE_PROJECT_NAME=wrong\nGREETING=from-file\n")
    file = owner.rendering({"web-blue": service(environment={"GREETING": "${GREETING-none}", "NULL": None})})
    compose = owner.using(COMPOSE_PROJECT_NAME="wrong", GREETING="from-shell", NULL="leaked", COMPOSE_PROFILES="x")
    await compose.create(f"{owner.sandbox.stack}-blue", file, on_line=owner.told.append)
    made, _ = owner.containers(Side.BLUE)["web-blue"]
    environment = docker("inspect", made, "--format", "{{json .Config.Env}}")
    assert "GREETING=none" in environment
    assert "leaked" not in environment


async def test_networks_are_looked_at_where_a_dry_run_can_not_start_what_it_has_not_made(owner):
    shared = f"  side:\n    image: {IMAGE}\n    network_mode: service:db\n    configs: [note]\n"
    owner.file.write_text(OWNERS + shared + "configs:\n  note: {content: kept}\n")
    assert await owner.compose.due(("side",)) == Due()
    assert await owner.compose.due(("db", "side")) == Due()
    owner.file.write_text(owner.file.read_text() + "networks:\n  default: {driver: nowhere}\n  - \n")
    with pytest.raises(Failed, match="can't say what a start of db, side would change"):
        await owner.compose.due(("db", "side"))


async def test_a_missing_image_fails_at_once_with_composes_words(owner):
    missing = "sha256:" + "0" * 64
    file = owner.rendering({"web-blue": service() | {"image": missing}})
    begun = time.monotonic()
    with pytest.raises(Failed, match="can't create") as caught:
        await owner.compose.create(f"{owner.sandbox.stack}-blue", file, on_line=owner.told.append)
    assert "No such image" in caught.value.detail
    assert time.monotonic() - begun < 20


async def test_plain_containers_are_created_alone(owner):
    await owner.compose.create_plain(["web"], on_line=owner.told.append)
    assert owner.states() == {"web": "created"}


async def test_plain_containers_that_run_are_left_and_others_made_anew(owner):
    await owner.compose.create_plain(["web", "db"], on_line=owner.told.append)
    before = owner.containers()
    docker("start", before["web"][0])
    owner.file.write_text(OWNERS.replace("hello", "changed").replace('LEVEL: "1"', 'LEVEL: "2"'))
    await owner.compose.create_plain(["web", "db"], on_line=owner.told.append)
    after = owner.containers()
    assert after["web"] == (before["web"][0], "running")
    assert after["db"][0] != before["db"][0]
    await owner.compose.create_plain(["web"], on_line=owner.told.append)


async def test_shared_services_start_alone_and_are_left_alone(owner):
    await owner.compose.up_shared(["web"], update=False, on_line=owner.told.append)
    first = owner.containers()
    assert {name: state for name, (_, state) in first.items()} == {"web": "running"}
    owner.file.write_text(OWNERS.replace("hello", "changed"))
    await owner.compose.up_shared(["web"], update=False, on_line=owner.told.append)
    assert owner.containers() == first
    docker("stop", first["web"][0])
    await owner.compose.up_shared(["web"], update=False, on_line=owner.told.append)
    assert owner.containers() == first
    await owner.compose.up_shared(["web"], update=True, on_line=owner.told.append)
    assert owner.containers()["web"][0] != first["web"][0]


async def test_the_owners_files_see_the_owners_environment(owner):
    await owner.using(GREETING="from-shell").up_shared(["web"], update=False, on_line=owner.told.append)
    assert "GREETING=from-shell" in docker("inspect", owner.containers()["web"][0], "--format", "{{json .Config.Env}}")


# Each is hashed otherwise by `config --hash` than by `up` (docker/compose#14001, references to containers).
HASHED_OTHERWISE = f"""
services:
  files: {{image: {IMAGE}, command: [sleep, "600"], init: true, env_file: [an.env], label_file: [labels]}}
  owner: {{image: {IMAGE}, command: [sleep, "600"], init: true, volumes: ["data:/data"]}}
  guest: {{image: {IMAGE}, command: [sleep, "600"], init: true, network_mode: "service:owner", volumes_from: [owner]}}
volumes:
  data: {{labels: {{made: "${{MADE:-here}}"}}}}
"""


async def test_what_is_due_is_what_compose_itself_would_do(owner):
    (owner.folder / "an.env").write_text("LEVEL=1\n")
    (owner.folder / "labels").write_text("level=1\n")
    owner.file.write_text(HASHED_OTHERWISE)
    every = ["files", "guest", "owner"]
    await owner.compose.up_shared(every, update=False, on_line=owner.told.append)
    before = owner.containers()
    assert await owner.compose.due(every) == Due()
    for file in ("an.env", "labels"):
        (owner.folder / file).write_text("LEVEL=2\n")
        assert await owner.compose.due(every) == Due(frozenset({f"{owner.sandbox.stack}-files-1"}))
        (owner.folder / file).write_text("LEVEL=1\n" if file == "an.env" else "level=1\n")
    assert await owner.using(MADE="there").due(every) == Due(volumes=(f"{owner.sandbox.stack}_data",))
    assert owner.containers() == before


async def test_only_the_named_services_are_built(owner):
    image = f"{owner.sandbox.stack}-app"
    try:
        await owner.compose.build(["app"], on_line=owner.told.append)
        assert docker("images", "-q", image)
        assert any("made-here" in line for line in owner.told)
    finally:
        docker("rmi", "-f", image)


async def test_a_build_that_fails_shows_why(owner):
    (owner.folder / "Dockerfile").write_text(f"FROM {IMAGE}\nRUN echo the-reason >&2; exit 7\n")
    with pytest.raises(BuildFailed, match="build of app failed") as caught:
        await owner.compose.build(["app"], on_line=owner.told.append)
    assert "the-reason" in caught.value.detail
    assert any("the-reason" in line for line in owner.told)


async def test_a_cancelled_build_ends(owner):
    (owner.folder / "Dockerfile").write_text(f"FROM {IMAGE}\nRUN echo begun {owner.sandbox.stack}; sleep 61\n")
    task = asyncio.create_task(owner.compose.build(["app"], on_line=owner.told.append))
    await said(owner.told, "begun")
    task.cancel()
    begun = time.monotonic()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert time.monotonic() - begun < 12
    assert not running(owner.sandbox.stack)


def running(word):
    """Return the command lines of Compose that hold *word*."""
    return [line for line in processes(word) if "compose" in line]


async def test_a_pull_that_fails_says_so(owner):
    owner.file.write_text("services: {web: {image: localhost:1/no/such:v1}}")
    with pytest.raises(BuildFailed, match="web can't be pulled") as caught:
        await owner.compose.pull(["web"], on_line=owner.told.append)
    assert "localhost:1" in caught.value.detail


async def test_files_that_compose_refuses_are_shown(owner):
    owner.file.write_text("services: {web: {imago: x}}")
    with pytest.raises(Failed) as caught:
        await owner.compose.due(["web"])
    assert "imago" in caught.value.detail


async def test_no_docker_no_compose_and_no_engine_are_told_apart(owner, tmp_path):
    with pytest.raises(Unavailable, match="no docker command"):
        await owner.using(PATH=str(tmp_path)).due(["web"])
    with pytest.raises(Unavailable, match="does not reach"):
        await owner.using(DOCKER_HOST=f"unix://{tmp_path}/none").up_shared(
            ["web"], update=False, on_line=owner.told.append
        )


def test_compose_dies_with_teal(owner):
    (owner.folder / "Dockerfile").write_text(f"FROM {IMAGE}\nRUN echo begun {owner.sandbox.stack}; sleep 62\n")
    code = (
        "import asyncio, os, sys\nfrom teal.adapters.compose.cli import DockerCompose\n"
        "compose = DockerCompose(['-p', sys.argv[1]], cwd=sys.argv[2], environ=os.environ)\n"
        "asyncio.run(compose.build(['app'], on_line=lambda line: print(line, flush=True)))"
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

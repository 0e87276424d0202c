"""One-shots over the real Compose: run once, whatever becomes of Teal meanwhile."""

import asyncio
import subprocess
import sys

import pytest

from teal.core.model.side import Side
from teal.errors import Failed
from tests.engine.owner import said, service
from tests.engine.sandbox import docker

pytestmark = [pytest.mark.engine, pytest.mark.anyio, pytest.mark.timeout(180)]


def name_of(owner):
    return f"{owner.sandbox.stack}-once-migrate-1"


def definition(owner, script):
    after = {"db": {"condition": "service_started"}}
    folder = [{"type": "bind", "source": str(owner.folder), "target": "/owner", "read_only": True}]
    migrate = service("sh", "-c", script, depends_on=after, volumes=folder)
    return owner.rendering({"migrate": migrate, "db": service()})


def once(owner, script):
    """Return the run of a one-shot, not begun, and the name of its container."""
    project, name = f"{owner.sandbox.stack}-blue", name_of(owner)
    file = definition(owner, script)
    return owner.compose.run_once(project, file, "migrate", name=name, on_line=owner.told.append), name


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


KILLED = """
import asyncio, os, sys
from teal.adapters.compose.cli import DockerCompose
project, file, name = sys.argv[1:]
compose = DockerCompose([], cwd="/", environ=os.environ)
on_line = lambda line: print(line, flush=True)
asyncio.run(compose.run_once(project, file, "migrate", name=name, on_line=on_line))
"""


def kill_during(owner, script):
    """Let another Teal run the one-shot and kill it once the one-shot says "begun"."""
    file = definition(owner, script)
    argv = [sys.executable, "-c", KILLED, f"{owner.sandbox.stack}-blue", file, name_of(owner)]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as teal:
        while teal.stdout.readline() != "begun\n":
            assert teal.poll() is None
        teal.kill()


async def test_a_one_shot_that_a_killed_run_left_is_waited_for_and_not_doubled(owner):
    script = "echo begun; sleep 3; echo ended"
    kill_during(owner, script)
    again, _ = once(owner, script)
    assert await again == 0
    assert owner.told[0].endswith("waiting until it ends")
    assert owner.told[1:] == ["begun", "ended"]


async def test_a_one_shot_that_succeeded_after_a_kill_is_not_repeated(owner):
    script = "echo begun; sleep 1; cut -d. -f1 /proc/uptime"
    kill_during(owner, script)
    docker("wait", name_of(owner))
    first = docker("logs", name_of(owner)).splitlines()
    again, _ = once(owner, script)
    assert await again == 0
    assert owner.told == first


async def test_a_one_shot_that_failed_after_a_kill_is_repeated(owner):
    script = "echo begun; sleep 1; test -e /owner/mended"
    kill_during(owner, script)
    assert docker("wait", name_of(owner)) == "1"
    (owner.folder / "mended").touch()
    again, _ = once(owner, script)
    assert await again == 0


async def test_a_one_shot_of_another_definition_is_let_finish_and_does_not_count(owner):
    kill_during(owner, "echo begun; sleep 2")
    again, _ = once(owner, "echo other")
    assert await again == 0
    assert owner.told[1:] == ["other"]
    kill_during(owner, "echo begun; sleep 1")
    docker("wait", name_of(owner))
    again, _ = once(owner, "echo another")
    assert await again == 0
    assert owner.told[2:] == ["another"]


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
            f"{owner.sandbox.stack}-blue", file, "migrate", name=f"{owner.sandbox.stack}-x", on_line=owner.told.append
        )
    assert "no-such-command" in caught.value.detail

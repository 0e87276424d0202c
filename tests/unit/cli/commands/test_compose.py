"""The everyday words of Compose reach the active color's own rendering, by the names in the owner's files."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace

import pytest

from teal.cli.commands.compose_args import ComposePlace, ComposeWords, split, take_apart
from teal.cli.main import run
from teal.core.model.observed import Container
from teal.core.model.side import Side
from teal.core.model.traffic import Traffic, to
from teal.run.api import ServiceResult
from tests.unit.cli.library import Became, FakeLibrary, session


def container(service: str, side: Side, release: int | None) -> Container:
    return Container(
        service + side, f"tale-{service}-{side}", service, side, release, "sha256:1", "running", "none", 1.0
    )


@dataclass
class World:
    """A stack with release 7 on blue, 8 on green, and what the everyday words need of its ports."""

    folder: Path
    traffic: Traffic | None = field(default_factory=lambda: to(Side.BLUE))
    containers: tuple[Container, ...] = (
        container("web", Side.BLUE, 7),
        container("worker", Side.BLUE, 7),
        container("web", Side.GREEN, 8),
        container("db", Side.PLAIN, None),
    )

    def __post_init__(self) -> None:
        for number, side in ((7, Side.BLUE), (8, Side.GREEN)):
            keys = {f"web-{side}": {}, f"worker-{side}": {}}
            (self.folder / f"{number}-{side}.json").write_text(json.dumps({"services": keys}))
        (self.folder / "7-once.json").write_text(json.dumps({"services": {"migrate": {}}}))

    def rendering(self, number: int, side: Side) -> str:
        return str(self.folder / f"{number}-{side}.json")

    def once(self, number: int) -> str:
        return str(self.folder / f"{number}-once.json")

    @property
    def ports(self) -> SimpleNamespace:
        async def containers(stack: str) -> tuple[Container, ...]:
            assert stack == "tale"
            return self.containers

        return SimpleNamespace(
            engine=SimpleNamespace(containers=containers),
            proxy=SimpleNamespace(read=lambda: self.traffic),
            releases=SimpleNamespace(rendering=self.rendering, once=self.once),
        )

    def type(self, *words: str) -> list[str]:
        """Return the command line that *words* become."""
        mine = session(ports=self.ports)
        assert run(list(words), mine) == 0
        assert isinstance(mine.become, Became)
        ((argv, _),) = mine.become
        return argv

    def blue(self, *words: str) -> list[str]:
        """Return *words* as Compose is told them for blue."""
        return ["docker", "compose", "-p", "tale-blue", "-f", self.rendering(7, Side.BLUE), *_NO_ENV, *words]


_NO_ENV = ("--env-file", "/dev/null")


@pytest.fixture
def world(tmp_path: Path) -> World:
    return World(tmp_path)


def test_exec_reaches_the_active_color_and_leaves_the_inner_command_alone(world):
    typed = ("exec", "-it", "-u", "web", "--env", "A=worker", "web", "python", "manage.py", "web", "--help")
    told = ("exec", "-it", "-u", "web", "--env", "A=worker", "web-blue", "python", "manage.py", "web", "--help")
    assert world.type(*typed) == world.blue(*told)


def test_a_named_color_is_reached_instead(world):
    argv = world.type("exec", "--color", "green", "web", "sh")
    assert argv[2:] == ["-p", "tale-green", "-f", world.rendering(8, Side.GREEN), *_NO_ENV, "exec", "web-green", "sh"]


def test_a_suffixed_name_is_understood_too(world):
    assert world.type("exec", "web-blue", "sh") == world.blue("exec", "web-blue", "sh")


def test_a_shared_service_is_reached_through_the_owners_own_files(world):
    argv = world.type("-f", "c.yml", "--profile", "x", "exec", "db", "psql")
    assert argv == ["docker", "compose", "-p", "tale", "--file", "c.yml", "--profile", "x", "exec", "db", "psql"]


def test_run_takes_a_one_shot_from_the_active_release(world):
    argv = world.type("run", "--rm", "-e", "A=1", "migrate", "--check")
    assert argv[2:6] == ["-p", "tale-once", "-f", world.once(7)]
    assert argv[8:] == ["run", "--rm", "-e", "A=1", "migrate", "--check"]


def test_without_a_color_the_words_mean_the_plain_stack(world):
    world.traffic = to(Side.PLAIN)
    assert world.type("exec", "web", "sh") == ["docker", "compose", "-p", "tale", "exec", "web", "sh"]
    world.traffic = None
    assert world.type("logs", "web") == ["docker", "compose", "-p", "tale", "logs", "web"]


def test_a_state_file_that_names_an_empty_color_means_the_plain_stack(world):
    world.containers = (container("db", Side.PLAIN, None),)
    assert world.type("ps")[3] == "tale"


def test_a_color_on_which_nothing_stands_is_refused(world, capsys):
    world.containers = (container("web", Side.BLUE, 7),)
    assert run(["exec", "--color", "green", "web", "sh"], session(ports=world.ports)) == 1
    assert "green has no containers" in capsys.readouterr().err


def test_a_rendering_that_cant_be_read_is_refused(world, capsys):
    Path(world.rendering(7, Side.BLUE)).write_text("{")
    assert run(["exec", "web", "sh"], session(ports=world.ports)) == 1
    assert "can't be read" in capsys.readouterr().err


def test_compose_runs_anything(world):
    assert world.type("compose", "top", "web", "worker") == world.blue("top", "web-blue", "worker-blue")
    assert world.type("compose", "cp", "web:/app/x", ".") == world.blue("cp", "web-blue:/app/x", ".")
    assert world.type("compose", "--progress", "plain", "ps", "--format", "json") == world.blue(
        "--progress", "plain", "ps", "--format", "json"
    )
    assert world.type("compose", "exec", "web", "echo", "worker") == world.blue("exec", "web-blue", "echo", "worker")


def test_logs_translate_their_options(world):
    typed = ("logs", "web", "--follow", "--tail", "5", "--since", "10m")
    assert world.type(*typed) == world.blue("logs", "--follow", "--tail", "5", "--since", "10m", "web-blue")


def test_nothing_of_the_shell_changes_what_a_rendering_means(world, monkeypatch):
    monkeypatch.setenv("COMPOSE_PROJECT_NAME", "other")
    monkeypatch.setenv("DOCKER_HOST", "unix:///x")
    mine = session(ports=world.ports)
    run(["exec", "web", "sh"], mine)
    environment = mine.become[0][1]
    assert "COMPOSE_PROJECT_NAME" not in environment
    assert environment["DOCKER_HOST"] == "unix:///x"
    run(["exec", "db", "sh"], mine)
    assert mine.become[1][1] == dict(os.environ)


def test_services_of_two_places_are_told_apart():
    blue = ComposePlace("tale-blue", {"web": "web-blue"}, file="f")
    plain = ComposePlace("tale", {"web": "web", "db": "db"})
    told = split(ComposeWords(("restart",), ("web", "db", "unknown")), (blue, plain))
    assert told == [
        (blue, ComposeWords(("restart",), ("web", "unknown"))),
        (plain, ComposeWords(("restart",), ("db",))),
    ]


@pytest.mark.parametrize(
    ("typed", "taken"),
    [
        ((), ComposeWords(())),
        (("ps",), ComposeWords(("ps",))),
        (("--dry-run",), ComposeWords(("--dry-run",))),
        (("exec", "-T"), ComposeWords(("exec", "-T"))),
        (("stop", "-t", "5", "web"), ComposeWords(("stop", "-t", "5"), ("web",))),
        (("stop", "web", "--timeout=5"), ComposeWords(("stop", "--timeout=5"), ("web",))),
        (("run", "web"), ComposeWords(("run",), ("web",))),
    ],
)
def test_words_are_taken_apart(typed, taken):
    assert take_apart(typed) == taken


# --- restart and stop


def test_restart_goes_through_the_library_on_the_active_color(world, capsys):
    library = FakeLibrary(restart=ServiceResult("tale", "restart", Side.BLUE, ("web",)))
    assert run(["restart", "web"], session(library, world.ports)) == 0
    ((word, args, kwargs),) = library.calls
    assert (word, args[:2], kwargs) == ("restart", (Side.BLUE, ("web",)), {"cut": False})
    assert capsys.readouterr().out == "tale: restarted on blue: web\n"


def test_stop_of_everything_on_a_named_color(world, capsys):
    library = FakeLibrary(stop=ServiceResult("tale", "stop", Side.GREEN, ("web",)))
    assert run(["stop", "--color", "green", "--yes", "--json"], session(library, world.ports)) == 0
    ((word, args, kwargs),) = library.calls
    assert (word, args[:2], kwargs) == ("stop", (Side.GREEN, ()), {"cut": True})
    assert json.loads(capsys.readouterr().out)["services"] == ["web"]


def test_the_plain_stack_is_restarted_by_compose_itself(world):
    world.traffic = to(Side.PLAIN)
    assert world.type("restart", "web") == ["docker", "compose", "-p", "tale", "restart", "web"]

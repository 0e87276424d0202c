"""What is read beside Compose's own model: which files, the settings, the proxy's configuration."""

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from teal.adapters.compose.model import DockerModels
from teal.config.caddyfile import find_proxy, named_by_proxy
from teal.config.files import overlay, owner_files, places
from teal.config.load import load
from teal.config.options import Options, Overrides
from teal.config.settings import settings_of
from teal.config.teal_yml import Retention, TealYml, Timeouts
from teal.core.model.proxy_config import Adapted, Dial
from teal.core.model.side import Side
from teal.core.model.stack import Tree
from teal.errors import ConfigError
from teal.ports import Question, Resolved


@pytest.mark.parametrize(
    ("option", "environment", "key", "expected"),
    [
        ("", None, None, 180.0),
        ("", None, "5m", 300.0),
        ("", "200s", "5m", 200.0),
        ("1m", "200s", "5m", 60.0),
        ("", "", "5m", 300.0),
        ("0", "200", None, 0.0),
    ],
)
def test_an_option_beats_the_environment_beats_teal_yml_beats_the_default(
    option: str, environment: str | None, key: str | None, expected: float
) -> None:
    known = {} if environment is None else {"HEALTH_CHECK_TIMEOUT": environment}
    said = TealYml(timeouts=Timeouts(health=key), retention=Retention(5))
    settings = settings_of(Overrides(health_timeout=option), known, said)
    assert (settings.health_timeout, settings.keep_releases) == (expected, 5)


def test_each_variable_has_its_setting() -> None:
    known = {"HEALTH_CHECK_TIMEOUT": "1", "HEALTH_CHECK_INTERVAL": "2", "DRAIN_TIMEOUT": "3"}
    settings = settings_of(Overrides(), known, TealYml(timeouts=Timeouts(websocket_drain="4s")))
    times = (settings.health_timeout, settings.health_interval, settings.drain_timeout, settings.websocket_drain)
    assert times == (1, 2, 3, 4)


def test_a_duration_that_is_none_names_where_it_was_written() -> None:
    with pytest.raises(ConfigError, match="HEALTH_CHECK_TIMEOUT: '180 s' has a space in it") as refused:
        settings_of(Overrides(), {"HEALTH_CHECK_TIMEOUT": "180 s"}, TealYml())
    assert refused.value.hint == "for example `HEALTH_CHECK_TIMEOUT=300s`"


def test_where_a_kept_release_says_enough_what_reads_the_files_is_not_loaded() -> None:
    script = "import sys, teal.cli.wiring; assert 'teal.config.load' not in sys.modules"
    subprocess.run([sys.executable, "-c", script], check=True)


def touch(folder: Path, *names: str) -> None:
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / name).write_text("services: {}\n", encoding="utf-8")


@pytest.mark.parametrize(
    ("there", "found"),
    [
        (("compose.yml", "docker-compose.yml"), ("compose.yml",)),
        (("compose.yaml", "compose.yml"), ("compose.yaml",)),
        (("docker-compose.yml", "docker-compose.override.yml"), ("docker-compose.yml", "docker-compose.override.yml")),
        (("compose.yml", "compose.override.yaml", "compose.blue.yml"), ("compose.yml", "compose.override.yaml")),
    ],
)
def test_the_files_are_those_that_compose_would_choose(
    tmp_path: Path, there: tuple[str, ...], found: tuple[str, ...]
) -> None:
    touch(tmp_path, *there)
    below = tmp_path / "scripts"
    below.mkdir()
    for where in (tmp_path, below):
        assert tuple(path.name for path in owner_files(Options(where=str(where)), {}, DockerModels())) == found


def test_named_files_beat_the_environments_which_beat_the_usual_ones(tmp_path: Path) -> None:
    touch(tmp_path, "compose.yml", "a.yml", "b.yml", "c.yml")
    (tmp_path / ".env").write_text("COMPOSE_FILE=c.yml\n", encoding="utf-8")
    here = Options(where=str(tmp_path))
    assert [p.name for p in owner_files(here, {}, DockerModels())] == ["c.yml"]
    assert [p.name for p in owner_files(here, {"COMPOSE_FILE": "a.yml:b.yml"}, DockerModels())] == ["a.yml", "b.yml"]
    named = Options(where=str(tmp_path), files=("b.yml",))
    assert [p.name for p in owner_files(named, {"COMPOSE_FILE": "a.yml"}, DockerModels())] == ["b.yml"]


def test_no_file_at_all_is_said_with_where_it_was_looked_for(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no Compose file in"):
        owner_files(Options(where=str(tmp_path)), {}, DockerModels())


@pytest.mark.parametrize(
    ("main", "beside", "found"),
    [
        ("compose.yml", "compose.blue.yml", True),
        ("docker-compose.yml", "docker-compose.blue.yaml", True),
        ("docker-compose.yml", "compose.blue.yml", True),
        ("stack.yml", "stack.blue.yml", True),
        ("compose.yml", "compose.green.yml", False),
    ],
)
def test_an_overlay_lies_beside_the_stacks_first_file(tmp_path: Path, main: str, beside: str, found: bool) -> None:
    touch(tmp_path, main, beside)
    assert (overlay((tmp_path / main,), "blue") == tmp_path / beside) is found


CADDYFILE = """
import teal.caddy
:80 {
	handle /api/* {
		import teal api 8000 {
			header_up X-Real-IP {remote_host}
		}
	}
	# import teal commented 1
	reverse_proxy /live/* live:9000 other:9001
	reverse_proxy {
		to h2c://grpc:50051
	}
	reverse_proxy grafana.example.org:443 localhost:3000
	import teal web 3000
}
"""


def caddy(*mounts: tuple[Path, str], **more: object) -> Tree:
    volumes = [{"type": "bind", "source": str(source), "target": target} for source, target in mounts]
    services: Tree = {name: {"image": "app"} for name in ("api", "web", "live", "other", "grpc", "commented")}
    return {"services": {**services, "front": {"image": "caddy:2", "volumes": volumes, **more}}}


@pytest.mark.parametrize("whole", [True, False])
def test_routes_are_found_in_the_proxys_mounted_configuration(tmp_path: Path, whole: bool) -> None:
    file = tmp_path / "Caddyfile"
    file.write_text(CADDYFILE, encoding="utf-8")
    model = caddy((tmp_path, "/etc/caddy")) if whole else caddy((file, "/etc/caddy/Caddyfile"))
    named = named_by_proxy(dict.fromkeys(Side, model), "front")
    assert (named.routes, named.bare) == (
        {"api": 8000, "web": 3000},
        {"live": 9000, "other": 9001, "grpc": 50051},
    )
    assert Dial("live:9000", place="Caddyfile:10") in named.dials


def test_what_caddy_itself_says_goes_before_the_text_and_is_placed_in_it(tmp_path: Path) -> None:
    """The one dial is spelt in the text, the other is put together by Caddy; an import may name no service."""
    (tmp_path / "Caddyfile").write_text(CADDYFILE, encoding="utf-8")
    model = caddy((tmp_path, "/etc/caddy"))
    said = Adapted(
        (("web", 3000), ("wbe", 3001)), (Dial("live:9000"), Dial("http://shop-api-1:8000/x", "forward_auth"))
    )
    named = named_by_proxy({side: {**model, "name": "shop"} for side in Side}, "front", said)
    assert (named.routes, named.bare, named.strange) == (
        {"web": 3000},
        {"live": 9000, "api": 8000},
        (("wbe", 3001),),
    )
    assert [dial.place for dial in named.dials] == ["Caddyfile:10", ""]


@pytest.mark.parametrize("said", [Adapted(unseen="no image"), Adapted(broken="line 3")])
def test_the_text_is_read_where_caddy_says_nothing(tmp_path: Path, said: Adapted) -> None:
    (tmp_path / "Caddyfile").write_text(CADDYFILE, encoding="utf-8")
    models = dict.fromkeys(Side, caddy((tmp_path, "/etc/caddy")))
    assert named_by_proxy(models, "front", said).routes == {"api": 8000, "web": 3000}


def test_routes_are_found_in_a_folder_of_sites_and_in_a_config(tmp_path: Path) -> None:
    (tmp_path / "sites").mkdir()
    (tmp_path / "sites" / "web.caddy").write_text("import teal web 3000\n", encoding="utf-8")
    model = caddy((tmp_path, "/etc/caddy"), configs=[{"source": "main"}])
    model["configs"] = {"main": {"content": "import teal api 8000\n# $$ {$$HOST}"}}
    assert named_by_proxy(dict.fromkeys(Side, model), "front").routes == {"web": 3000, "api": 8000}


@pytest.mark.parametrize(
    ("images", "proxy"),
    [
        ({"a": "caddy:2.11"}, "a"),
        ({"a": "docker.io/library/caddy@sha256:0"}, "a"),
        ({"a": "lucaslorentz/caddy-docker-proxy"}, ""),
        ({"a": "caddy", "b": "caddy:2"}, ""),
        ({"a": "nginx"}, ""),
    ],
)
def test_the_proxy_is_the_one_caddy_by_the_whole_name_of_its_image(images: dict[str, str], proxy: str) -> None:
    assert find_proxy({"services": {name: {"image": image} for name, image in images.items()}}) == proxy


def test_a_service_is_placed_at_its_line_in_the_first_file_that_has_it(tmp_path: Path) -> None:
    lines = ["x-web:", "  web: 1", "services:", "  proxy:", "    image: caddy", "", "    environment:", "      web: no"]
    text = "\n".join([*lines, "  # web:", "  'web': {image: app}", "volumes:", "  data:", ""])
    (tmp_path / "compose.yml").write_text(text, encoding="utf-8")
    (tmp_path / "compose.blue.yml").write_text("services:\n  web:\n  more: {}\n", encoding="utf-8")
    files = [tmp_path / name for name in ("compose.yml", "compose.blue.yml", "absent.yml")]
    assert places(files) == {"proxy": "compose.yml:4", "web": "compose.yml:10", "more": "compose.blue.yml:3"}


class Told:
    """A reader of models that runs no program: it says what it was told, and keeps what it was asked."""

    def __init__(self, **models: dict[str, object]) -> None:
        self.models, self.asked = models, list[Question]()

    async def read(self, question: Question) -> Resolved:
        self.asked.append(question)
        last = question.environment.get("COMPOSE_FILE", "").rpartition("\n")[2]
        color = next((color for color in ("blue", "green") if f".{color}." in last), "plain")
        return Resolved(self.models[color], frozenset({"X"}), ("a remark",))

    def read_at_once(self, question: Question) -> Resolved:
        raise AssertionError(question)


def test_what_the_files_mean_is_asked_of_the_reader_alone(tmp_path: Path) -> None:
    for name in ("compose.yml", "compose.blue.yml"):
        (tmp_path / name).write_text("services:\n  web: {}\n")
    web = {"image": "web:1"}
    plain: dict[str, object] = {"name": "tale", "services": {"web": web}}
    blue: dict[str, object] = {"name": "tale", "services": {"web": {**web, "hostname": "blue"}}}
    reader = Told(plain=plain, blue=blue)
    stack = asyncio.run(load(Options(where=str(tmp_path), profiles=("night",)), {"PATH": ""}, reader))
    assert (stack.project, stack.unset, stack.notes) == ("tale", {"X"}, ("a remark",))
    assert (stack.models[Side.BLUE], stack.models[Side.GREEN]) == (blue, plain)
    assert {(each.options, each.cwd) for each in reader.asked} == {(("--profile", "night"), str(tmp_path))}


def test_a_name_that_reads_like_an_option_is_refused(tmp_path: Path) -> None:
    (tmp_path / "compose.yml").write_text("services: {}\n")
    odd = Told(plain={"name": "tale", "services": {"-web": {"image": "web:1"}}})
    with pytest.raises(ConfigError, match="a name that reads like an option or a path"):
        asyncio.run(load(Options(where=str(tmp_path)), {}, odd))


def test_a_folder_that_is_gone_is_said_to_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    with pytest.raises(ConfigError, match="the folder in which this was typed is gone") as refused:
        _ = Options().cwd
    assert refused.value.hint
    assert Options(where="/srv").cwd == Path("/srv")

"""Stacks of this project as Teal reads them, by Compose's own resolution."""

import asyncio
import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from teal.adapters.compose.model import DockerModels
from teal.config.load import load
from teal.config.options import Options
from teal.core.checks.stack import problems
from teal.core.model.compose import mapping, services_in
from teal.core.model.own_proxy import OWN
from teal.core.model.release import RenderInputs
from teal.core.model.side import COLORS, Side
from teal.core.model.stack import HttpProbe, Role, Stack
from teal.core.rendering.project import render_both, render_once
from teal.errors import ConfigError

pytestmark = pytest.mark.engine
ROOT = Path(__file__).parents[2]
TALE = ROOT / "examples" / "tale"
SHOP = ROOT / "tests" / "stacks" / "shop"


def read(folder: Path, **known: str) -> Stack:
    plain = {name: value for name, value in os.environ.items() if not name.startswith("COMPOSE_")}
    return asyncio.run(load(Options(where=str(folder)), {**plain, **known}, DockerModels()))


def roles(stack: Stack) -> dict[str, Role]:
    return {each.name: each.role for each in stack.services}


def making(stack: Stack, folder: Path) -> RenderInputs:
    return RenderInputs(3, {each.name: "sha256:" + "0" * 64 for each in stack.services}, str(folder))


def test_the_example_needs_no_teal_yml():
    stack = read(TALE)
    assert roles(stack) == {
        "platform": Role.ROUTE,
        **dict.fromkeys(("rag", "crawler", "search", "graph-db"), Role.WORKER),
        **dict.fromkeys(("db", "proxy"), Role.SHARED),
    }
    assert {each.name for each in stack.services if each.before_switch} == {
        "platform",
        "rag",
        "crawler",
        "search",
        "graph-db",
    }
    assert stack.proxy == "proxy"
    assert (stack.service("platform").port, stack.service("platform").grace) == (3000, 45)
    assert stack.service("rag").health.probe == HttpProbe(3001, "/health")
    assert problems(stack) == ()


def test_the_shop_is_read_without_overlays_and_its_roles_are_proposed():
    stack = read(SHOP)
    assert roles(stack) == {
        **dict.fromkeys(("web", "api"), Role.ROUTE),
        "worker": Role.WORKER,
        "scheduler": Role.SINGLETON,
        "migrate": Role.ONE_SHOT,
        **dict.fromkeys(("db", "redis", "proxy", OWN), Role.SHARED),
    }
    assert {each.name for each in stack.services if each.before_switch} == {"web", "api"}
    assert stack.copies == {str(SHOP / "settings.toml")}


@pytest.mark.parametrize("folder", [TALE, SHOP], ids=["tale", "shop"])
def test_a_rendering_means_to_compose_what_the_owner_wrote(folder: Path, tmp_path: Path):
    """Environment, command and names of every service come back from Compose as they were before."""
    stack = read(folder)
    made = making(stack, tmp_path)
    renderings = {**render_both(stack, made), "once": render_once(stack, Side.BLUE, made)}
    for side, rendered in renderings.items():
        file = tmp_path / f"{side}.json"
        file.write_text(rendered.text, encoding="utf-8")
        command = ["docker", "compose", "-p", rendered.project, "--env-file", "/dev/null", "-f", str(file), "config"]
        done = subprocess.run([*command, "--format", "json"], check=True, capture_output=True, env=CLEAN)
        back = services_in(json.loads(done.stdout))
        for key, service in mapping(rendered.tree["services"]).items():
            for part in ("environment", "command", "entrypoint", "networks", "labels"):
                assert (back[key].get(part) or None) == (mapping(service).get(part) or None), (key, part)


CLEAN = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}


def test_the_same_files_have_the_same_fingerprint_and_a_changed_one_another(tmp_path: Path):
    folder = tmp_path / "shop"
    shutil.copytree(SHOP, folder)
    first = read(folder).fingerprint
    assert read(folder).fingerprint == first
    settings = folder / "settings.toml"
    settings.write_text(settings.read_text(encoding="utf-8") + "# changed\n", encoding="utf-8")
    second = read(folder).fingerprint
    third = read(folder, BOOT_SECONDS="3").fingerprint
    assert len({first, second, third}) == 3


def test_another_command_of_a_one_shot_alone_makes_a_new_release(tmp_path: Path):
    file = "name: s\nservices:\n  web: {image: app, expose: [3000]}\n  migrate: {image: app, command: [migrate, %s]}\n"
    write(tmp_path, compose__yml=file % "up")
    first = read(tmp_path).fingerprint
    write(tmp_path, compose__yml=file % "head")
    assert read(tmp_path).fingerprint != first


def test_a_change_of_a_shared_service_alone_makes_no_new_release(tmp_path: Path):
    folder = tmp_path / "shop"
    shutil.copytree(SHOP, folder)
    first = read(folder).fingerprint
    file = folder / "compose.yml"
    text = file.read_text(encoding="utf-8")
    assert "shm_size: 128mb" in text
    file.write_text(text.replace("shm_size: 128mb", "shm_size: 256mb"), encoding="utf-8")
    assert read(folder).fingerprint == first


def write(folder: Path, **files: str) -> None:
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text, encoding="utf-8")


def test_overlays_are_merged_with_the_override_that_compose_would_read(tmp_path: Path):
    write(
        tmp_path,
        compose__yml="name: s\nservices:\n  web: {image: app}\n  db: {image: postgres}\n",
        compose__override__yml="services: {web: {environment: {FROM: override}}}\n",
        compose__blue__yml="services: {web: {container_name: s-web-blue, environment: !override {COLOR: blue}}}\n",
        compose__green__yml="services: {web: {container_name: s-web-green}}\n",
    )
    stack = read(tmp_path)
    seen = {side: services_in(stack.models[side])["web"] for side in Side}
    assert seen[Side.PLAIN]["environment"] == {"FROM": "override"}
    assert seen[Side.BLUE]["environment"] == {"COLOR": "blue"}
    assert seen[Side.GREEN]["environment"] == {"FROM": "override"}
    assert stack.evidence.in_overlays == {"web"}
    assert stack.places == {"web": "compose.yml:3", "db": "compose.yml:4"}


def test_only_the_plain_model_is_read_where_that_is_enough():
    quick, whole = asyncio.run(load(Options(where=str(TALE)), os.environ, DockerModels(), only_plain=True)), read(TALE)
    assert roles(quick) == roles(whole)
    assert quick.models[Side.BLUE] is quick.models[Side.PLAIN]
    assert quick.fingerprint == ""


def test_overlays_in_one_line_and_services_of_other_profiles_are_seen(tmp_path: Path):
    write(
        tmp_path,
        compose__yml="name: s\nservices:\n  web: {image: app}\n  tool: {image: app, profiles: [by-hand]}\n",
        compose__blue__yml="services: {web: {container_name: s-blue}}\n",
    )
    stack = read(tmp_path)
    assert stack.evidence.in_overlays == {"web"}
    assert stack.left_out == ("tool",)


def test_an_unset_variable_is_remembered_and_warned_of(tmp_path: Path):
    write(tmp_path, compose__yml="name: s\nservices: {web: {image: app, environment: {A: $GONE, B: '${ELSE:-x}'}}}\n")
    stack = read(tmp_path)
    assert stack.unset == {"GONE"}
    assert "GONE" in stack.variables
    assert "GONE is not set, and the files give it no default: it is empty" in [p.message for p in problems(stack)]


def test_a_secret_from_the_environment_or_dotenv_is_taken_by_value(tmp_path: Path):
    secrets = "secrets: {a: {environment: A}, b: {environment: B}}\n"
    services = "services: {web: {image: app, secrets: [a, b]}}\n"
    write(tmp_path, compose__yml=f"name: s\n{services}{secrets}", __env="B='from $ dotenv'\n")
    stack = read(tmp_path, A="x$y")
    rendered = render_both(stack, making(stack, tmp_path))[Side.BLUE]
    assert {file.name: file.content for file in rendered.files} == {
        "blue-secret-a": "x$y",
        "blue-secret-b": "from $ dotenv",
    }


def test_a_secret_that_nobody_set_is_refused(tmp_path: Path):
    services = "services: {web: {image: app, secrets: [key]}}\n"
    write(tmp_path, compose__yml=f"name: s\n{services}secrets: {{key: {{environment: NONE}}}}\n")
    with pytest.raises(ConfigError, match=r"secrets\.key takes its value from NONE, which is not set"):
        read(tmp_path)


def test_what_compose_does_not_accept_is_told_in_its_words(tmp_path: Path):
    write(tmp_path, compose__yml="services: {web: {imag: app}}\n")
    with pytest.raises(ConfigError, match="Compose does not accept") as refused:
        read(tmp_path)
    assert "imag" in refused.value.message


def test_a_service_that_teal_yml_names_and_the_stack_lacks_is_refused(tmp_path: Path):
    write(tmp_path, compose__yml="services: {web: {image: app}}\n", teal__yml="services: {wev: route}\n")
    with pytest.raises(ConfigError, match=r"teal\.yml: the stack has no service wev") as refused:
        read(tmp_path)
    assert refused.value.hint == "did you mean web?"


def test_a_stale_pwd_and_the_callers_folder_do_not_move_the_stack(tmp_path: Path):
    write(tmp_path, compose__yml="name: s\nservices: {web: {image: app, volumes: ['$PWD/x:/x:ro']}}\n", x="1")
    stack = read(tmp_path, PWD="/elsewhere")
    assert stack.copies == {str(tmp_path / "x")}
    assert [side for side in COLORS if stack.models[side] is not stack.models[Side.PLAIN]] == []

"""Fuzzes what the owner of a stack writes: teal.yml, Compose files and overlays, .env and environment, Caddyfiles."""

from __future__ import annotations

import asyncio
import atexit
import json
import re
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import strategies as st

from teal.adapters.compose.model import DockerModels, understood
from teal.config.files import find, project_name
from teal.config.load import load
from teal.config.options import Options, Overrides
from teal.core.checks.proxy import preparation
from teal.core.checks.stack import problems
from teal.core.model.release import RenderInputs
from teal.core.model.side import Side
from teal.core.model.stack import Role, Stack, Tree
from teal.core.rendering.files import live_mounts
from teal.core.rendering.project import render_both, render_once
from teal.ports import Question, Resolved
from tests.fuzz.judging import Target, unchanged
from tests.fuzz.text import (
    SERVICES,
    anything,
    damaged,
    durations,
    mapping_of,
    nasty,
    numbers,
    odd,
    scalars,
    services,
    words,
)

_NOTHING_SAID = Overrides()
ROOT = Path(tempfile.mkdtemp(prefix="teal-fuzz-"))
atexit.register(shutil.rmtree, ROOT, ignore_errors=True)
WHOLE: Tree = {
    "name": "shop",
    "services": {
        name: {
            "image": "caddy:2" if name == "proxy" else f"{name}:1",
            "networks": {"default": None},
            "volumes": [{"type": "bind", "source": str(ROOT / "Caddyfile"), "target": "/etc/caddy/Caddyfile"}],
        }
        for name in SERVICES
    },
    "networks": {"default": {"name": "shop_default"}},
}


def use(model: Tree, environment: Mapping[str, str], overrides: Overrides = _NOTHING_SAID, **colored: Tree) -> Stack:
    """Read the stack in ROOT as a deploy would, *model* being Compose's own answer; judge it and render it.

    *colored* is what Compose says of a color's overlay.
    """
    stack = asyncio.run(load(Options(where=str(ROOT)), environment, _Answers(model, colored), overrides=overrides))
    for problem in (*problems(stack), *problems(stack, (24, 0)), *preparation(stack, "/var/lib/teal/shop/proxy")):
        assert problem.message, problem
        assert problem.remedy, problem
    images = {each.name: "sha256:" + "ab" * 32 for each in stack.services}
    made = RenderInputs(1, images, "/var/lib/teal/shop/releases/1")
    for rendered in (*render_both(stack, made).values(), render_once(stack, Side.BLUE, made)):
        json.loads(rendered.text)
        assert all(".." not in Path(file.name).parts for file in rendered.files)
    list(live_mounts(stack))
    assert all(isinstance(each.role, Role) for each in stack.services)
    return stack


@dataclass(frozen=True)
class _Answers(DockerModels):
    """Lets Compose answer with *model*: the real one takes 100 ms, and has a fuzz of its own."""

    model: Tree = field(hash=False)
    colored: Mapping[str, Tree] = field(hash=False)

    async def read(self, question: Question) -> Resolved:
        last = question.environment.get("COMPOSE_FILE", "").rpartition("\n")[2]
        model = next((self.colored[color] for color in self.colored if f".{color}." in last), self.model)
        return understood(json.dumps(model), 'level=warning msg="The \\"X\\" variable is not set"')


def _put(**files: str | bytes) -> None:
    """Let ROOT hold *files* and nothing else."""
    for path in ROOT.iterdir():
        path.unlink()
    for name, content in ({"compose.yml": "services:\n"} | files).items():
        (ROOT / name.replace("__", ".")).write_bytes(
            content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass")
        )


# teal.yml --------------------------------------------------------------------------------------------------------

_probe = st.one_of(words, st.sampled_from(["/health", "tcp"]), mapping_of(path=words, port=numbers, tcp=st.booleans()))
_command = st.one_of(words, st.lists(words, max_size=3))
_roles = st.sampled_from([str(role) for role in Role])
_said = mapping_of(
    proxy=services,
    services=st.dictionaries(services, odd(_roles), max_size=3),
    routes=st.dictionaries(
        services, odd(mapping_of(port=numbers, needs=st.lists(services, max_size=2), probe=_probe)), max_size=2
    ),
    probes=st.dictionaries(services, _probe, max_size=2),
    timeouts=mapping_of(health=durations, interval=durations, drain=durations, websocket_drain=durations),
    retention=mapping_of(releases=numbers),
    retire=st.sampled_from(["stop", "keep"]),
    safe_volumes=st.lists(words, max_size=2),
    ports=st.dictionaries(services, st.sampled_from(["drop", "route", "keep"]), max_size=2),
    checks=st.lists(
        mapping_of(route=services, path=words, status=numbers, contains=words, service=services, command=_command),
        max_size=2,
    ),
    hooks=st.dictionaries(
        st.one_of(st.sampled_from(["pre-build", "pre-switch", "on-failure"]), words),
        st.lists(_command, max_size=2),
        max_size=2,
    ),
    routs=scalars,
)


def yaml(tree: object, indent: int = 0) -> str:
    """Return *tree* in block style, as people write it; scalars unquoted, so that some mean something else."""
    pad = "  " * indent
    if isinstance(tree, dict) and tree:
        return "".join(f"{pad}{key}:{_under(value, indent)}" for key, value in tree.items())
    if isinstance(tree, list) and tree:
        return "".join(f"{pad}-{_under(value, indent)}" for value in tree)
    return f"{pad}{tree}\n"


def _under(value: object, indent: int) -> str:
    if isinstance(value, dict | list) and value:
        return "\n" + yaml(value, indent + 1)
    return f" {'' if value is None else value}\n"


_teal_yml = st.one_of(
    damaged(_said.map(yaml)),
    _said.map(lambda said: json.dumps(said)),
    st.binary(max_size=60),
    words,
)


def _read_teal_yml(content: str | bytes) -> None:
    _put(teal__yml=content, Caddyfile="web.example {\n\timport teal web 3000\n}\n")
    with unchanged(ROOT):
        use(WHOLE, {})


# Compose's model -------------------------------------------------------------------------------------------------

_mount = mapping_of(
    type=st.sampled_from(["bind", "volume", "tmpfs", "cluster", "image", "npipe"]),
    source=st.one_of(words, st.just("data"), st.just(str(ROOT / "Caddyfile")), st.just("/var/run/docker.sock")),
    target=st.one_of(words, st.just("/etc/teal"), st.just("/var/lib/postgresql/data")),
    read_only=st.booleans(),
    bind=mapping_of(create_host_path=st.booleans()),
)
_published = mapping_of(target=numbers, published=words, protocol=st.sampled_from(["tcp", "udp"]), mode=words)
_health = mapping_of(
    test=st.lists(
        st.one_of(words, st.sampled_from(["CMD", "curl -f http://localhost:${PORT:-80}/h", "NONE"])), max_size=3
    ),
    interval=durations,
    start_period=durations,
    retries=numbers,
    disable=st.booleans(),
    start_interval=durations,
)
_strings = st.dictionaries(words, st.one_of(st.none(), words), max_size=3)
_service = mapping_of(
    image=st.one_of(words, st.sampled_from(["postgres:17", "caddy:2", "ghcr.io/a/b@sha256:00"])),
    build=mapping_of(context=words),
    command=st.lists(words, max_size=3),
    entrypoint=st.lists(words, max_size=2),
    environment=_strings,
    labels=_strings,
    volumes=st.lists(_mount, max_size=2),
    ports=st.lists(_published, max_size=2),
    expose=st.lists(words, max_size=2),
    healthcheck=_health,
    networks=st.dictionaries(
        st.one_of(st.just("default"), words),
        odd(mapping_of(aliases=st.lists(words, max_size=2), ipv4_address=words, gw_priority=numbers)),
        max_size=2,
    ),
    depends_on=st.dictionaries(
        services,
        mapping_of(condition=st.sampled_from(["service_healthy", "service_completed_successfully", "service_started"])),
        max_size=2,
    ),
    container_name=services,
    hostname=words,
    network_mode=st.one_of(words, st.sampled_from(["host", "service:db", "none"])),
    volumes_from=st.lists(words, max_size=1),
    links=st.lists(words, max_size=1),
    secrets=st.lists(mapping_of(source=words, target=words, mode=words), max_size=1),
    configs=st.lists(mapping_of(source=words, target=words), max_size=1),
    restart=st.sampled_from(["always", "no", "on-failure:3"]),
    stop_grace_period=durations,
    stop_signal=words,
    scale=numbers,
    deploy=mapping_of(replicas=numbers, restart_policy=mapping_of(condition=words)),
    ulimits=st.dictionaries(words, scalars, max_size=1),
    blkio_config=st.dictionaries(words, st.lists(mapping_of(Path=words), max_size=1), max_size=1),
    post_start=st.lists(mapping_of(command=words), max_size=1),
    ipc=words,
    pid=words,
)
_named = st.dictionaries(
    st.one_of(words, st.just("data"), st.just("default")),
    odd(
        mapping_of(
            name=words,
            external=st.booleans(),
            driver=words,
            driver_opts=_strings,
            file=words,
            content=words,
            ipam=words,
        )
    ),
    max_size=2,
)
_model = mapping_of(
    name=st.sampled_from(["shop", "a"]),
    services=st.dictionaries(services, odd(_service), min_size=1, max_size=3),
    networks=_named,
    volumes=_named,
    secrets=_named,
    configs=_named,
)
_caddyfile = damaged(
    st.sampled_from(["import teal.caddy\n:80 {\n\timport teal web 3000\n\treverse_proxy api:80\n}\n", ""])
)


def _read_model(example: tuple[Tree, str]) -> None:
    model, caddyfile = example
    _put(Caddyfile=caddyfile)
    with unchanged(ROOT):
        use(model, {})


# Overlays, .env, environment, options ----------------------------------------------------------------------------

_overlay = st.one_of(
    damaged(st.fixed_dictionaries({"services": st.dictionaries(services, _service, max_size=2)}).map(yaml)),
    st.dictionaries(services, scalars, max_size=2).map(lambda each: json.dumps({"services": each})),
    st.binary(max_size=40),
    words,
)


def _read_colors(example: tuple[Tree, Tree, Tree]) -> None:
    plain, blue, green = example
    ours = blue.get("services") if isinstance(blue.get("services"), dict) else {}
    assert isinstance(ours, dict)
    overlay = yaml({"services": {name: {} for name in ours}})
    _put(compose__blue__yml=overlay, compose__green__yml=overlay, Caddyfile="")
    plain, green = ({**each, "services": {**ours, **_known(each, ours)}} for each in (plain, green))
    with unchanged(ROOT):
        use(plain, {}, blue=blue, green=green)


def _known(model: Tree, names: Mapping[str, object]) -> Tree:
    """Return those services of *model* that have one of *names*: Compose adds an overlay to the same stack."""
    services_ = model.get("services")
    return {name: each for name, each in services_.items() if name in names} if isinstance(services_, dict) else {}


def _read_overlays(example: tuple[str | bytes, str | bytes]) -> None:
    blue, green = example
    _put(compose__blue__yml=blue, compose__green__yaml=green, Caddyfile="")
    with unchanged(ROOT):
        use(WHOLE, {})


_NAMES = ("HEALTH_CHECK_TIMEOUT", "HEALTH_CHECK_INTERVAL", "DRAIN_TIMEOUT", "TEAL_HOME", "COMPOSE_FILE")
_NAMES += ("COMPOSE_PATH_SEPARATOR", "COMPOSE_PROJECT_NAME", "DOCKER_HOST", "HOME")
_variables = st.dictionaries(st.sampled_from(_NAMES), durations.map(str), max_size=4)
_dotenv = damaged(_variables.map(lambda found: "".join(f"{name}={value}\n" for name, value in found.items())))


def _read_environment(example: tuple[dict[str, str], str | bytes, dict[str, str]]) -> None:
    environment, dotenv, said = example
    _put(__env=dotenv)
    options = Options(where=str(ROOT))
    with unchanged(ROOT):
        use(WHOLE, environment, Overrides(**said))
        without_docker = {**environment, "PATH": str(ROOT)}  # what isn't plain is for Compose to read
        find(options, without_docker, DockerModels())
        assert re.fullmatch("[a-z0-9_-]*", project_name(options, without_docker, DockerModels()))


_overrides = st.dictionaries(
    st.sampled_from(["health_timeout", "health_interval", "drain_timeout"]), durations.map(str), max_size=2
)

TARGETS = (
    Target("teal.yml", _teal_yml, _read_teal_yml),
    Target("Compose's model, Caddyfile", st.tuples(_model, _caddyfile), _read_model),
    Target("models of both colors", st.tuples(_model, _model, _model), _read_colors),
    Target("overlays", st.tuples(_overlay, _overlay), _read_overlays),
    Target(
        "environment, .env, options",
        st.tuples(_variables, st.one_of(_dotenv, st.binary(max_size=40), nasty, anything), _overrides),
        _read_environment,
    ),
)

"""teal.yml is strict: an error names file, line and key, and what to write."""

from pathlib import Path

import jsonschema
import pytest

from teal.config.caddyfile import NamedByProxy
from teal.config.strict_yaml import decode
from teal.config.teal_yml import TealYml, checks_of, evidence_of, hooks_of, schema
from teal.core.model.stack import CommandCheck, Evidence, Hook, HttpCheck, HttpProbe, Role, TcpProbe
from teal.errors import ConfigError

FULL = """
proxy: front
services: {jobs: worker, beat: singleton}
routes:
  web: {port: 8000, needs: [rag], probe: /up}
  api: {}
probes: {rag: tcp, jobs: {path: /ok, port: 9}}
timeouts: {health: 5m, interval: 2, drain: 1h30m, websocket_drain: 5s}
retention: {releases: 3}
retire: keep
safe_volumes: [media]
ports: {web: drop}
checks:
  - {route: web, path: /version, status: 204, contains: seven}
  - {service: web, command: python -m smoke "one two" && echo fine}
  - {service: web, command: [smoke, "one two"]}
hooks:
  pre-build: [make assets]
  post-switch: [[notify, "#ops"]]
"""


def read(tmp_path: Path, text: str) -> TealYml:
    path = tmp_path / "teal.yml"
    path.write_text(text, encoding="utf-8")
    return decode(path, TealYml)


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("prox: caddy\n", "1: prox: there is no such key", "did you mean proxy?"),
        ("services:\n  web: rout\n", "2: services.web: 'rout' is not one of its words", "did you mean route?"),
        ("services:\n  a: shared\n  web: 3\n", "3: services.web: expected text, got a whole number", ""),
        ("timeouts:\n  helth: 3\n", "2: timeouts.helth: there is no such key", "did you mean health?"),
        ("timeouts: 5\n", "1: timeouts: expected keys with values, got a whole number", ""),
        ("routes:\n  a: {port: 3}\n  web:\n    port: x\n", "4: routes.web.port: expected a whole number, got text", ""),
        ("routes:\n  web:\n    prt: 4\n", "3: routes.web.prt: there is no such key", "did you mean port?"),
        ("routes:\n  web: {zzz: 4}\n", "2: routes.web.zzz: there is no such key", "write one of: port, needs, probe"),
        ("checks:\n  - {route: a}\n  - {rout: b}\n", "3: checks.1.rout: there is no such key", "did you mean route?"),
        ("hooks:\n  pre-bild: [x]\n", "2: hooks.pre-bild: there is no such key", "did you mean pre-build?"),
        ("retention:\n  releases: 0\n", "2: retention.releases: expected a whole number >= 1", ""),
        ("routes:\n  web:\n", "2: routes.web: expected keys with values, got nothing", ""),
        ("proxy: a\nproxy: b\n", '2: found duplicate key "proxy"', "write that key once"),
        ("proxy: [\n", "2: expected the node content", "correct that line"),
        ("- a\n", "1: the file: expected keys with values, got a list", ""),
    ],
)
def test_an_error_names_the_line_the_key_and_what_was_meant(tmp_path: Path, text: str, message: str, hint: str) -> None:
    with pytest.raises(ConfigError) as refused:
        read(tmp_path, text)
    assert refused.value.message.startswith(f"teal.yml:{message}")
    assert hint in refused.value.hint
    assert refused.value.status == 2


def test_an_empty_file_says_nothing(tmp_path: Path) -> None:
    assert read(tmp_path, "# nothing yet\n") == TealYml()


def test_a_full_file_becomes_the_cores_words(tmp_path: Path) -> None:
    said = read(tmp_path, FULL)
    told = evidence_of(said, overlaid=frozenset(), proxy="front", named=NamedByProxy({"web": 3000}, {}))
    assert told == Evidence(
        declared={"web": Role.ROUTE, "api": Role.ROUTE, "jobs": Role.WORKER, "beat": Role.SINGLETON},
        proxy="front",
        routes={"web": 3000},
        ports={"web": 8000},
        needs={"web": ("rag",)},
        probes={"web": HttpProbe(0, "/up"), "rag": TcpProbe(0), "jobs": HttpProbe(9, "/ok")},
        published_ports={"web": "drop"},
    )
    assert checks_of(said) == (
        HttpCheck("web", "/version", 204, "seven"),
        CommandCheck("web", ("/bin/sh", "-c", 'python -m smoke "one two" && echo fine')),
        CommandCheck("web", ("smoke", "one two")),
    )
    assert hooks_of(said) == (
        Hook("pre-build", ("/bin/sh", "-c", "make assets")),
        Hook("post-switch", ("notify", "#ops")),
    )


def test_a_command_of_several_lines_is_a_text_like_any_other(tmp_path: Path) -> None:
    said = read(tmp_path, "hooks:\n  pre-build:\n    - |\n      make assets\n      make more\n")
    (hook,) = hooks_of(said)
    assert hook.command == ("/bin/sh", "-c", "make assets\nmake more\n")
    assert type(hook.command[2]) is str  # or it can't be kept in a release


@pytest.mark.parametrize("check", ["{}", "{route: web, service: web}", "{service: web}", "{path: /x}"])
def test_a_check_that_asks_nothing_is_refused(tmp_path: Path, check: str) -> None:
    with pytest.raises(ConfigError, match="check 1 is neither a request nor a command"):
        checks_of(read(tmp_path, f"checks: [{check}]"))


def test_a_probe_without_a_path_is_refused(tmp_path: Path) -> None:
    said = read(tmp_path, "probes: {web: health}")
    with pytest.raises(ConfigError) as refused:
        evidence_of(said, overlaid=frozenset(), proxy="", named=NamedByProxy({}, {}))
    assert refused.value.message == "teal.yml: the probe of web is 'health'"


def test_the_schema_accepts_what_the_types_accept_and_nothing_else(tmp_path: Path) -> None:
    from teal.config.strict_yaml import plain, read_yaml

    path = tmp_path / "teal.yml"
    path.write_text(FULL, encoding="utf-8")
    jsonschema.Draft202012Validator.check_schema(schema())
    jsonschema.validate(plain(read_yaml(path)), schema())
    for wrong in ({"prox": 1}, {"services": {"web": "rout"}}, {"retention": {"releases": 0}}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(wrong, schema())

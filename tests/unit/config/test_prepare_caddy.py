"""What a Caddy of the stack's own lacks to be switched: what is changed, what is left, and that all else stays."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from teal.config.prepare_caddy import Prepared, prepare
from teal.core.model.stack import Evidence, Tree
from tests.unit.stacks import stack_of

COMPOSE = """\
services:
  gate: # the door
    image: caddy:2.11
    volumes:
      - ./Caddyfile:/etc/caddy/Caddyfile:ro

  web: {image: web}
  api: {image: api}
"""


def prepared(folder: Path, caddyfile: str, compose: str = COMPOSE, *, whole: bool = False) -> Prepared:
    (folder / "Caddyfile").write_bytes(caddyfile.encode())
    (folder / "compose.yml").write_text(compose)
    source, target = (str(folder), "/etc/caddy") if whole else (f"{folder}/Caddyfile", "/etc/caddy/Caddyfile")
    gate = {"image": "caddy:2.11", "volumes": [{"type": "bind", "source": source, "target": target}]}
    model: Tree = {"gate": gate, "web": {"image": "web", "expose": ["3000"]}, "api": {"image": "api"}}
    stack = replace(stack_of(model, Evidence(proxy="gate")), directory=str(folder))
    return prepare(stack, "gate", [folder / "compose.yml"], "(teal) {\n}\n")


def after(found: Prepared, name: str) -> str:
    return next(each.after for each in found.changes if each.path.name == name)


@pytest.mark.parametrize(
    ("before", "wanted"),
    [
        (
            "# mine\nexample.com {\n\treverse_proxy web:3000\n\tencode gzip\n}\n",
            "{\n\tmetrics\n}\n\nimport teal.caddy\n\n# mine\nexample.com {\n\timport teal web 3000\n\tencode gzip\n}\n",
        ),
        (
            "# mine\n{\n\temail a@b.c # {\n\tservers {\n\t}\n}\n:80 {\n  reverse_proxy http://web:3000 { # so\n"
            "    header_up A b\n  }\n}",
            "# mine\n{\n\tmetrics\n\temail a@b.c # {\n\tservers {\n\t}\n}\n\nimport teal.caddy\n:80 {\n"
            "  import teal web 3000 { # so\n"
            "    header_up A b\n  }\n}",
        ),
        (
            ":80 {\r\n\thandle /x* {\r\n\t\treverse_proxy api:80\r\n\t}\r\n}\r\n",
            "{\r\n\tmetrics\r\n}\r\n\r\nimport teal.caddy\r\n\r\n"
            ":80 {\r\n\thandle /x* {\r\n\t\timport teal api 80\r\n\t}\r\n}\r\n",
        ),
        (
            "{\n\tmetrics {\n\t\tper_host\n\t}\n}\n:80 {\n\treverse_proxy web:3000\n}\n",
            "{\n\tmetrics {\n\t\tper_host\n\t}\n}\n\nimport teal.caddy\n:80 {\n\timport teal web 3000\n}\n",
        ),
    ],
)
def test_each_plain_reverse_proxy_becomes_the_import_and_all_else_stays(tmp_path, before, wanted) -> None:
    found = prepared(tmp_path, before)
    assert after(found, "Caddyfile") == wanted
    assert found.by_hand == ()


def test_the_proxy_gets_its_two_mounts_and_the_snippet(tmp_path) -> None:
    found = prepared(tmp_path, ":80 {\n\treverse_proxy web:3000\n}\n")
    assert after(found, "compose.yml") == COMPOSE.replace(
        "Caddyfile:ro\n",
        "Caddyfile:ro\n"
        '      - "./teal.caddy:/etc/caddy/teal.caddy:ro"\n'
        '      - "${TEAL_HOME:-/var/lib/teal}/${COMPOSE_PROJECT_NAME:-shop}/proxy:/etc/teal:ro"\n',
    )
    assert after(found, "teal.caddy").startswith("(teal)")
    assert "+      - " in "".join(each.diff(tmp_path) for each in found.changes)


def test_where_the_whole_folder_is_mounted_the_snippet_needs_no_mount(tmp_path) -> None:
    found = prepared(tmp_path, ":80 {\n\treverse_proxy web:3000\n}\n", whole=True)
    assert "teal.caddy" not in after(found, "compose.yml")
    assert "/etc/teal:ro" in after(found, "compose.yml")


@pytest.mark.parametrize(
    "line",
    ["reverse_proxy /api/* api:80", "reverse_proxy api:80 web:80", "php_fastcgi api:9000", "reverse_proxy {$UP}"],
)
def test_what_is_no_plain_line_is_left_to_a_person(tmp_path, line) -> None:
    found = prepared(tmp_path, f":80 {{\n\treverse_proxy web:3000\n\t{line}\n}}\n")
    assert found.by_hand == (f"Caddyfile:3: `{line}` is for you to change, docs/proxy.md says how",)
    assert line in after(found, "Caddyfile")


def test_where_nothing_leads_to_a_rotating_service_nothing_changes(tmp_path) -> None:
    assert prepared(tmp_path, ":80 {\n\treverse_proxy other.example:3000\n}\n") == Prepared()

"""What Caddy dials past Teal's snippet, told from what the real ``caddy adapt`` makes of each spelling."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from teal.adapters.caddy.dials import dials
from teal.core.model.compose import Node
from teal.core.model.proxy_config import Dial
from tests.unit.adapters.caddy.adapted import adapted

NOTHING: Mapping[str, str] = {}
PROXIED = {
    "plainly": ("reverse_proxy web:8000", {"web:8000"}),
    "several": ("reverse_proxy web:8000 web2:8000", {"web:8000", "web2:8000"}),
    "a scheme, and the port that it means": ("reverse_proxy http://web http://api:9000", {"web:80", "api:9000"}),
    "no port": ("reverse_proxy web", {"web:80"}),
    "in a block": ("reverse_proxy {\nto web:8000\nlb_policy first\n}", {"web:8000"}),
    "a named matcher": ("@x header A b\nreverse_proxy @x web:8000", {"web:8000"}),
    "handle_path": ("handle_path /a/* {\nreverse_proxy web:8000\n}", {"web:8000"}),
    "a dynamic A record": ("reverse_proxy {\ndynamic a web 8000\n}", {"web:8000"}),
    "a dynamic SRV record": ("reverse_proxy {\ndynamic srv _http._tcp.web\n}", {"srv://web"}),
    "several dynamic ones": ("reverse_proxy {\ndynamic multi {\na one 80\nsrv two\n}\n}", {"one:80", "srv://two"}),
    "the environment, when it is adapted": ("reverse_proxy {$TEAL_TEST_UP:web}:8000", {"web:8000"}),
    "the environment, when it runs": ("reverse_proxy {env.UP}:8000", {"up:8000"}),
    "what each request says": ("reverse_proxy {labels.1}:8000", {"{http.request.host.labels.1}:8000"}),
    "a network": ("reverse_proxy tcp/web:8000", {"tcp/web:8000"}),
    "an error page": ("handle_errors {\nreverse_proxy web:8000\n}", {"web:8000"}),
    "the answer of a login": (
        "reverse_proxy a:1 {\n@ok status 2xx\nhandle_response @ok {\nreverse_proxy web:8000\n}\n}",
        {"a:1", "web:8000"},
    ),
    "a map": ("map {host} {up} {\na.test web:8000\n}\nreverse_proxy {up}", {"web:8000", "{up}"}),
    "a variable": ("vars up web:8000\nreverse_proxy {vars.up}", {"web:8000", "{http.vars.up}"}),
}


def found(folder: Path, text: str, environment: Mapping[str, str] = NOTHING) -> dict[str, str]:
    """Return address -> who dials it."""
    return {dial.address: dial.by for dial in dials(adapted(folder, text), environment)}


@pytest.mark.parametrize(("text", "wanted"), PROXIED.values(), ids=PROXIED)
def test_whatever_reverse_proxy_dials_in_any_spelling(tmp_path: Path, text: str, wanted: set[str]) -> None:
    assert set(found(tmp_path, f":80 {{\n{text}\n}}\n", {"UP": "up"})) == wanted


def test_snippets_with_arguments_and_named_routes(tmp_path: Path) -> None:
    text = "(up) {\nreverse_proxy {args[0]}\n}\n&(named) {\nreverse_proxy named:1\n}\n"
    text += ":80 {\nhandle /a* {\nimport up web:8000\n}\nhandle /b* {\ninvoke named\n}\n}\n"
    assert set(found(tmp_path, text)) == {"web:8000", "named:1"}


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        (":80 {\nforward_auth gate:8000 {\nuri /check\n}\n}\n", {"gate:8000": "forward_auth"}),
        (":80 {\nroot /srv\nphp_fastcgi php:9000\n}\n", {"php:9000": "php_fastcgi"}),
        (
            "{\non_demand_tls {\nask http://gate:8000/may\n\t}\n}\n:80 {\nrespond a\n}\n",
            {"http://gate:8000/may": "on_demand_tls"},
        ),
        ("{\nlog {\noutput net logs:514\n\t}\n}\n:80 {\nrespond a\n}\n", {"logs:514": "logging"}),
    ],
    ids=["forward_auth", "php_fastcgi", "on_demand_tls", "a log over the network"],
)
def test_other_directives_that_dial(tmp_path: Path, text: str, wanted: dict[str, str]) -> None:
    assert found(tmp_path, text) == wanted


@pytest.mark.parametrize(
    "app",
    [
        {"servers": {"a": {"routes": [{"handle": [{"handler": "proxy", "upstreams": [{"dial": ["web:25"]}]}]}]}}},
        {"anything": [{"deep": {"target": "tcp/web:25"}}]},
        {"command": ["curl", "http://web:25/x"]},
    ],
)
def test_of_a_plugin_that_nobody_knows_every_address_counts(app: Node) -> None:
    (dial,) = dials({"apps": {"layer4": app}}, {})
    assert "web:25" in dial.address
    assert dial.by.startswith("layer4")


def test_what_is_only_said_or_compared_is_not_dialled(tmp_path: Path) -> None:
    text = """web:8000 {
	@from header Referer http://web:8000/
	header X-From web:8000
	respond @from "see http://web:8000"
	redir /old http://web:8000/new
	rewrite /there /web:8000
	reverse_proxy other:1 {
		header_up Host web:8000
	}
}
"""
    assert set(found(tmp_path, text)) == {"other:1"}


def test_the_snippet_itself_dials_nothing_that_counts(tmp_path: Path) -> None:
    assert found(tmp_path, ":80 {\nimport teal web 3000 {\nheader_up X-A b\n}\n}\n") == {}


def test_where_users_come_to_what_is_dialled(tmp_path: Path) -> None:
    text = "a.test {\nhandle /x/* {\nreverse_proxy one:1\n}\n}\n"
    text += "http://:8080 {\nhandle_path /y/* {\nreverse_proxy two:2\n}\n}\n"
    assert set(dials(adapted(tmp_path, text), {})) == {
        Dial("one:1", "reverse_proxy", "a.test/x/*"),
        Dial("two:2", "reverse_proxy", ":8080/y/*"),
    }

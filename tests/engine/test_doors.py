"""How the proxy reaches the services: past the snippet, through it in any spelling, with something in front of it.

One stack, in the order of the file: it runs plainly at first, a deploy adopts it in the middle.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.engine.stack import Stack, copy_stack, wait_until
from tests.engine.teal import Ended, Teal

pytestmark = [pytest.mark.engine, pytest.mark.timeout(180)]
SNIPPET = Path(__file__).parents[2] / "src" / "teal" / "adapters" / "caddy" / "teal.caddy"
GLOBAL = "\tauto_https off\n"
API, WEB = "handle /api/* {\nimport teal api 8000\n}\n", "handle {\nimport teal web 8000\n}\n"
PAST = (  # a way in the Caddyfile, and how it is named
    ("handle /old/* {\nreverse_proxy web:8000\n}\n", "web:8000"),
    ("forward_auth gate:8000 {\nuri /\n}\n", "gate:8000 by forward_auth"),
    ("handle /c/* {\nreverse_proxy PROJECT_the_api:8000\n}\n", "PROJECT_the_api:8000 (api)"),
    ("handle /d/* {\nreverse_proxy {\ndynamic a gate 8000\n}\n}\n", "gate:8000"),
    ("handle /e/* {\nreverse_proxy {$API}:8000\n}\n", "api:8000"),
    ("handle /r/* {\nreverse_proxy {env.API}:8001\n}\n", "api:8001"),
    ("handle /v/* {\nvars up gate:8000\nreverse_proxy {vars.up}\n}\n", "gate:8000 by vars"),
    ("handle /f/* {\nroot /srv\nphp_fastcgi gate:8000\n}\n", "gate:8000 by php_fastcgi"),
)


class Doors:
    """The stack, its Teal, and the Caddyfile that is written anew for each test."""

    def __init__(self, stack: Stack, teal: Teal) -> None:
        self.stack, self.teal = stack, teal

    def write(self, sites: str, options: str = GLOBAL, before: str = "") -> None:
        text = f"{{\n{options}}}\nimport teal.caddy\n{before}\n{sites}\n".replace("PROJECT", self.stack.project)
        (self.stack.folder / "caddy" / "Caddyfile").write_text(text, encoding="utf-8")

    def reload(self) -> None:
        self.stack.compose("exec", "proxy", "caddy", "reload", "--config", "/etc/caddy/Caddyfile")

    def check(self, status: int) -> list[dict[str, Any]]:
        findings: list[dict[str, Any]] = self.teal.run("check", status=status).result["findings"]
        return findings

    def errors(self) -> list[str]:
        return [each["message"] for each in self.check(1) if each["level"] == "error"]

    def deploy(self, status: int = 0, **more: str) -> Ended:
        return self.teal.run("deploy", "--force", status=status, DRAIN_TIMEOUT="10", **more)


@pytest.fixture(scope="module")
def doors(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Doors]:
    folder = tmp_path_factory.mktemp("doors")
    home = folder / "home"
    stack = copy_stack("doors", folder / "stack", TEAL_HOME=str(home))
    (stack.folder / "caddy" / "teal.caddy").write_bytes(SNIPPET.read_bytes())
    teal = Teal(stack.folder, home)
    try:
        stack.compose("up", "--detach", "--wait")
        yield Doors(stack, teal)
    finally:
        teal.run("down", "--yes")
        stack.remove()


def site(*parts: str) -> str:
    return ":80 {\n" + "".join(parts) + "}"


def test_each_way_past_the_snippet_is_refused_by_check_and_deploy(doors: Doors) -> None:
    doors.write(site(*(way for way, _ in PAST), API, WEB))
    errors = doors.errors()
    refused = doors.deploy(status=1)
    for _, named in PAST:
        named = named.replace("PROJECT", doors.stack.project)
        said = f"the proxy passes requests to {named} past Teal's snippet, so they can't be switched"
        assert said in errors
        assert said in refused.error["detail"]


def test_a_way_that_only_the_running_proxy_has_is_refused_too(doors: Doors) -> None:
    doors.write(site("handle /old/* {\nreverse_proxy web:8000\n}\n", API, WEB))
    doors.reload()
    doors.write(site(API, WEB))
    said = "the running proxy passes requests from :80/old/* to web:8000 past Teal's snippet"
    assert any(each.startswith(said) for each in doors.errors())
    assert doors.deploy(status=1).error["message"].startswith(said)


def test_a_lock_on_the_whole_site_is_named_by_check_and_deploy_and_the_way_out_works(doors: Doors) -> None:
    closed = site("@out not remote_ip 10.99.0.0/24\nhandle @out {\nrespond closed 403\n}\n", API, WEB)
    doors.write(closed)
    doors.reload()
    folder = doors.teal.home / doors.stack.project / "proxy"
    before = sorted(path.name for path in folder.iterdir())
    said = "the proxy turns Teal's requests away before they reach Teal's snippet: api: it refuses them (status 403)"
    (found,) = (each for each in doors.check(1) if each["level"] == "error")
    assert found["message"].startswith(said)
    assert sorted(path.name for path in folder.iterdir()) == before == []
    refused = doors.deploy(status=1)
    assert refused.error["message"] == found["message"]
    assert refused.error["hint"] == f"{found['remedy']}; plain still serves, untouched"
    lines = found["remedy"].splitlines()
    doors.write(closed, before="\n".join(line for line in lines if line.startswith("  ")))
    doors.reload()
    assert not [each for each in doors.check(0) if each["level"] == "error"]
    assert doors.stack.get("/").status_code == 403
    doors.deploy()


def test_a_service_that_becomes_a_route_is_drained_though_its_import_is_put_together_by_caddy(doors: Doors) -> None:
    """The running release knows api as a worker; requests go to it from the reload on, and none is cut."""
    doors.write(site(WEB))
    doors.reload()
    doors.deploy()
    doors.write(
        site("handle /api/* {\nimport app api 8000\n}\n", WEB), before="(app) {\nimport teal {args[0]} {args[1]}\n}\n"
    )
    doors.reload()
    (doors.stack.folder / "teal.yml").write_text('hooks: {pre-switch: ["sleep 1"]}', encoding="utf-8")
    answers: list[httpx.Response] = []
    with doors.teal.running("deploy", "--force", DRAIN_TIMEOUT="20") as run:
        run.until_step("run-hook")  # right before the switch, a second long
        slow = [threading.Thread(target=lambda: answers.append(doors.stack.post("/api/?seconds=4"))) for _ in range(5)]
        for each in slow:
            each.start()
        ended = run.end()
        for each in slow:
            each.join()
    (doors.stack.folder / "teal.yml").unlink()
    assert ended.status == 0, ended.told
    assert [answer.status_code for answer in answers] == [200] * 5, ended.told
    assert ended.result["drained"]["seconds"] > 1.5, ended.told
    roles = {row["service"]: row["role"] for row in doors.teal.run("check").result["roles"]}
    assert roles["api"] == "route"


def test_a_release_is_not_undone_for_a_proxy_that_answers_nobody_for_a_while(doors: Doors) -> None:
    """The proxy is frozen from the switch on, for longer than a release has to answer: blue would not answer either."""
    doors.write(site(API, WEB))
    doors.reload()
    proxy = f"{doors.stack.project}-proxy-1"
    frozen = f"docker pause {proxy}; (sleep 22; docker unpause {proxy}) >/dev/null 2>&1 &"
    (doors.stack.folder / "teal.yml").write_text(f'hooks: {{pre-switch: ["{frozen}"]}}', encoding="utf-8")
    before = doors.teal.status()["active"]
    ended = doors.deploy()
    (note,) = (each for each in ended.result["notes"] if "gets more time" in each)
    assert f"and {before} " in note  # gave no answer either, or one after seconds
    assert doors.teal.status()["active"] != before


def test_a_release_that_answers_nobody_after_the_switch_is_undone_as_soon_as_the_other_one_answers(
    doors: Doors,
) -> None:
    silent = f"docker exec {doors.stack.project}-$TEAL_COLOR-web-$TEAL_COLOR-1 touch /tmp/silent"
    (doors.stack.folder / "teal.yml").write_text(f'hooks: {{pre-switch: ["{silent}"]}}', encoding="utf-8")
    before = doors.teal.status()["active"]
    ended = doors.deploy(status=1, CONFIRM_TIMEOUT="3")
    (doors.stack.folder / "teal.yml").unlink()
    assert f"while {before} answered within" in ended.error["message"]
    assert doors.teal.status()["active"] == before
    assert doors.stack.get("/").text.strip() == before


def test_without_an_admin_endpoint_a_deploy_waits_as_check_says(doors: Doors) -> None:
    doors.write(site(API, WEB), options=f"{GLOBAL}\tadmin off\n")
    doors.reload()
    wait_until(lambda: doors.stack.answers("/"), "the proxy answers")
    (found,) = (each for each in doors.check(0) if each["level"] == "warning")
    assert "each drain takes its whole timeout" in found["message"]
    ended = doors.teal.run("deploy", "--force", DRAIN_TIMEOUT="2")
    assert ended.result["drained"]["counted"] is False
    assert 2 <= ended.result["drained"]["seconds"] < 4

    doors.write(site(API, WEB))  # what no reload brings to the proxy
    (found,) = (each for each in doors.check(0) if each["level"] == "warning")
    assert found["message"] == "it does not say what is in flight, so each drain takes its whole timeout"
    assert found["remedy"].startswith("`teal restart proxy`")
    doors.teal.run("restart", "proxy", "--yes")
    wait_until(lambda: doors.stack.answers("/"), "the proxy answers")
    assert [each for each in doors.check(0) if each["level"] == "warning"] == []


def test_a_caddyfile_with_an_import_of_nobody_is_refused_and_not_to_be_loaded(doors: Doors) -> None:
    doors.write(site(API.replace("api", "apii"), WEB))
    findings = doors.check(1)
    (refused,) = (each for each in findings if each["level"] == "error")
    assert refused["message"].endswith("`import teal apii 8000`, but the stack has no service apii")
    assert refused["remedy"] == "write the service's name: `import teal api 8000`"
    remedies = [
        each["remedy"] for each in findings if any(word in each["remedy"] for word in ("`teal exec", "`teal re"))
    ]
    assert remedies
    assert all(each.startswith("correct the Caddyfile, then ") for each in remedies), remedies
    assert "no service apii" in doors.deploy(status=1).error["message"]
    doors.write(site(API, WEB))
    assert doors.check(0)

"""Teal's own proxy before an application that publishes its own ports, with nobody in front: no file is edited.

One stack, in the order of the file: killed adoptions, an adoption under load, deploys, what goes wrong, the way back.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator

import httpx
import pytest

from tests.engine.lone import FAST, Lone, lone
from tests.engine.sandbox import docker
from tests.engine.stack import free_port, wait_until
from tests.engine.teal import TEAL, Ended

pytestmark = [pytest.mark.engine, pytest.mark.load, pytest.mark.timeout(300)]
broken = pytest.mark.row("own-proxy")
GAP = 3.0  # seconds beside the application's own stop or start; about one on a quiet machine


@pytest.fixture(scope="module")
def inn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lone]:
    """The stack, which runs as a plain ``docker compose up``."""
    made = lone("lone", tmp_path_factory.mktemp("lone"))
    try:
        made.stack.compose("up", "--detach", "--wait")
        yield made
    finally:
        made.remove()


def api(inn: Lone) -> int:
    """Return the port at which the second route is reached, from this machine alone."""
    env = (inn.stack.folder / ".env").read_text(encoding="utf-8")
    return int(env.partition("API_PORT=")[2].split()[0])


def color(inn: Lone, port: int = 0) -> str:
    """Return who answers there."""
    answer = httpx.get(f"http://127.0.0.1:{port or inn.port}/who", timeout=35, trust_env=False)
    return str(answer.raise_for_status().json()["color"])


def closed(ended: Ended) -> float:
    """Return for how many seconds the ports were closed, as the deploy says."""
    (seconds,) = re.findall(r"w(?:as|ere) closed for (\d+\.\d) s", "\n".join(ended.result["notes"]))
    return float(seconds)


def plain_again(inn: Lone) -> None:
    """Assert that the plain containers serve at their ports, beside at most a proxy that holds none."""
    assert (color(inn), color(inn, api(inn))) == ("plain", "plain")
    assert not inn.there("-blue") | inn.there("-green")
    assert inn.there("-teal") <= {f"{inn.stack.project}-teal-proxy-unpublished-1"}


def test_before_the_first_deploy_check_says_what_is_taken_over_and_what_it_costs(inn: Lone) -> None:
    found = inn.teal.run("check").result
    said = "\n".join(each["message"] for each in found["findings"])
    assert "Teal's own proxy takes over" in said
    assert "they are closed for about a second, this once" in said
    assert str(inn.port) in said
    assert str(api(inn)) in said
    assert "9000 on any free port" in said


@broken
@pytest.mark.parametrize("point", ["before:take-over", "done:take-over", "beside"])
def test_an_adoption_that_is_killed_at_the_take_over_is_undone_by_the_next_command(inn: Lone, point: str) -> None:
    assert inn.ended_at(point, signal.SIGKILL, "deploy", "--yes").status == -signal.SIGKILL
    assert "before its switch" in inn.teal.status()["interrupted"]
    assert "undone" in inn.teal.run("cleanup").result["healed"]
    plain_again(inn)


@broken
def test_an_adoption_that_is_killed_while_nobody_has_the_port_is_undone_by_the_next_command(inn: Lone) -> None:
    with inn.teal.running("deploy", "--yes") as run:
        run.until_step("take-over")
        run.until_service("stopped")
        run.send(signal.SIGKILL)
        run.end()
    status = inn.teal.status()
    assert "before its switch" in status["interrupted"], status
    assert "the next command repairs it" in status["interrupted"], "that opens the port again"
    assert "undone" in inn.teal.run("cleanup").result["healed"]
    plain_again(inn)


def test_the_first_deploy_under_load_loses_what_the_announced_gap_takes_and_no_more(inn: Lone) -> None:
    before = inn.there()
    with inn.users(FAST) as users:
        ended = inn.teal.run("deploy", "--yes", within=240)
    print(f"closed for {closed(ended)} s, nobody answered for {users.away:.1f} s", ended.result["phases"])
    assert closed(ended) < GAP, ended.told
    assert users.away < ended.result["phases"]["take-over"] + 1, (users.away, users.report.table())
    assert users.report.mixed == 0
    assert (color(inn), color(inn, api(inn))) == ("blue", "blue")
    assert {name for name in before if "store" in name} == inn.there() - {f"{inn.stack.project}-teal-proxy-1"}


def test_it_publishes_exactly_what_the_routes_did_and_no_free_port(inn: Lone) -> None:
    found = json.loads(inn.own("{{json .HostConfig.PortBindings}}"))
    places = sorted((each["HostIp"], each["HostPort"]) for every in found.values() for each in every)
    assert places == sorted([("", str(inn.port)), ("127.0.0.1", str(api(inn)))])


def test_the_second_deploy_and_a_rollback_under_load_lose_nothing(inn: Lone) -> None:
    with inn.users() as users:
        inn.teal.run("deploy", NOTE="two")
        assert color(inn) == "green"
        inn.teal.run("rollback")
    users.demand_peace()
    assert (color(inn), color(inn, api(inn))) == ("blue", "blue")


def test_what_users_send_comes_through_as_it_was_and_a_forged_header_changes_nothing(inn: Lone) -> None:
    forged = {"X-Forwarded-For": "203.0.113.9", "X-Forwarded-Proto": "https", "X-Forwarded-Host": "bank.example"}
    heads = dict(httpx.get(f"{inn.stack.url}/heads", headers=forged, trust_env=False).json())
    assert heads["Host"] == f"127.0.0.1:{inn.port}"
    assert heads["X-Forwarded-Proto"] == "http"
    assert heads["X-Forwarded-Host"] == heads["Host"]
    assert "203.0.113.9" not in json.dumps(heads)
    sent = os.urandom(1_000_000) * 100
    said = httpx.post(f"{inn.stack.url}/sum", content=sent, timeout=60, trust_env=False).text
    assert said == f"{len(sent)} {hashlib.sha256(sent).hexdigest()}"


@broken
def test_a_plain_up_out_of_habit_finds_the_port_taken_and_the_next_deploy_tidies_up(inn: Lone) -> None:
    with inn.users() as users:
        up = subprocess.run(
            ["docker", "compose", "up", "--detach"],
            cwd=inn.stack.folder,
            env=inn.stack.environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert up.returncode != 0
        assert "is already allocated" in up.stderr
        assert f"{inn.stack.project}-web-1" in inn.there()
        inn.teal.run("deploy", "--force")
    users.demand_peace()
    assert not {f"{inn.stack.project}-web-1", f"{inn.stack.project}-api-1"} & inn.there()


def test_the_proxy_of_teals_is_a_shared_service_for_every_word_of_the_command_line(inn: Lone) -> None:
    assert inn.teal.status()["shared"]["teal-proxy"]["state"] == "running"
    before = inn.own("{{.Id}} {{.State.StartedAt}}")
    inn.teal.run("up")
    assert inn.own("{{.Id}} {{.State.StartedAt}}") == before, "nothing had changed"
    assert shell(inn, "exec", "-T", "teal-proxy", "caddy", "version").startswith("v2.")
    assert "teal-proxy-1" in shell(inn, "ps")
    assert shell(inn, "logs", "teal-proxy") == "", "it warns of nothing"
    shell(inn, "restart", "teal-proxy", "--yes")
    assert inn.own("{{.Id}} {{.State.StartedAt}}") != before
    wait_until(lambda: inn.stack.answers("/who"), "the proxy is back")


def shell(inn: Lone, *words: str) -> str:
    """Return what ``teal WORDS`` prints for people."""
    environment = {**inn.teal.environment()}
    done = subprocess.run(
        [TEAL, *words], cwd=inn.stack.folder, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


@broken
def test_where_caddy_ends_inside_it_is_back_within_seconds_at_the_same_address(inn: Lone) -> None:
    show = "{{.Id}} {{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}"
    before = inn.own(show)
    kill = "for each in /proc/[0-9]*; do read name < $each/comm && [ $name = caddy ] && kill -9 ${each#/proc/}; done"
    with inn.users(FAST) as users:
        docker("exec", f"{inn.stack.project}-teal-proxy-1", "sh", "-c", f"{kill}; true")
        wait_until(lambda: bool(users.load.progress().faults), "users notice")
        wait_until(lambda: inn.stack.answers("/who"), "users are answered again")
    assert users.away < GAP
    assert inn.own(show) == before


@broken
@pytest.mark.parametrize("word", ["deploy", "rollback"])
def test_where_its_container_is_killed_the_next_command_starts_it(inn: Lone, word: str) -> None:
    docker("kill", f"{inn.stack.project}-teal-proxy-1")
    assert "teal-proxy" in "".join(inn.teal.status()["problems"])
    inn.teal.run(word, *(["--force"] if word == "deploy" else []))
    assert color(inn) == inn.active


@broken
def test_without_a_state_file_requests_wait_and_never_go_round_and_the_next_command_brings_it_back(inn: Lone) -> None:
    serves, answers = inn.active, list[str]()
    inn.state.unlink()
    asking = threading.Thread(target=lambda: answers.append(color(inn)))
    asking.start()
    time.sleep(1)
    assert not answers
    status = inn.teal.status()
    assert status["active"] is None
    assert "state file was lost" in status["interrupted"] or "wait" in json.dumps(status)
    inn.teal.run("cleanup")
    asking.join(10)
    assert answers == [serves]


def test_a_port_and_a_route_that_come_later_are_told_and_led_to_by_up(inn: Lone) -> None:
    file = inn.stack.folder / "compose.yml"
    old = file.read_text(encoding="utf-8")
    port, own = free_port(), free_port()
    more = f"    ports: ['127.0.0.1:{own}:3000']\n"
    text = old.replace('"9000"]', f'"9000", "127.0.0.1:{port}:3000"]')
    file.write_text(
        text.replace(
            "  store:\n", "  more:\n    <<: *app\n    environment: { SERVICE: more }\n" + more + "  store:\n", 1
        )
    )
    try:
        messages = {each["message"]: each["remedy"] for each in inn.teal.run("check", status=1).result["findings"]}
        said = "Teal's own proxy does not lead to more, port 3000, yet"
        assert "teal up teal-proxy" in messages[said]
        assert inn.teal.run("deploy", status=1).error["message"] == said
        inn.teal.run("up", "teal-proxy", "--yes")
        inn.teal.run("deploy")
        assert {color(inn, each) for each in (inn.port, api(inn), port, own)} == {inn.active}
    finally:
        file.write_text(old)
    inn.teal.run("deploy")
    inn.teal.run("up", "teal-proxy", "--yes")
    assert {color(inn, each) for each in (inn.port, api(inn))} == {inn.active}
    assert (refuses(port), refuses(own)) == (True, True)


def refuses(port: int) -> bool:
    """Tell whether nobody listens there."""
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) != 0


@broken
@pytest.mark.parametrize("point", ["before:give-back", "done:give-back", "beside"])
def test_a_leave_that_is_killed_while_the_ports_change_hands_is_undone_by_the_next_command(
    inn: Lone, point: str
) -> None:
    serves = inn.active
    assert inn.ended_at(point, signal.SIGKILL, "leave", "--yes").status == -signal.SIGKILL
    assert "before its switch" in inn.teal.status()["interrupted"]
    assert "undone" in inn.teal.run("cleanup").result["healed"]
    assert (color(inn), color(inn, api(inn)), inn.active) == (serves, serves, serves)
    assert inn.there("-teal") == {f"{inn.stack.project}-teal-proxy-1"}
    assert f"{inn.stack.project}-web-1" not in inn.there()


def test_leave_gives_the_ports_back_and_nothing_of_teals_is_left(inn: Lone) -> None:
    with inn.users(FAST) as users:
        ended = inn.teal.run("leave", "--yes")
    phases = ended.result["phases"]
    assert users.away < phases["give-back"] + phases["start"] + 1, (users.away, users.report.table())
    assert users.report.mixed == 0
    assert (color(inn), color(inn, api(inn))) == ("plain", "plain")
    assert not inn.there("-teal") | inn.there("-blue") | inn.there("-green")
    before = inn.there()
    assert "Recreated" not in inn.stack.compose("up", "--detach")
    assert inn.there() == before


@broken
def test_an_adoption_that_is_killed_after_its_switch_is_finished_by_the_next_command(inn: Lone) -> None:
    assert inn.ended_at("done:switch", signal.SIGKILL, "deploy", "--yes").status == -signal.SIGKILL
    assert "finished" in inn.teal.run("cleanup").result["healed"]
    assert (color(inn), inn.there("-teal")) == (inn.active, {f"{inn.stack.project}-teal-proxy-1"})
    assert f"{inn.stack.project}-web-1" not in inn.there()

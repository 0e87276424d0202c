"""What `teal check` says where no Docker Engine answers, no registry is reached, or there is no docker at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.engine.teal import Teal

pytestmark = pytest.mark.engine  # Compose reads the files; no engine is asked
NOWHERE = "unix:///run/no-docker.sock"
COMPOSE = """\
services:
  store: {image: "registry.invalid/postgres:16"}
  web: {build: ., ports: ["8000:8000"], restart: unless-stopped, environment: {METRICS_PASSWORD: orders}}
  orders-export: {build: ., command: export, volumes: ["orders-out:/srv/out"], restart: unless-stopped}
volumes: {orders-out: {}}
"""


@pytest.fixture
def teal(tmp_path: Path) -> Teal:
    """A folder with files, nothing of which was ever started."""
    (tmp_path / "home").mkdir()
    folder = tmp_path / "shop"
    folder.mkdir()
    (folder / "compose.yml").write_text(COMPOSE, encoding="utf-8")
    return Teal(folder, tmp_path / "home")


@pytest.mark.parametrize("engine", [{}, {"DOCKER_HOST": NOWHERE}], ids=["no registry", "no engine"])
def test_roles_and_findings_come_from_the_files(teal: Teal, engine: dict[str, str]) -> None:
    seen = teal.run("check", status=1, **engine).result
    assert {each["service"]: each["role"] for each in seen["roles"]} == {
        "store": "shared",
        "web": "route",
        "orders-export": "worker",
        "teal-proxy": "shared",
    }
    (asked,) = (each for each in seen["findings"] if each["level"] == "error")
    assert asked["message"].startswith("orders-export writes to /srv/out")
    assert "`safe_volumes: [orders-out]`" in asked["remedy"]
    assert seen["engine"] is not engine.get("DOCKER_HOST", "").startswith("unix")


def test_what_was_not_looked_at_is_one_note(teal: Teal) -> None:
    said = [
        each
        for each in teal.run("check", status=1, DOCKER_HOST=NOWHERE).result["findings"]
        if "Docker Engine" in each["message"]
    ]
    assert [each["level"] for each in said] == ["note"]
    assert "only the files were judged" in said[0]["message"]
    assert said[0]["remedy"].startswith("start it")


def test_each_finding_has_a_subject_and_is_said_once(teal: Teal) -> None:
    findings = teal.run("check", status=1).result["findings"]
    assert len({(each["where"], each["message"]) for each in findings}) == len(findings)
    assert not [each for each in findings if each["message"].startswith(("it ", "its ")) and not each["where"]]


def test_without_docker_there_is_one_clear_error(teal: Teal, tmp_path: Path) -> None:
    ended = teal.run("check", status=5, PATH=str(tmp_path))
    assert "there is no docker command" in ended.told

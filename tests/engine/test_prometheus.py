"""The rules in docs/prometheus under Debian's own Prometheus: checked, played, and one alert that fires."""

from __future__ import annotations

import functools
import http.server
import json
import subprocess
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from teal.adapters.telling.prometheus import write
from teal.core.model.units import Moment, ReleaseId
from teal.core.telling.metrics import Facts, Run, metrics
from tests.engine.stack import free_port, wait_until

pytestmark = [pytest.mark.long, pytest.mark.timeout(300)]
ROOT = Path(__file__).parents[2]
RULES = ROOT / "docs" / "prometheus"


@pytest.fixture(scope="module")
def programs() -> Path:
    found = subprocess.run([ROOT / "scripts" / "prometheus.sh"], stdout=subprocess.PIPE, text=True, check=True)
    return Path(found.stdout.strip())


def failed_deploy(path: Path) -> None:
    run = Run("deploy", "aborted", Moment(time.time() - 60), Moment(time.time() - 30), {})
    facts = Facts(
        "shop",
        {"blue": ("active", ReleaseId(41))},
        rollback=True,
        locked=None,
        runs=(run,),
        totals={("deploy", "aborted"): 1},
    )
    assert write(str(path), metrics(facts)) == ""


@contextmanager
def served(folder: Path) -> Iterator[int]:
    """Serve the files of *folder* on this machine, as node_exporter would."""
    handler = functools.partial(_Quiet, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_port
    finally:
        server.shutdown()


class _Quiet(http.server.SimpleHTTPRequestHandler):
    extensions_map = {".prom": "text/plain; version=0.0.4"}  # noqa: RUF012 (the base class has it so)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def test_promtool_finds_nothing_to_say(programs: Path, tmp_path: Path) -> None:
    failed_deploy(tmp_path / "shop.prom")
    with (tmp_path / "shop.prom").open() as told:
        checked = subprocess.run(
            [programs / "promtool", "check", "metrics"], stdin=told, capture_output=True, text=True
        )
    assert (checked.returncode, checked.stdout + checked.stderr) == (0, "")
    for words in (("check", "rules", "alerts.yml"), ("test", "rules", "alerts-test.yml")):
        ended = subprocess.run([programs / "promtool", *words], cwd=RULES, capture_output=True, text=True)
        assert ended.returncode == 0, ended.stdout + ended.stderr


def test_an_alert_fires_once_a_failed_deploy_was_scraped(programs: Path, tmp_path: Path) -> None:
    failed_deploy(tmp_path / "shop.prom")
    port = free_port()
    with served(tmp_path) as target:
        config = {
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": [str(RULES / "alerts.yml")],
            "scrape_configs": [
                {
                    "job_name": "teal",
                    "metrics_path": "/shop.prom",
                    "static_configs": [{"targets": [f"127.0.0.1:{target}"]}],
                }
            ],
        }
        (tmp_path / "prometheus.yml").write_text(json.dumps(config), encoding="utf-8")  # JSON is YAML
        argv = [programs / "prometheus", "--config.file=prometheus.yml", "--storage.tsdb.path=data"]
        with subprocess.Popen(
            [*argv, f"--web.listen-address=127.0.0.1:{port}"],
            cwd=tmp_path,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        ) as prometheus:
            try:
                wait_until(lambda: "TealDeployFailed" in firing(port), "the alert fires", within=60)
                assert firing(port) == {"TealDeployFailed": "shop"}
            finally:
                prometheus.terminate()


def firing(port: int) -> dict[str, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/api/v1/alerts", timeout=5) as answer:
            alerts: list[dict[str, Any]] = json.load(answer)["data"]["alerts"]
    except OSError:
        return {}
    return {a["labels"]["alertname"]: a["labels"]["project"] for a in alerts if a["state"] == "firing"}

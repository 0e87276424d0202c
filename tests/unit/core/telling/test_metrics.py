"""What Prometheus is told, that it can read it, and that the rules and the board in docs ask for nothing else."""

from __future__ import annotations

import json
import re
import stat
import threading
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from teal.adapters.telling.prometheus import write
from teal.core.model.units import Moment, ReleaseId, Seconds
from teal.core.telling.metrics import Facts, Run, metrics

DOCS = Path(__file__).parents[4] / "docs" / "prometheus"
RUNS = (
    Run("deploy", "", Moment(40.0), None, {}),
    Run("rollback", "done", Moment(30.0), Moment(35.0), {"start": Seconds(2.0)}),
    Run("deploy", "aborted", Moment(20.0), Moment(25.0), {"build": Seconds(1.0)}),
    Run("deploy", "done", Moment(10.0), Moment(15.0), {"build": Seconds(3.0), "start": Seconds(1.5)}),
)
FACTS = Facts(
    "shop",
    {"blue": ("active", ReleaseId(41)), "green": ("empty", None)},
    rollback=True,
    locked=None,
    runs=RUNS,
    totals={("deploy", "done"): 12, ("deploy", "aborted"): 1},
    users={"ok": 12431, "failed": 0},
    gap=Seconds(0.041),
)


def read(path: Path) -> dict[tuple[str, ...], float]:
    families = text_string_to_metric_families(path.read_text(encoding="utf-8"))
    return {
        (sample.name, *(value for key, value in sorted(sample.labels.items()) if key != "project")): sample.value
        for family in families
        for sample in family.samples
    }


def test_what_is_so_and_what_has_been_is_told(tmp_path: Path) -> None:
    path = tmp_path / "new" / "shop.prom"
    assert write(str(path), metrics(FACTS)) == ""
    assert read(path) == {
        ("teal_release", "blue", "active"): 41,
        ("teal_run_info", "rollback", "done"): 35,
        ("teal_run_info", "deploy", "aborted"): 25,
        ("teal_run_seconds", "build"): 3,
        ("teal_run_seconds", "start"): 1.5,
        ("teal_runs_total", "deploy", "aborted"): 1,
        ("teal_runs_total", "deploy", "done"): 12,
        ("teal_rollback_ready",): 1,
        ("teal_run_open",): 0,
        ("teal_lock_since_seconds",): 0,
        ("teal_deploy_requests", "ok"): 12431,
        ("teal_deploy_requests", "failed"): 0,
        ("teal_longest_gap_seconds",): 0.041,
    }
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert list(path.parent.iterdir()) == [path]


def test_what_nobody_measured_is_left_out() -> None:
    empty = Facts("shop", {}, rollback=False, locked=Moment(7.0), runs=(), totals={})
    assert [each.name for each in metrics(empty)] == ["teal_rollback_ready", "teal_run_open", "teal_lock_since_seconds"]


def test_no_reader_sees_half_a_file(tmp_path: Path) -> None:
    path, made, over = tmp_path / "shop.prom", metrics(FACTS), threading.Event()
    write(str(path), made)
    whole = path.read_bytes()

    def writing() -> None:
        while not over.is_set():
            write(str(path), made)

    writer = threading.Thread(target=writing)
    writer.start()
    try:
        assert all(path.read_bytes() == whole for _ in range(1000))
    finally:
        over.set()
        writer.join()


def test_a_place_that_can_not_be_written_is_a_reason_and_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    assert write(str(tmp_path / "file" / "shop.prom"), metrics(FACTS)) != ""


@pytest.mark.parametrize("name", ["alerts.yml", "board.json"])
def test_rules_and_board_ask_for_what_is_told(name: str) -> None:
    told = {f"{each.name}_total" if each.kind == "counter" else each.name for each in metrics(FACTS)}
    text = (DOCS / name).read_text(encoding="utf-8")
    asked = set(re.findall(r"\bteal_[a-z_]+\b", text))
    assert asked
    assert asked <= told


def test_the_board_is_one_that_grafana_imports() -> None:
    board = json.loads((DOCS / "board.json").read_text(encoding="utf-8"))
    assert board["title"] == "Teal"
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
    assert all(panel["targets"] for panel in board["panels"])

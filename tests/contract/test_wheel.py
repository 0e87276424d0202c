"""The built wheel holds all that the program needs, and runs in an environment of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PIP = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run([*PIP, "wheel", "--no-deps", "--wheel-dir", folder, ROOT], check=True, timeout=300)
    (found,) = folder.glob("teal_deploy-*.whl")
    return found


def test_the_wheel_brings_snippet_schemas_types_and_licence(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {
        "teal/py.typed",
        "teal/adapters/caddy/teal.caddy",
        "teal/schemas/status.json",
        "teal/schemas/teal.yml.json",
    } <= names
    assert any(name.endswith("licenses/LICENSE") for name in names)
    assert not [name for name in names if name.startswith(("tests/", "proof/", "examples/"))]


def test_the_installed_program_runs(wheel: Path, tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--clear", tmp_path / "venv"], check=True, timeout=300)
    python = tmp_path / "venv" / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", wheel], check=True, timeout=300)
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    said = subprocess.run(
        [python.with_name("teal"), "schema", "status"],
        env=clean,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert "properties" in said.stdout
    plugin = subprocess.run(
        [python.with_name("teal"), "plugin", "metadata"], env=clean, capture_output=True, text=True, check=True
    )
    assert json.loads(plugin.stdout)["SchemaVersion"] == "0.1.0"

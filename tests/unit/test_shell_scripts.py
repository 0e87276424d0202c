"""The scripts that prepare a machine fit the stacks that are run on it."""

import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
STACKS = [ROOT / "examples", ROOT / "tests" / "stacks"]


def listed_images() -> set[str]:
    script = ROOT / "scripts" / "base-images.sh"
    return set(subprocess.run([script, "--list"], check=True, capture_output=True, text=True).stdout.split())


def base_images(stack: Path) -> set[str]:
    return {
        match.group(1)
        for dockerfile in stack.rglob("Dockerfile*")
        for match in re.finditer(r"^FROM (\S+:\S+)", dockerfile.read_text(), re.MULTILINE)
    }


def service_images(stack: Path) -> set[str]:
    """Images of Compose files that name a fixed tag: what a stack builds itself has none, or a variable."""
    return {
        match.group(1)
        for file in stack.rglob("compose*.y*ml")
        for match in re.finditer(r"^\s+image: ([\w./-]+:[\w.-]+)$", file.read_text(), re.MULTILINE)
    }


@pytest.mark.parametrize("stack", STACKS, ids=lambda path: path.name)
def test_base_images_of_every_stack_are_provided(stack: Path) -> None:
    assert base_images(stack) | service_images(stack) <= listed_images()


@pytest.mark.parametrize("script", sorted((ROOT / "scripts").rglob("*.sh")), ids=lambda path: path.name)
def test_script_is_valid_shell(script: Path) -> None:
    shell = script.read_text().splitlines()[0].rpartition("/")[2] if script.name != "lib.sh" else "bash"
    subprocess.run([*shell.replace("env ", "").split(), "-n", script], check=True)


def test_every_make_target_is_explained() -> None:
    makefile = (ROOT / "Makefile").read_text()
    phony = re.search(r"^\.PHONY: (.+)$", makefile, re.MULTILINE)
    assert phony is not None
    shown = subprocess.run(["make", "-C", ROOT], check=True, capture_output=True, text=True).stdout
    assert {f"make {target}" for target in phony.group(1).split()} <= set(re.findall(r"make [a-z-]+", shown))

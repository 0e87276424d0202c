"""Stacks on the real Docker Engine, for the tests of this folder."""

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from teal.adapters.engine import DockerEngine
from tests.engine.owner import Owner
from tests.engine.sandbox import Sandbox
from tests.engine.server import Server
from tests.engine.stack import Stack, copy_stack, wait_until


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """The shop as plain ``docker compose up`` runs it; jobs of a vanished worker are claimed after 3 s."""
    stack = copy_stack("shop", tmp_path_factory.mktemp("shop") / "shop")
    settings = stack.folder / "settings.toml"
    text = settings.read_text(encoding="utf-8")
    assert "claim_after = 30" in text
    settings.write_text(text.replace("claim_after = 30", "claim_after = 3"), encoding="utf-8")
    try:
        stack.compose("up", "--detach", "--build", "--wait", within=300)
        wait_until(lambda: stack.answers("/") and stack.answers("/api/health"), "the shop answers")
        yield stack
    finally:
        stack.remove()


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A TimescaleDB of its own for the tests of a file."""
    box = Sandbox()
    try:
        yield Server(box)
    finally:
        box.clean()


@pytest.fixture
def anyio_backend() -> str:
    """Async tests run on asyncio."""
    return "asyncio"


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A stack of single containers, removed afterwards."""
    box = Sandbox()
    yield box
    box.clean()


@pytest.fixture
async def engine(anyio_backend: str) -> AsyncIterator[DockerEngine]:
    """The adapter of this machine's engine."""
    here = DockerEngine.here(os.environ)
    yield here
    await here.close()


@pytest.fixture
def owner(tmp_path: Path, sandbox: Sandbox) -> Owner:
    """A checkout with a Compose file, and the adapter over it."""
    return Owner(tmp_path, sandbox)

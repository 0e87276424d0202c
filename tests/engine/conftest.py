"""Stacks on the real Docker Engine, for the tests of this folder."""

from collections.abc import Iterator

import pytest

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

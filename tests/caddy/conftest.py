"""The world of these tests: a real Caddy on loopback, one for each file of tests."""

from collections.abc import AsyncIterator

import pytest

from tests.caddy.world import World


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    """Async tests run on asyncio."""
    return "asyncio"


@pytest.fixture(scope="module")
async def caddy(tmp_path_factory: pytest.TempPathFactory, anyio_backend: str) -> AsyncIterator[World]:
    async with World(tmp_path_factory.mktemp("caddy")) as made:
        yield made


@pytest.fixture
async def world(caddy: World) -> World:
    """One site over HTTP, the same over HTTPS; all backends serve, nothing has been asked, the state is plain."""
    await caddy.reset()
    return caddy

"""The host: memory, disk, hooks and the published color."""

import os
import stat

import pytest

from teal.adapters.host import Host, read_memory
from teal.adapters.state.directory import Home
from teal.errors import CheckFailed

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.fixture
def host(tmp_path):
    return Host(str(tmp_path), Home(tmp_path / "not" / "there", "yet"), {"PATH": os.environ["PATH"], "MINE": "1"})


def test_memory_is_read_in_bytes():
    text = "MemTotal:  2048 kB\nMemFree: 1 kB\nMemAvailable:   1024 kB\nHugePages_Total:  0\n"
    assert read_memory(text) == (2_097_152, 1_048_576)


def test_this_machine_has_memory_and_disk(host):
    total, available = host.memory()
    assert total > available > 0
    assert host.disk() > 0


def test_the_color_is_published_whole_and_for_all(host, tmp_path):
    assert host.published() is None
    host.publish("blue")
    host.publish("green")
    assert host.published() == "green"
    assert [path.name for path in tmp_path.iterdir()] == [".deployment-color"]
    assert stat.S_IMODE((tmp_path / ".deployment-color").stat().st_mode) == 0o644


def test_the_published_color_belongs_to_the_owner_of_the_checkout(host, tmp_path):
    if os.geteuid() == 0:
        os.chown(tmp_path, 1234, 1234)
    host.publish("blue")
    assert (tmp_path / ".deployment-color").stat().st_uid == tmp_path.stat().st_uid


def test_a_checkout_that_is_gone_is_an_os_error(tmp_path):
    host = Host(str(tmp_path / "gone"), Home(tmp_path, "shop"), {})
    with pytest.raises(OSError, match="gone"):
        host.publish("blue")
    assert host.published() is None


async def test_a_hook_runs_in_the_checkout_with_the_facts(host, tmp_path):
    told = []
    script = 'echo "$TEAL_COLOR $MINE"; pwd; echo "$PWD"; exit 4'
    assert await host.hook(["sh", "-c", script], {"TEAL_COLOR": "blue"}, on_line=told.append) == 4
    assert told == ["blue 1", str(tmp_path), str(tmp_path)]


async def test_a_hook_that_can_not_run_fails_the_check(host):
    with pytest.raises(CheckFailed, match=r"no-such-hook can't be run"):
        await host.hook(["./no-such-hook"], {}, on_line=print)


def test_secrets_are_letters_and_digits_and_differ(host):
    one, other = host.secret(), host.secret()
    assert one != other
    assert one.isalnum()
    assert len(one) == 32

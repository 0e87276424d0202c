"""What Docker says when something runs out, and what Teal says to it: before the switch, so that nothing was lost."""

from __future__ import annotations

import pytest

from teal.adapters.compose.cli import told_why
from teal.adapters.engine.api import EngineSaid
from teal.adapters.process import Ended
from teal.errors import Failed

POOLS = "all predefined address pools have been fully subnetted"


def test_an_engine_without_addresses_for_another_network_is_told_what_to_do_by_both_ways_to_it() -> None:
    by_api = EngineSaid(500, f'{{"message":"{POOLS}"}}'.encode())
    words = f"Network tale-green_default  Error\nfailed to create network tale-green_default: {POOLS}"
    by_compose = told_why(Failed("Compose can't create the containers of tale-green"), Ended(1, (words,)))
    for error in (by_api, by_compose):
        assert error.hint.startswith("the engine has no address left for another network. Remove those")
        assert "default-address-pools in /etc/docker/daemon.json" in error.hint
    assert POOLS in by_compose.detail


@pytest.mark.parametrize(
    ("said", "remedy"),
    [
        ("driver failed programming external connectivity: port is already allocated", "docker ps"),
        ("write /var/lib/docker: no space left on device", "docker system df"),
    ],
)
def test_what_runs_out_is_named_with_a_command_that_shows_it(said: str, remedy: str) -> None:
    assert remedy in EngineSaid(500, said.encode()).hint

"""What holds for all tests."""

import signal
from types import FrameType

import pytest


def pytest_configure(config: pytest.Config) -> None:
    """Let SIGTERM (of a CI that runs out of time) end a run as Ctrl-C does: fixtures still clean up."""

    def interrupt(signum: int, frame: FrameType | None) -> None:
        raise KeyboardInterrupt

    signal.signal(signal.SIGTERM, interrupt)

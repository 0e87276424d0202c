"""Random schedules of commands, kills and faults: no promise is broken in any, and the next deploy always ends well.

``make simulate`` plays many more; a failure prints the schedule, shortened, and the seed of its batch.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SCHEDULES = "4000"  # some minutes on two processors


@pytest.mark.timeout(1800)  # they may have
def test_no_schedule_breaks_a_promise() -> None:
    environment = {"SCHEDULES": SCHEDULES, "CRASHES": "0", **os.environ}
    play = [sys.executable, "-m", "tests.simulation"]
    ended = subprocess.run(play, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert "no promise was broken" in ended.stdout

"""Random schedules of commands, kills and faults: no promise is broken in any, and the next deploy always ends well.

``make simulate`` plays many more; a failure prints the schedule, shortened, and is played again from its seed.
"""

from __future__ import annotations

import os

from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from tests.simulation.chaos import Chaos

FEW = int(os.environ.get("SCHEDULES", "200"))
QUIETLY = settings(
    max_examples=FEW,
    stateful_step_count=6,
    deadline=None,
    database=None,
    derandomize=not os.environ.get("SEED"),
    print_blob=True,
    phases=list(Phase) if os.environ.get("SHRINK") else [Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def test_no_schedule_breaks_a_promise() -> None:
    run_state_machine_as_test(Chaos, settings=QUIETLY)

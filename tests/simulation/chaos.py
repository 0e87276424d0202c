"""Random schedules: commands of several operators, kills, calls that fail, faults of the world, in any order."""

from __future__ import annotations

import gc
from collections import Counter
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule

from teal.errors import Locked
from tests.simulated import Behaviour, Trouble
from tests.simulation.faults import FAULTS, make_good, remove_plainly, strike
from tests.simulation.simulation import Result, Simulation
from tests.simulation.stack import ROTATING

BEHAVIOURS = {
    "works": Behaviour(),
    "exits at once": Behaviour(exits_after=0.05),
    "exits after 5 s": Behaviour(exits_after=5.0),
    "never healthy": Behaviour(healthy=False),
    "never healthy, never said so": Behaviour(healthy=False, gives_up=1e6),
    "exits after the gate": Behaviour(exits_after_ready=0.4),
    "exits after the switch": Behaviour(exits_after_switch=0.6),
    "mute after the switch": Behaviour(mute_for_users=True),
    "out of memory": Behaviour(exits_after=2.0, oom=True, exit_code=137),
    "ignores SIGTERM": Behaviour(ignores_sigterm=True),
    "boots slowly": Behaviour(boot=9.0),
    "flaps": Behaviour(flaps=0.5),
    "can't be built": Behaviour(builds=False),
}
MIGRATIONS = {"works": Behaviour(), "fails": Behaviour(once_status=3), "takes long": Behaviour(once=12.0)}
TROUBLES = ("kill-before", "kill-after", "fail-before", "fail-after", "hang", "late")
COUNTS: Counter[str] = Counter()  # what has been played, over all schedules of this process

acting = st.builds(Trouble, st.integers(1, 110), st.sampled_from(TROUBLES))
looking = st.builds(Trouble, st.integers(1, 250), st.sampled_from(TROUBLES[2:]), look=st.just(value=True))
troubles = st.none() | acting | looking
meanwhiles = st.none() | st.tuples(st.floats(0.0, 25.0, width=16), st.sampled_from(sorted(FAULTS)))
failings = st.none() | st.tuples(st.sampled_from(ROTATING), st.sampled_from(sorted(BEHAVIOURS)))


class Chaos(RuleBasedStateMachine):
    """One schedule in one world; what is broken is told with the schedule that broke it."""

    def __init__(self) -> None:
        super().__init__()
        self.sim = Simulation(every=0.4)
        self.over = False
        COUNTS["schedules"] += 1

    @initialize(start=st.sampled_from(["plain", "adopted", "deployed"]))
    def begin(self, start: str) -> None:
        self.sim.plain_up()
        self.sim.users.flow()
        for _ in range(["plain", "adopted", "deployed"].index(start)):
            self.sim.new_source()
            self._play("deploy")

    @rule(
        command=st.sampled_from(["deploy", "deploy", "rollback", "cleanup", "leave", "up", "status"]),
        trouble=troubles,
        meanwhile=meanwhiles,
    )
    def command(self, command: str, trouble: Trouble | None, meanwhile: tuple[float, str] | None) -> None:
        self._play(command, trouble, meanwhile)

    @rule(failing=failings, migration=st.sampled_from(sorted(MIGRATIONS)), trouble=troubles, meanwhile=meanwhiles)
    def new_source(
        self,
        failing: tuple[str, str] | None,
        migration: str,
        trouble: Trouble | None,
        meanwhile: tuple[float, str] | None,
    ) -> None:
        version = self.sim.new_source(f"v{self.sim.world.source}")
        if failing is not None:
            COUNTS[f"{failing[0]} {failing[1]}"] += 1
            self.sim.world.behaviours[(failing[0], version)] = BEHAVIOURS[failing[1]]
        self.sim.world.behaviours[("migrate", version)] = MIGRATIONS[migration]
        self._play("deploy", trouble, meanwhile)

    @rule(keep=st.booleans(), trouble=troubles)
    def recreate(self, keep: bool, trouble: Trouble | None) -> None:
        self.sim.new_source()
        self._play("deploy", trouble, None, strategy="recreate", keep=keep)

    @rule(seconds=st.floats(0.0, 30.0, width=16), command=st.sampled_from(["deploy", "rollback", "cleanup", "leave"]))
    def interrupt(self, seconds: float, command: str) -> None:
        COUNTS["interrupts"] += 1
        task = self.sim.begin(command)
        self.sim.sleep(seconds)
        self.sim.interrupt(task)
        self._ended(self.sim.finish(task))

    @rule(
        first=st.sampled_from(["deploy", "rollback", "leave"]),
        second=st.sampled_from(["deploy", "rollback", "cleanup", "leave", "status", "up"]),
        after=st.floats(0.0, 25.0, width=16),
    )
    def two_operators(self, first: str, second: str, after: float) -> None:
        COUNTS["two operators"] += 1
        self.sim.new_source()
        one = self.sim.begin(first)
        self.sim.sleep(after)
        self._ended(self.sim.run(second))
        self._ended(self.sim.finish(one))

    @rule(names=st.lists(st.sampled_from(["deploy", "rollback", "cleanup", "leave", "up"]), min_size=3, max_size=6))
    def crowd(self, names: list[str]) -> None:
        COUNTS["crowds"] += 1
        self.sim.new_source()
        tasks = [self.sim.begin(name) for name in names]
        results = [self.sim.finish(task) for task in tasks]
        assert sum(isinstance(result.error, Locked) for result in results) < len(names), "nobody worked"
        self._ended(results[0])

    @rule(fault=st.sampled_from(sorted(FAULTS)))
    def fault(self, fault: str) -> None:
        self._strike(fault)

    @rule(seconds=st.floats(0.0, 40.0, width=16))
    def wait(self, seconds: float) -> None:
        self.sim.sleep(seconds)

    def _play(
        self, command: str, trouble: Trouble | None = None, meanwhile: tuple[float, str] | None = None, **options: Any
    ) -> None:
        task = self.sim.begin(command, *([trouble] if trouble else []), **options)
        if meanwhile is not None:
            self.sim.world.later(meanwhile[0], lambda: self._strike(meanwhile[1]))
        self._ended(self.sim.finish(task))

    def _strike(self, fault: str) -> None:
        """Let *fault* happen, unless the schedule is over."""
        if not self.over:
            COUNTS[fault] += strike(self.sim, fault)

    def _ended(self, result: Result) -> None:
        COUNTS["commands"] += 1
        for met in result.process.met:
            COUNTS[met.split()[0]] += 1
        self._whole("so far")

    def _whole(self, when: str) -> None:
        wrong = self.sim.promises.violations + self.sim.surprises
        assert not wrong, f"{when}: " + "; ".join(wrong[:5])

    def teardown(self) -> None:
        """Take the faults away: then a deploy, a rollback and some leave must end well, with no hand edit."""
        self.over = True
        make_good(self.sim)
        self._whole("at its end")
        self.sim.new_source("at last")
        self.sim.promises.stray = False
        for command in ("deploy", "rollback", *(["leave"] if self.sim.pids % 3 == 0 else [])):
            result = self.sim.run(command)
            if "run beside the active" in str(result.error) and self.sim.promises.forgetful:
                self.sim.promises.excuse(1.0)  # nobody knows any more that an adoption left them: as the hint says
                remove_plainly(self.sim)
                result = self.sim.run(command)
            if command != "rollback":
                assert result.ok, f"the last {command}: {result.error!r}"
            self.sim.promises.excused_until = 0.0
            self.sim.run("status")
            self.sim.sleep(1.0)
            self.sim.promises.settled(f"the last {command}")
            self._whole(f"after the last {command}")
        COUNTS["requests"] += self.sim.users.counts.total()
        COUNTS["virtual seconds"] += int(self.sim.loop.time())
        self.sim.close()
        if not gc.isenabled() and COUNTS["schedules"] % 50 == 0:
            gc.collect()

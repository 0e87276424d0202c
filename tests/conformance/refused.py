"""What Teal refuses: of every service the one thing that the table says, and nothing is begun."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass

from tests.conformance.generate import One
from tests.conformance.look import containers
from tests.conformance.world import TEAL, World


@dataclass(frozen=True, slots=True)
class Refusal:
    """A service that must be refused, what Teal should say of it, and what it says."""

    one: One
    wanted: tuple[str, ...]
    said: tuple[str, ...]
    remedies: tuple[str, ...]

    @property
    def holds(self) -> bool:
        return sorted(self.said) == sorted(self.wanted)


def refused(world: World) -> list[Refusal]:
    """Return what `teal check` says of each service of a stack; AssertionError where a deploy begins all the same."""
    world.plan.write(world.folder)
    checked = _teal(world, "check", "--json")
    findings = [each for each in json.loads(checked.stdout.splitlines()[-1])["findings"] if each["level"] == "error"]
    deploy = _teal(world, "deploy")
    assert deploy.returncode == 1, deploy.stdout + deploy.stderr
    for project in (world.project, f"{world.project}-blue", f"{world.project}-once"):
        assert containers(project) == [], project
    found = []
    for one in world.plan.ones:
        (case,) = one.cases
        if one.role in case.refused:
            mine = [each for each in findings if each["message"].startswith(f"{one.name} ")]
            wanted = tuple(world.plan.place.filled(list(case.refused[one.role]), one.name, one.at))
            messages, remedies = tuple(each["message"] for each in mine), tuple(each["remedy"] for each in mine)
            found.append(Refusal(one, wanted, messages, remedies))
    told = {message for each in found for message in each.said}
    others = [each["message"] for each in findings if each["message"] not in told]
    assert others == [], others
    return found


def _teal(world: World, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [TEAL, *words],
        cwd=world.folder,
        env=world.environment(),
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

"""Runs the cases on the real engine: in one stack of many keys a service, or each case in a service of its own."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from tests.conformance.case import RELEASED, ROLES, Case, packed
from tests.conformance.compare import Difference, Rule, Verdict, judge
from tests.conformance.created import created
from tests.conformance.differences import RULES
from tests.conformance.generate import Place, Plan, ones
from tests.conformance.look import said
from tests.conformance.refused import Refusal, refused
from tests.conformance.spec import KINDS, used
from tests.conformance.table import CASES
from tests.conformance.world import World
from tests.engine.stack import free_port

IMAGE = Path(__file__).parent / "image"
AT_ONCE = 20  # cases in one stack, where each has services of its own
Group = tuple[str, str, Sequence[Case]]  # name, role, cases


@dataclass
class Found:
    """What was found: how each service compared, and what was refused."""

    verdicts: list[Verdict] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)

    @property
    def unlisted(self) -> list[tuple[Verdict, Difference]]:
        """Return the differences that nobody has reviewed."""
        return [(verdict, each) for verdict in self.verdicts for each in verdict.unlisted]

    @property
    def wrong(self) -> list[Refusal]:
        """Return where something else is said than the table reviews."""
        return [each for each in self.refusals if not each.holds]

    @property
    def stale(self) -> list[Rule]:
        """Return the rules for certain cases that no case has needed, though all of them were run."""
        needed = {id(rule) for verdict in self.verdicts for _, rules in verdict.reviewed for rule in rules}
        run = {name for verdict in self.verdicts for name in verdict.cases}
        return [rule for rule in RULES if rule.cases and set(rule.cases) <= run and id(rule) not in needed]


def keys_of(case: Case, known: Iterable[str]) -> frozenset[str]:
    """Return those of the *known* keys of the specification that *case* uses."""
    every = frozenset(known)
    found = set(case.keys) | used("services", case.service, every)
    for kind, entries in case.top.items():
        if kind in KINDS:
            found |= {key for entry in entries.values() for key in used(kind, entry or {}, every)}
    return frozenset(found)


def run(folder: Path, *, alone: bool, tell: Callable[[str], None], cases: Sequence[Case] = CASES) -> Found:
    """Run *cases* below *folder*, each *alone* in its services or as many as go together, and say how far it is."""
    found = Found()
    with probe_image() as image, ThreadPoolExecutor() as beside:
        others = beside.submit(_others, folder, image, cases, tell)
        for groups in _stacks([case for case in cases if not case.created], alone=alone):
            with _world(folder, image, groups) as world:
                found.verdicts += _started(world, tell)
        verdicts, found.refusals = others.result()
        found.verdicts += verdicts
    return found


def _others(
    folder: Path, image: str, cases: Sequence[Case], tell: Callable[[str], None]
) -> tuple[list[Verdict], list[Refusal]]:
    """Return how what is only created compared, and what was refused."""
    with _world(folder, image, _each(cases, lambda case, role: bool(case.created) and role in RELEASED)) as world:
        tell(f"{len(world.plan.ones)} services that are only created")
        pairs = created(world)
        verdicts = [judge(one, *pairs[one.name], RULES) for one in world.plan.ones]
    sound: Group = ("sound", ROLES[0], [Case("sound", {})])
    with _world(folder, image, [sound, *_each(cases, lambda case, role: role in case.refused)]) as world:
        tell(f"{len(world.plan.ones) - 1} services that are refused")
        return verdicts, refused(world)


def _started(world: World, tell: Callable[[str], None]) -> Iterator[Verdict]:
    world.prepare()
    tell(f"{len(world.plan.ones)} services, plainly")
    plain = world.plainly()
    tell(f"{len(world.plan.ones)} services, by Teal")
    teal = world.by_teal()
    for one in world.plan.ones:
        yield judge(one, plain.get(one.name, []), teal.get(one.name, []), RULES)


def _stacks(cases: Sequence[Case], *, alone: bool) -> Iterator[list[Group]]:
    if alone:
        numbers = count()
        for begin in range(0, len(cases), AT_ONCE):
            yield list(_each(cases[begin : begin + AT_ONCE], Case.tried, numbers))
    else:
        yield [(f"s{at}", role, group) for role in ROLES for at, group in enumerate(packed(cases, role))]


def _each(
    cases: Iterable[Case], wanted: Callable[[Case, str], bool], numbers: Iterator[int] | None = None
) -> list[Group]:
    numbers = numbers or count()
    return [
        (f"s{at}", role, [case])
        for case, at in zip(cases, numbers, strict=False)
        for role in ROLES
        if wanted(case, role)
    ]


@contextmanager
def _world(folder: Path, image: str, groups: Iterable[Group]) -> Iterator[World]:
    """Yield a stack of *groups* that is removed afterwards."""
    project = f"teal-test-{os.getpid()}-conform-{secrets.token_hex(2)}"
    subnet = f"10.219.{os.getpid() % 250}"
    plan = Plan(Place(project, image, free_port(), subnet, _platform()), ones(groups))
    world = World(plan, folder / project, folder / f"{project}-home")
    try:
        yield world
    finally:
        world.remove()


@contextmanager
def probe_image() -> Iterator[str]:
    """Yield the image that every service runs, built for this run."""
    name = f"teal-test-{os.getpid()}-probe"
    subprocess.run(["docker", "build", "--quiet", "--tag", name, str(IMAGE)], check=True, capture_output=True)
    try:
        yield name
    finally:
        subprocess.run(["docker", "image", "rm", "--force", name], check=False, capture_output=True)


def _platform() -> str:
    server = json.loads(said("version", "--format", "{{json .Server}}"))
    return f"{server['Os']}/{server['Arch']}"

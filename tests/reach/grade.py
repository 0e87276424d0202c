"""Holds answers against what is right, and counts: plain values in, plain values out.

``grade`` is for stacks, ``accuracy`` for the corpus. Nothing here knows how an answer is made.
"""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from tests.reach.model import Answer, Case, Expect, MountCase, Outcome, Role, Stack, Verdict

READY = frozenset({Outcome.ZERO, Outcome.RECREATE})


class Mark(StrEnum):
    """What an outcome is worth."""

    ZERO = "ready with zero edits"
    LINES = "ready with at most five lines"
    REFUSED_RIGHTLY = "refused rightly"
    REFUSED_WRONGLY = "refused wrongly"
    REFUSED_OTHERWISE = "refused for another reason"
    READY_WRONGLY = "called ready, and is not"
    SILENT = "no outcome"


@dataclass(frozen=True)
class Graded:
    """One stack: the mark, and each thing that is wrong, in a line that begins with what it is."""

    name: str
    mark: Mark
    wrong: tuple[str, ...] = ()
    harmful: tuple[str, ...] = ()
    roles: tuple[int, int] = (0, 0)  # right, of
    ports: tuple[int, int] = (0, 0)
    mounts: tuple[int, int] = (0, 0)
    asked: int = 0  # mounts that needed no question
    takes: tuple[int, int] = (0, 0)


@dataclass(frozen=True)
class Accuracy:
    """The corpus: right, harmful and asked needlessly of all, and what was taken for what."""

    right: int
    harmful: tuple[str, ...]
    asked: int
    of: int
    confusion: Counter[tuple[str, str]] = field(default_factory=Counter)  # (right, said)


def grade(stack: Stack, answer: Answer) -> Graded:
    """One answer against what is right."""
    wrong: list[str] = []
    harmful: list[str] = []
    expect = stack.expect
    roles = 0
    for name, right in expect.services.items():
        said = answer.roles.get(name, Role.TOOL if right.role is Role.TOOL else None)
        if said == right.role or said in right.accept:
            roles += 1
            continue
        (harmful if said in right.harms else wrong).append(f"role {name}: {right.role}, said {said}")
    wrong += [f"role {name}: no such service" for name in sorted(set(answer.roles) - set(expect.services))]
    ports = _ports(expect, answer, wrong)
    mounts, asked = _mounts(expect, answer, wrong, harmful)
    wanted = {one.place for one in expect.outside if not one.stays}
    wrong += [f"takes {place}: left" for place in sorted(wanted - answer.takes)]
    # Another thing of a route may be taken, too: what stays or isn't named must not be.
    stays = {one.place for one in expect.outside if one.stays}
    harmful += [f"takes {place}: it stays with its service" for place in sorted(stays & answer.takes)]
    if answer.front != expect.front:
        wrong.append(f"front: {expect.front}, said {answer.front}")
    mark = mark_of(expect, answer)
    if mark is Mark.READY_WRONGLY:
        harmful.append(f"outcome: {expect.outcome}, said {answer.outcome}")
    elif mark not in (Mark.ZERO, Mark.REFUSED_RIGHTLY) and answer.outcome != expect.outcome:
        wrong.append(f"outcome: {expect.outcome}, said {answer.outcome}")
    return Graded(
        stack.name,
        mark,
        tuple(wrong),
        tuple(harmful),
        (roles, len(expect.services)),
        ports,
        (mounts, len(expect.mounts)),
        asked,
        (len(wanted & answer.takes), len(wanted)),
    )


def mark_of(expect: Expect, answer: Answer) -> Mark:
    """What the outcome is worth. Several reasons may be given: one that is right must be among them."""
    fine = expect.accept | {expect.outcome}
    said = answer.outcome
    if said is None:
        return Mark.SILENT
    if said in READY:
        return Mark.ZERO if said in fine else Mark.READY_WRONGLY
    if said is Outcome.LINES:
        return Mark.LINES if Outcome.REFUSED not in fine or fine & {Outcome.LINES, *READY} else Mark.READY_WRONGLY
    if Outcome.REFUSED not in fine:
        return Mark.REFUSED_WRONGLY
    return Mark.REFUSED_RIGHTLY if answer.reasons & expect.reasons else Mark.REFUSED_OTHERWISE


def _ports(expect: Expect, answer: Answer, wrong: list[str]) -> tuple[int, int]:
    """Of the routes that were told as routes."""
    right = of = 0
    for name, service in expect.services.items():
        if service.port is None or answer.roles.get(name) is not Role.ROUTE:
            continue
        of += 1
        said = answer.ports.get(name)
        right += said == service.port
        if said != service.port:
            wrong.append(f"port {name}: {service.port}, said {said}")
    return right, of


def _mounts(expect: Expect, answer: Answer, wrong: list[str], harmful: list[str]) -> tuple[int, int]:
    right = asked = 0
    for name, mount in expect.mounts.items():
        said = answer.mounts.get(name)
        needless = said is None and _one_at_a_time(expect, answer, name.split(":")[0])
        if said == mount.verdict or said in mount.accept or needless:
            right += 1
        else:
            asked += said is Verdict.ASK
            (harmful if said in mount.harms else wrong).append(f"mount {name}: {mount.verdict}, said {said}")
    return right, asked


def _one_at_a_time(expect: Expect, answer: Answer, service: str) -> bool:
    """Whether the service rightly has a role of which no two run at once: then nobody need judge its mounts."""
    said, right = answer.roles.get(service), expect.services[service]
    return said in {Role.SHARED, Role.SINGLETON, Role.ONE_SHOT, Role.TOOL} and (
        said == right.role or said in right.accept
    )


Said = tuple[Role | Verdict | None, int | None]
"""Of a case: the role, with the port of a route; or the verdict."""


def accuracy(cases: Iterable[Case] | Iterable[MountCase], say: Callable[[Case | MountCase], Said]) -> Accuracy:
    """*say* gives the role (with the port of a route) or the verdict of a case."""
    right = asked = of = 0
    harmful: list[str] = []
    confusion: Counter[tuple[str, str]] = Counter()
    for case in cases:
        of += 1
        said, port = say(case)
        wanted = case.right.role if isinstance(case, Case) else case.right.verdict
        fits = said == wanted or said in case.right.accept
        if fits and said is Role.ROUTE and isinstance(case, Case) and case.right.port not in (None, port):
            confusion[f"port {case.right.port}", f"port {port}"] += 1
            continue
        right += fits
        if not fits:
            confusion[str(wanted), str(said)] += 1
            asked += said is Verdict.ASK
            if said in case.right.harms:
                harmful.append(f"{case.name}: {wanted}, said {said}")
    return Accuracy(right, tuple(harmful), asked, of, confusion)

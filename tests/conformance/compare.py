"""Compares a container of the plain stack with Teal's, and says which differences nobody has reviewed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

from tests.conformance.case import ROLES
from tests.conformance.flatten import Flat
from tests.conformance.generate import One

ABSENT = "(absent)"


@dataclass(frozen=True, slots=True)
class Difference:
    """One value that isn't the same: at *path*, plainly and by Teal."""

    path: str
    plain: Any
    teal: Any

    def __str__(self) -> str:
        return f"{self.path}: {self.plain!r} -> {self.teal!r}"


@dataclass(frozen=True, slots=True)
class Rule:
    """A reviewed difference: where it may be, what it may be, and why."""

    path: str  # with * for anything
    reason: str
    roles: Sequence[str] = ROLES
    cases: Sequence[str] = ()  # those whose keys make it; empty where every service has it
    keys: Sequence[str] = ()  # with which these begin, of the specification's; empty for all that the cases use
    holds: Callable[[Any, Any], bool] = field(default=lambda plain, teal: True)

    def is_of(self, key: str) -> bool:
        """Tell whether *key* of the specification makes it."""
        return not self.keys or any(key == each or key.startswith(f"{each}.") for each in self.keys)

    def covers(self, difference: Difference, role: str, cases: Iterable[str]) -> bool:
        """Tell whether *difference*, of a service that stands for *cases*, is this one."""
        return (
            role in self.roles
            and (not self.cases or bool(set(self.cases) & set(cases)))
            and fnmatchcase(difference.path, self.path)
            and self.holds(difference.plain, difference.teal)
        )


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the comparison of one service found: reviewed differences, each with the rule that allows it, and others."""

    service: str
    role: str
    cases: Sequence[str]
    reviewed: Sequence[tuple[Difference, Sequence[Rule]]]
    unlisted: Sequence[Difference]

    def reasons(self, case: str, key: str) -> tuple[str, ...]:
        """Return why it differs by *key* of *case*, empty where that is equal but for what all services have."""
        rules = (rule for _, rules in self.reviewed for rule in rules if case in rule.cases)
        return tuple(dict.fromkeys(rule.reason for rule in rules if rule.is_of(key)))


def judge(one: One, plain: Sequence[Flat], teal: Sequence[Flat], rules: Sequence[Rule]) -> Verdict:
    """Compare the containers of a service, in the order of their names."""
    cases = [case.name for case in one.cases]
    found = [Difference("containers", len(plain), len(teal))] if len(plain) != len(teal) else []
    found += [each for pair in zip(plain, teal, strict=False) for each in differences(*pair)]
    allowed = [(each, [rule for rule in rules if rule.covers(each, one.role, cases)]) for each in found]
    return Verdict(
        one.name,
        one.role,
        cases,
        [(each, rules) for each, rules in allowed if rules],
        [each for each, rules in allowed if not rules],
    )


def differences(plain: Flat, teal: Flat) -> list[Difference]:
    """Return every difference, by path."""
    paths = sorted(plain.keys() | teal.keys())
    every = (Difference(path, plain.get(path, ABSENT), teal.get(path, ABSENT)) for path in paths)
    return [each for each in every if each.plain != each.teal]

"""A case: a few lines of a Compose file that use some of its keys, and what is known of them beforehand."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Tree = dict[str, Any]

ROUTE, JOB, ONCE, SHARED = "route", "worker", "one-shot", "shared"  # JOB: a worker, or a singleton
ROLES = (ROUTE, JOB, ONCE, SHARED)
COLORED = (ROUTE, JOB)
RELEASED = (ROUTE, JOB, ONCE)

# Which keys of a service add up, so that several cases of one key can share a service.
ADDING = frozenset({"environment", "labels", "volumes", "secrets", "configs", "annotations", "networks", "extra_hosts"})


@dataclass(frozen=True, slots=True)
class Case:
    """What a service and the top level of a file say for it. Text may hold {service}, {project} and {at} (a number)."""

    name: str
    service: Tree
    top: Mapping[str, Tree] = field(default_factory=dict)
    roles: Sequence[str] = ROLES
    asks: Sequence[str] = ()  # names that a process inside looks up
    later: Sequence[str] = ()  # files that are looked at once it runs
    alone: bool = False  # it can't share a service with another case
    apart: frozenset[str] = frozenset()  # keys that the others which share its service may not have
    refused: Mapping[str, Sequence[str]] = field(default_factory=dict)  # role -> each thing that Teal says
    left_out: Mapping[str, str] = field(default_factory=dict)  # role -> why it can't be tried there
    created: str = ""  # why the containers are made and compared, but never started
    teal: Tree = field(default_factory=dict)  # what teal.yml says for it
    written: str = ""  # the service as text of a file that is included, in place of what *service* says
    keys: Sequence[str] = ()  # keys of the specification that its text uses, beside those of *service* and *top*

    def tried(self, role: str) -> bool:
        """Tell whether it runs on a service of *role*."""
        return role in self.roles and role not in self.refused and role not in self.left_out

    def fits(self, others: Iterable[Case]) -> bool:
        """Tell whether it can share a service with *others*."""
        for other in others:
            if self.alone or other.alone or bool(self.created) != bool(other.created):
                return False
            if self.apart & set(other.service) or other.apart & set(self.service):
                return False
            if any(
                not _adds(key, self.service[key], other.service[key]) for key in self.service.keys() & other.service
            ):
                return False
        return True


def refusing(roles: Iterable[str], *said: str) -> Mapping[str, Sequence[str]]:
    """Return that Teal says all of this of a service with any of *roles*."""
    return dict.fromkeys(roles, said)


def _adds(key: str, one: Any, other: Any) -> bool:
    if key not in ADDING or type(one) is not type(other):
        return False
    return isinstance(one, list) or not one.keys() & other.keys()


def merged(cases: Iterable[Case]) -> Tree:
    """Return what the service of all *cases* together says."""
    found: Tree = {}
    for case in cases:
        for key, value in case.service.items():
            before = found.get(key)
            if isinstance(before, list) and isinstance(value, list):
                found[key] = [*before, *value]
            elif isinstance(before, dict) and isinstance(value, dict):
                found[key] = {**before, **value}
            else:
                found[key] = value
    return found


def packed(cases: Iterable[Case], role: str) -> list[list[Case]]:
    """Return *cases* in as few groups as can share a service."""
    groups: list[list[Case]] = []
    for case in cases:
        if not case.tried(role):
            continue
        home = next((group for group in groups if case.fits(group)), None)
        if home is None:
            groups.append([case])
        else:
            home.append(case)
    return groups

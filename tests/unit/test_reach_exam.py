"""The exam of "any Compose stack" (tests/reach) is whole, strictly read, and counts what it should."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from ruamel.yaml import YAML

from tests.reach import __main__ as command
from tests.reach import load
from tests.reach.grade import Mark, accuracy, grade
from tests.reach.images import images
from tests.reach.model import Answer, Case, Front, MountCase, Outcome, Reason, Role, Stack, Verdict

STACKS = load.stacks()
SERVICES = load.services()
MOUNTS = load.mounts()
BY_NAME = {stack.name: stack for stack in STACKS}
PULLED = {"caddy:2.11", "python:3.13-slim", "redis:8", "timescale/timescaledb-ha:pg17"}  # scripts/base-images.sh


def perfect(stack: Stack) -> Answer:
    """What the exam wants to hear."""
    expect = stack.expect
    return Answer(
        roles={name: one.role for name, one in expect.services.items()},
        ports={name: one.port for name, one in expect.services.items() if one.port},
        mounts={name: one.verdict for name, one in expect.mounts.items()},
        takes=frozenset(one.place for one in expect.outside if not one.stays),
        front=expect.front,
        outcome=expect.outcome,
        reasons=expect.reasons,
    )


def model(stack: Stack) -> dict[str, Any]:
    """The services of the stack's Compose files, put together roughly."""
    merged: dict[str, Any] = {}
    names = ("compose.yml", "compose.yaml", "docker-compose.yml", "docker-compose.override.yml")
    files = [stack.folder / name for name in names if (stack.folder / name).exists()]
    for path in files:
        said = YAML(typ="safe").load(path)
        files += [stack.folder / one for one in said.get("include", [])]
        for name, service in said["services"].items():
            merged[name] = {**service, **merged.get(name, {})}
    return merged


def writable(service: dict[str, Any]) -> Iterator[str]:
    """Targets of its mounts that aren't read-only, sockets of the engine and the host's own files apart."""
    for mount in service.get("volumes", []):
        if isinstance(mount, dict):
            if not mount.get("read_only"):
                yield mount["target"]
        elif not mount.endswith(":ro") and not mount.startswith(("/var/run", "/etc", "/sys", "/:")):
            yield mount.removesuffix(":rw").split(":")[-1]


def test_the_open_half_is_large_and_balanced() -> None:
    assert len(STACKS) >= 60
    assert len(SERVICES) >= 150
    assert len(MOUNTS) >= 120
    assert {stack.expect.front for stack in STACKS} == set(Front)
    assert {stack.expect.outcome for stack in STACKS} == set(Outcome)
    assert {one.right.role for one in SERVICES} == set(Role)
    assert {one.right.verdict for one in MOUNTS} == set(Verdict)
    for cases in (SERVICES, MOUNTS):
        assert len({case.name for case in cases}) == len(cases)


@pytest.mark.parametrize("stack", STACKS, ids=lambda stack: stack.name)
def test_a_stack_is_whole(stack: Stack) -> None:
    expect, services = stack.expect, model(stack)
    assert (stack.folder / "README.md").read_text(encoding="utf-8").splitlines()[0] == f"# {expect.kind}"
    assert set(expect.services) == set(services)
    assert {one.of.split(":")[0] for one in expect.outside} <= set(services)
    assert expect.looks or expect.idle
    assert bool(expect.reasons) == bool({expect.outcome, *expect.accept} & {Outcome.REFUSED, Outcome.LINES})
    for name, one in expect.services.items():
        assert (one.port is not None) == (one.role is Role.ROUTE), name
    judged = {name for name, one in expect.services.items() if one.role not in (Role.SHARED, Role.TOOL)}
    mounts = {f"{name}:{target}" for name in judged for target in writable(services[name])}
    assert mounts <= set(expect.mounts)
    assert {name.split(":")[0] for name in expect.mounts} <= set(services)
    for name, mount in expect.mounts.items():
        assert (mount.truth is not None) == (mount.verdict is Verdict.ASK), name


def test_each_image_of_a_stack_has_a_stand_in() -> None:
    known = {*images(), *PULLED}
    for stack in STACKS:
        for name, service in model(stack).items():
            image = service.get("image", "").removeprefix("docker.io/")
            if image and "build" not in service and "$" not in image:
                assert image in known, f"{stack.name}: {name}"


def test_an_answer_that_is_right_is_all_right() -> None:
    for stack in STACKS:
        graded = grade(stack, perfect(stack))
        assert not graded.wrong + graded.harmful, stack.name
        assert graded.roles[0] == graded.roles[1]
        assert graded.mark in (Mark.ZERO, Mark.LINES, Mark.REFUSED_RIGHTLY)


def test_what_does_harm_is_told_apart() -> None:
    stack = next(one for one in STACKS if one.expect.outcome is Outcome.RECREATE)
    unsafe = {name for name, one in stack.expect.mounts.items() if one.verdict in (Verdict.UNSAFE, Verdict.ASK)}
    answer = msgspec.structs.replace(perfect(stack), mounts=dict.fromkeys(unsafe, Verdict.SAFE), outcome=Outcome.ZERO)
    graded = grade(stack, answer)
    assert graded.mark is Mark.READY_WRONGLY
    assert sum(text.startswith("mount") for text in graded.harmful) == len(unsafe)


def test_a_store_that_rotates_does_harm_and_a_missing_role_is_only_wrong() -> None:
    stack = next(one for one in STACKS if any(each.role is Role.SHARED for each in one.expect.services.values()))
    store = next(name for name, each in stack.expect.services.items() if each.role is Role.SHARED and each.harms)
    right = perfect(stack)
    rotates = grade(stack, msgspec.structs.replace(right, roles={**right.roles, store: Role.WORKER}))
    assert rotates.harmful == (f"role {store}: shared, said worker",)
    missing = grade(stack, msgspec.structs.replace(right, roles={k: v for k, v in right.roles.items() if k != store}))
    assert (missing.harmful, missing.roles[0]) == ((), rotates.roles[0])


def test_mounts_need_a_verdict_only_where_two_may_run_at_once() -> None:
    stack = BY_NAME["clock-tower"]
    right = perfect(stack)
    name = "certbot:/etc/letsencrypt"
    without = {key: value for key, value in right.mounts.items() if key != name}
    quiet = msgspec.structs.replace(right, mounts=without)
    assert grade(stack, quiet).mounts == (len(right.mounts), len(right.mounts))
    rotates = msgspec.structs.replace(quiet, roles={**right.roles, "certbot": Role.WORKER})
    assert grade(stack, rotates).mounts == (len(right.mounts) - 1, len(right.mounts))


def test_a_refusal_needs_the_right_reason() -> None:
    refused = next(one for one in STACKS if one.expect.reasons == {Reason.SOURCE})
    right = perfect(refused)
    assert grade(refused, right).mark is Mark.REFUSED_RIGHTLY
    other = msgspec.structs.replace(right, reasons=frozenset({Reason.NOTHING}))
    assert grade(refused, other).mark is Mark.REFUSED_OTHERWISE
    assert grade(refused, msgspec.structs.replace(right, outcome=Outcome.ZERO)).mark is Mark.READY_WRONGLY
    assert grade(refused, msgspec.structs.replace(right, outcome=Outcome.LINES)).mark is Mark.READY_WRONGLY
    ready = next(one for one in STACKS if one.expect.outcome is Outcome.ZERO and not one.expect.accept)
    refuses = msgspec.structs.replace(perfect(ready), outcome=Outcome.REFUSED)
    assert grade(ready, refuses).mark is Mark.REFUSED_WRONGLY


def test_the_corpus_counts_right_harmful_and_asked() -> None:
    def right(case: Case | MountCase) -> tuple[Role | Verdict | None, int | None]:
        return (case.right.role, case.right.port) if isinstance(case, Case) else (case.right.verdict, None)

    for cases in (SERVICES, MOUNTS):
        figures = accuracy(cases, right)
        assert (figures.right, figures.harmful, figures.asked) == (len(cases), (), 0)
    safe = accuracy(MOUNTS, lambda case: (Verdict.SAFE, None))
    unsafe = [one for one in MOUNTS if Verdict.SAFE in one.right.harms]
    assert len(safe.harmful) == len(unsafe)
    ask = accuracy(MOUNTS, lambda case: (Verdict.ASK, None))
    assert (ask.harmful, ask.asked) == ((), len(MOUNTS) - ask.right)
    ports = accuracy(SERVICES, lambda case: (right(case)[0], 1))
    assert ports.right == sum(1 for one in SERVICES if one.right.port is None)


def test_a_case_is_laid_out_as_a_person_would_have_it(tmp_path: Path) -> None:
    case = next(one for one in MOUNTS if any(name.endswith("/") for name in one.files))
    compose = load.write(case, tmp_path)
    assert YAML(typ="safe").load(compose) == case.compose
    for name in case.files:
        assert (tmp_path / name).is_dir() == name.endswith("/")


def test_a_stack_that_is_not_of_the_exams_shape_is_refused_by_file_and_name(tmp_path: Path) -> None:
    folder = tmp_path / "odd"
    folder.mkdir()
    (folder / "expect.yml").write_text(
        "kind: a\nfront: nobody\nservices: {web: rotating}\noutcome: zero\n", encoding="utf-8"
    )
    with pytest.raises(ValueError, match=r"expect\.yml: odd: Invalid enum value 'rotating'"):
        load.stack(folder)
    (folder / "expect.yml").write_text(
        "kind: a\nfront: nobody\nservices: {}\noutcome: zero\nouter: []\n", encoding="utf-8"
    )
    with pytest.raises(ValueError, match="unknown field `outer`"):
        load.stack(folder)


def test_a_file_of_answers_gives_the_whole_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    stack = next(one for one in STACKS if one.expect.outcome is Outcome.ZERO)
    answers = {
        "stacks": {stack.name: msgspec.to_builtins(perfect(stack))},
        "services": {SERVICES[0].name: f"{SERVICES[0].right.role} {SERVICES[0].right.port or ''}".strip()},
        "mounts": {MOUNTS[0].name: str(MOUNTS[0].right.verdict)},
    }
    file = tmp_path / "answers.yml"
    with file.open("w", encoding="utf-8") as out:
        YAML(typ="safe").dump(answers, out)
    said = command.Answers(file)
    table = command.lines(load.HERE, said.of, said.of_case)
    count = {line[:32].strip(): line[32:].strip() for line in table}
    assert count["ready with zero edits"] == "1"
    assert count["no outcome"] == str(len(STACKS) - 1)
    assert count["roles harmful"] == "0"
    assert any(line.startswith(f"services: 1 of {len(SERVICES)} right") for line in table)
    assert any(line.startswith(f"mounts: 1 of {len(MOUNTS)} right") for line in table)

"""What a person sees and is asked before a contract or a window, and what is refused where nobody is there."""

from __future__ import annotations

from dataclasses import replace

import pytest
from msgspec import structs

from teal.cli.commands import migrate
from teal.cli.main import run
from teal.core.migrations.gate import Condition
from teal.core.planning.rollback_floor import Floor
from teal.run.api import DeployResult
from teal.run.migrations.results import ContractResult
from tests.unit.cli.library import FakeLibrary, session
from tests.unit.cli.test_cli import STATUS

SEEN = ContractResult(
    "tale",
    "0007_writer",
    "planned",
    7,
    (
        Condition("kept", met=False, evidence="kept for a rollback: release 6", opens="--give-up"),
        Condition("delay", met=True, evidence="it came 2 d ago"),
    ),
    gives_up=(6,),
)
DONE = structs.replace(SEEN, outcome="done", conditions=tuple(replace(each, met=True) for each in SEEN.conditions))


def options(library: FakeLibrary) -> list[tuple[bool, bool, bool]]:
    """Return of each call whether it was dry, gave the rollback up and was confirmed."""
    asked = [args[1] for name, args, _ in library.calls if name == "migrate_contract"]
    return [(each.dry_run, each.give_up, each.confirmed) for each in asked]


def test_a_dry_run_shows_each_condition_with_its_evidence_and_what_opens_it(capsys) -> None:
    library = FakeLibrary(migrate_contract=SEEN)
    assert run(["migrate", "contract", "--dry-run", "--trust", "pooler"], session(library)) == 0
    shown = capsys.readouterr().out
    assert "✗ kept       kept for a rollback: release 6\n" in shown
    assert "✓ delay      it came 2 d ago" in shown
    assert "--give-up" in shown
    assert options(library) == [(True, False, False)]
    assert library.calls[0][1][1].trusted == {"pooler"}


def test_without_yes_nothing_is_run_where_nobody_can_answer(capsys) -> None:
    for command in (["migrate", "contract"], ["--json", "migrate", "contract"]):
        library = FakeLibrary(migrate_contract=SEEN)
        assert run(command, session(library)) == 1
        assert options(library) == [(True, False, False)]
    assert "add --yes" in capsys.readouterr().err


@pytest.mark.parametrize(("answers", "give_up"), [([True, True], True), ([False, True], False)])
def test_on_a_terminal_the_rollback_is_asked_for_and_then_the_contract(monkeypatch, answers, give_up) -> None:
    said = list(answers)
    library = FakeLibrary(migrate_contract=SEEN)
    monkeypatch.setattr(migrate, "interactive", lambda: True)
    monkeypatch.setattr("teal.cli.results.interactive", lambda: True)
    monkeypatch.setattr("click.confirm", lambda *_, **__: said.pop(0))
    assert run(["migrate", "contract"], session(library)) == 0
    assert options(library) == [(True, False, False), (False, give_up, True)]
    assert library.calls[1][1][0] == "0007_writer"
    assert said == []


def test_yes_runs_it_at_once_and_says_what_became_of_the_floor(capsys) -> None:
    library = FakeLibrary(migrate_contract=DONE)
    assert run(["migrate", "contract", "0007_writer", "--give-up", "--yes"], session(library)) == 0
    assert options(library) == [(False, True, True)]
    shown = capsys.readouterr().out
    assert "was run: no release before 7 can come back; the way back to release 6 was given up" in shown


def test_a_soft_contract_says_how_to_undo_it_and_undo_that_it_is_back(capsys) -> None:
    library = FakeLibrary(
        migrate_contract=structs.replace(DONE, outcome="soft"), migrate_undo=structs.replace(DONE, outcome="undone")
    )
    assert run(["migrate", "contract", "--soft", "--yes"], session(library)) == 0
    assert "`teal migrate undo 0007_writer` brings the columns back" in capsys.readouterr().out
    assert run(["migrate", "undo", "0007_writer"], session(library)) == 0
    assert "what its soft form had renamed is back" in capsys.readouterr().out


def test_a_window_asks_before_users_are_kept_away(capsys) -> None:
    library = FakeLibrary(deploy=DeployResult("migrate-window", "tale", "planned", 8, 7, None, None))
    assert run(["migrate", "window"], session(library)) == 1
    assert "users wait meanwhile" in capsys.readouterr().err
    assert run(["migrate", "window", "--maintenance", "--yes"], session(library)) == 0
    chosen = library.calls[-1][1][0]
    assert (chosen.strategy, chosen.window, chosen.page, chosen.force) == ("recreate", True, True, True)


def test_status_shows_the_floor_and_why(capsys) -> None:
    floor = Floor(7, "0007_writer", 1_764_000_000.0, "author is writer now")
    library = FakeLibrary(status=structs.replace(STATUS, floor=floor))
    assert run(["status"], session(library)) == 0
    shown = capsys.readouterr().out
    assert "rollback floor: release 7, since contract 0007_writer was run at" in shown
    assert "(author is writer now)" in shown
    window = FakeLibrary(status=structs.replace(STATUS, floor=replace(floor, contract="0008_names.window")))
    assert run(["status"], session(window)) == 0
    assert "since window 0008_names was run at" in capsys.readouterr().out

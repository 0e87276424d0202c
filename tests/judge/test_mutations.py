"""A rule that says nothing, or that says something everywhere, is caught by the corpus."""

from dataclasses import replace

import pytest

from teal.core.judge import rule as rules
from teal.core.judge.rule import RULES
from tests.judge.corpus import Entry, load

ENTRIES = load()


def wrong(entries: list[Entry]) -> bool:
    """Whether the judge contradicts the label of one of *entries*."""
    for entry in entries:
        findings = entry.findings
        refused = {one.rule for one in findings if one.excused is None}
        excused = {one.rule for one in findings if one.excused is not None}
        if (refused, excused) != (entry.refused, entry.excused):
            return True
    return False


@pytest.mark.parametrize("name", RULES)
def test_a_rule_that_is_silent_is_caught(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(RULES, name, replace(RULES[name], check=lambda action, known: False))
    assert wrong([entry for entry in ENTRIES if name in entry.refused | entry.excused])


@pytest.mark.parametrize("name", [name for name, one in RULES.items() if one.check is not rules.always])
def test_a_rule_that_is_blind_to_what_it_asks_is_caught(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(RULES, name, replace(RULES[name], check=rules.always))
    assert wrong([entry for entry in ENTRIES if name not in entry.refused | entry.excused])


@pytest.mark.parametrize("name", RULES)
def test_a_rule_that_forgets_its_phases_is_caught(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if RULES[name].phases == rules.ALWAYS:
        monkeypatch.setitem(RULES, name, replace(RULES[name], phases=()))
    else:
        monkeypatch.setitem(RULES, name, replace(RULES[name], phases=rules.ALWAYS))
    assert wrong(ENTRIES)


@pytest.mark.parametrize("name", [name for name, one in RULES.items() if one.spares_fresh and one.on])
def test_a_rule_that_looks_at_new_tables_only_is_caught(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    check = RULES[name].check
    fresh = replace(
        RULES[name], spares_fresh=False, check=lambda action, known: known.fresh(action) and check(action, known)
    )
    monkeypatch.setitem(RULES, name, fresh)
    assert wrong([entry for entry in ENTRIES if name in entry.refused | entry.excused])

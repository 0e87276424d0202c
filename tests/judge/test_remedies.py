"""A remedy that is typed in as it is said is let pass."""

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from teal.core.judge import Lint, Phase, Script
from teal.core.judge.evaluate import judge
from teal.core.judge.rule import RULES
from tests.judge.catalog import WORLD

CASES = YAML(typ="safe").load(Path(__file__).with_name("remedies.yml"))


def refused(said: list[str]) -> dict[str, str]:
    """Return the rules that refuse a row of phases and scripts, each with its remedy."""
    pairs = zip(said[::2], said[1::2], strict=True)
    scripts = [
        Script(f"{number:04}.{phase}.sql", Phase(phase), sql.removeprefix("NO "), not sql.startswith("NO "))
        for number, (phase, sql) in enumerate(pairs)
    ]
    return {one.rule: one.remedy for one in judge(scripts, WORLD, Lint()) if one.excused is None}


@pytest.mark.parametrize("rule", CASES)
def test_what_a_remedy_says_is_let_pass(rule: str) -> None:
    assert rule in refused(CASES[rule]["before"])
    assert refused(CASES[rule]["after"]) == {}


@pytest.mark.parametrize("rule", CASES)
def test_the_exception_that_a_remedy_names_is_let_pass(rule: str) -> None:
    phase, sql = CASES[rule]["before"][-2:]
    key = f"phase={phase}" if RULES[rule].excused_by_phase else f"allow={rule}"
    no, plain = sql.startswith("NO "), sql.removeprefix("NO ")
    noted = ";\n".join(f'-- teal: {key} reason="seen"\n{one.strip()}' for one in _statements(plain))
    assert rule not in refused([*CASES[rule]["before"][:-2], phase, ("NO " if no else "") + noted])


def _statements(sql: str) -> list[str]:
    return [sql] if "$$" in sql else sql.split(";")

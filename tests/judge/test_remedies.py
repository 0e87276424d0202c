"""A remedy that is typed in as it is said is let pass."""

import re
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from teal.core.judge import Lint, Phase, Script
from teal.core.judge.evaluate import judge
from teal.core.judge.rule import RULES
from teal.core.migrations.draft import read_sentence, series
from teal.core.migrations.files import read_files
from tests.judge.catalog import WORLD

CASES = YAML(typ="safe").load(Path(__file__).with_name("remedies.yml"))
WORDS = {
    "{both}": """CREATE FUNCTION k() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
    IF TG_OP = 'INSERT' THEN NEW.words := coalesce(NEW.words, NEW.text); NEW.text := coalesce(NEW.text, NEW.words);
    ELSIF NEW.text IS DISTINCT FROM OLD.text THEN NEW.words := NEW.text;
    ELSIF NEW.words IS DISTINCT FROM OLD.words THEN NEW.text := NEW.words; END IF;
    RETURN NEW; END $$;""",
    "{trigger}": "CREATE TRIGGER k BEFORE INSERT OR UPDATE ON notes FOR EACH ROW EXECUTE FUNCTION k()",
}
INEXCUSABLE = {"unreadable", "exception-without-reason", "exception-for-another-phase"}


def scripts(said: list[str]) -> list[Script]:
    """Return a row of phases and texts as scripts."""
    pairs = zip(said[::2], said[1::2], strict=True)
    return [
        Script(f"{number:04}.{phase}.sql", Phase(phase), _filled(sql.removeprefix("NO ")), not sql.startswith("NO "))
        for number, (phase, sql) in enumerate(pairs)
    ]


def planned(sentence: str) -> list[Script]:
    """Return what `teal migrate plan` writes for *sentence*."""
    texts = {draft.name: draft.sql for draft in series(read_sentence(sentence), 3)}
    return [Script(f"{each.name}.sql", each.phase, each.sql, each.transaction) for each in read_files(texts)]


def _filled(sql: str) -> str:
    for word, text in WORDS.items():
        sql = sql.replace(word, text)
    return sql


def refused(given: list[Script]) -> dict[str, str]:
    """Return the rules that refuse scripts, each with its remedy."""
    return {one.rule: one.remedy for one in judge(given, WORLD, Lint()) if one.excused is None}


def ways(rule: str) -> list[list[Script]]:
    """Return what each remedy of *rule* makes of the change."""
    case = CASES[rule]
    typed = [scripts(one) for one in ([case["after"]] if "after" in case else []) + case.get("also", [])]
    return typed + ([planned(case["plan"])] if "plan" in case else [])


def test_each_rule_has_its_remedy_typed_in() -> None:
    assert set(CASES) == set(RULES)


@pytest.mark.parametrize("rule", CASES)
def test_what_a_remedy_says_is_let_pass(rule: str) -> None:
    assert rule in refused(scripts(CASES[rule]["before"]))
    assert [refused(way) for way in ways(rule)] == [{} for _ in ways(rule)]


@pytest.mark.parametrize("rule", [rule for rule in CASES if rule not in INEXCUSABLE])
def test_the_exception_that_a_remedy_names_is_let_pass(rule: str) -> None:
    phase, sql = CASES[rule]["before"][-2:]
    key = f"phase={phase}" if RULES[rule].excused_by_phase else f"allow={rule}"
    no, plain = sql.startswith("NO "), _filled(sql.removeprefix("NO "))
    noted = ";\n".join(f'-- teal: {key} reason="seen"\n{one.strip()}' for one in _statements(plain))
    assert rule not in refused(scripts([*CASES[rule]["before"][:-2], phase, ("NO " if no else "") + noted]))


def _statements(sql: str) -> list[str]:
    """Return each statement; a body in dollars is left whole."""
    return [one for one in re.split(r";(?=(?:[^$]|\$\$[^$]*\$\$)*$)", sql) if one.strip()]

"""Every key of the Compose specification on each kind of service: plain and by Teal, equal but for what is reviewed."""

from __future__ import annotations

import pytest

from tests.conformance.case import ROLES, Case, merged, packed
from tests.conformance.compare import Difference, Rule, Verdict, judge
from tests.conformance.differences import RULES
from tests.conformance.generate import One
from tests.conformance.left_out import LEFT_OUT
from tests.conformance.report import table
from tests.conformance.run import Found, keys_of, run
from tests.conformance.spec import installed, keys
from tests.conformance.table import CASES


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Found:
    """What a run of all cases has found, as many of them in one service as go together."""
    return run(tmp_path_factory.mktemp("conformance"), alone=False, tell=print)


@pytest.mark.engine
@pytest.mark.timeout(1200)
def test_nothing_differs_that_nobody_has_reviewed(found):
    assert [f"{verdict.service}: {difference}" for verdict, difference in found.unlisted] == []
    compared = {(name, verdict.role) for verdict in found.verdicts for name in verdict.cases}
    assert compared >= {(case.name, role) for case in CASES for role in ROLES if case.tried(role) and not case.created}


@pytest.mark.engine
def test_what_is_refused_is_refused_with_the_words_of_the_table_and_nothing_is_begun(found):
    assert [(each.one.name, each.wanted, each.said) for each in found.wrong] == []
    assert len(found.refusals) == sum(len(case.refused) for case in CASES)
    assert all(remedy for each in found.refusals for remedy in each.remedies)


@pytest.mark.engine
def test_every_key_is_tried_on_each_kind_of_service_or_refused_there_or_left_out_for_a_reason(found):
    rows = table(found, CASES, keys(installed()))
    assert [(key, role) for key, row in rows.items() for role, cell in row.items() if not cell.notes] == []
    reasons = [cell.notes["left out"] for row in rows.values() for cell in row.values() if cell.kind == "left out"]
    assert all(reasons)


@pytest.mark.engine
def test_no_reviewed_difference_is_out_of_date(found):
    assert [(rule.path, rule.cases) for rule in found.stale] == []


@pytest.mark.engine
def test_every_key_of_the_installed_specification_is_used_or_left_out_for_a_reason():
    known = keys(installed())
    used = frozenset().union(*(keys_of(case, known) for case in CASES))
    assert sorted(known - used - LEFT_OUT.keys()) == []
    assert sorted(used & LEFT_OUT.keys()) == []


def test_a_difference_is_excused_by_a_rule_for_its_place_role_case_and_values_alone():
    one = One("web-route", "route", [Case("restart", {})])
    rules = [Rule("a.*", "because", ("route",), ("restart",), holds=lambda plain, teal: teal == 2)]

    def unlisted(who: One, teal: dict[str, object]) -> list[Difference]:
        return list(judge(who, [{"a.b": 1}], [teal], rules).unlisted)

    assert unlisted(one, {"a.b": 2}) == []
    assert unlisted(one, {"a.b": 3}) == [Difference("a.b", 1, 3)]
    assert unlisted(one, {"a.b": 2, "c": 3}) == [Difference("c", "(absent)", 3)]
    assert unlisted(One("web-worker", "worker", one.cases), {"a.b": 2}) != []
    assert unlisted(One("web-route", "route", [Case("tty", {})]), {"a.b": 2}) != []
    assert [str(each) for each in judge(one, [{"a.b": 1}], [], rules).unlisted] == ["containers: 1 -> 0"]


def test_a_reviewed_difference_that_no_case_makes_is_named():
    names = sorted({name for rule in RULES for name in rule.cases})
    assert {name for rule in Found([Verdict("x", "route", names, [], [])]).stale for name in rule.cases} == set(names)
    assert set(names) <= {case.name for case in CASES}


def test_cases_share_a_service_only_where_both_keep_all_that_they_say():
    for role in ROLES:
        groups = packed(CASES, role)
        assert sorted(case.name for group in groups for case in group) == sorted(c.name for c in CASES if c.tried(role))
        for group in groups:
            service = merged(group)
            for case in group:
                for key, value in case.service.items():
                    whole = service[key]
                    assert whole == value or all(each in whole for each in value), (role, case.name, key)

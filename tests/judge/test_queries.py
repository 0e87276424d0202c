"""The statements of the release that serves are planned against the schema that a change makes, on a real server."""

import asyncio

import pytest

from tests.engine.server import Server
from tests.judge.exam.asking import ask
from tests.judge.exam.entries import Entry, load
from tests.judge.exam.place import prepare

pytestmark = [pytest.mark.engine, pytest.mark.timeout(120)]


@pytest.mark.parametrize("entry", [one for one in load() if one.kind == "queries"], ids=lambda one: one.name)
def test_a_statement_that_can_not_be_planned_any_more_is_refused(entry: Entry, place: tuple[Server, str]) -> None:
    asyncio.run(prepare(place[0]))
    assert asyncio.run(ask(place[0], entry)).refused == entry.refuse

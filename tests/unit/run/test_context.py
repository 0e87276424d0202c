"""What the steps of a run share is little: whoever needs more gets it as an argument."""

from __future__ import annotations

from dataclasses import fields
from types import SimpleNamespace
from typing import Any, cast

from teal.core.model.side import Side
from teal.core.model.traffic import Mode, Traffic
from teal.core.planning.events import Event, Message, ServiceChanged
from teal.ports import Clock, Proxy
from teal.run.context import Reporter, RunContext, TrafficControl


def test_the_context_of_a_run_grows_no_blackboard() -> None:
    shared = ["ports", "stack", "reporter", "traffic", "schema", "facts", "interrupted"]
    assert [each.name for each in fields(RunContext)] == shared


def test_only_a_note_is_kept_for_the_summary() -> None:
    told: list[Event] = []
    reporter = Reporter(told.append)
    reporter.tell(Side.BLUE, "web", "starting")
    reporter.tool("pulling")
    reporter.note("look at it", warning=True)
    assert told == [
        ServiceChanged(Side.BLUE, "web", "starting"),
        Message("tool", "pulling"),
        Message("warning", "look at it"),
    ]
    assert reporter.notes == ["look at it"]


def test_where_the_state_file_is_lost_users_are_where_the_run_has_sent_them() -> None:
    state: Any = SimpleNamespace(read=lambda: None)
    traffic = TrafficControl(cast("Proxy", state), cast("Clock", None), Reporter(print), "k3y", users=Mode.GREEN)
    assert traffic.now() == Traffic(Mode.GREEN)
    state.read = lambda: Traffic(Mode.BLUE)
    assert traffic.now() == Traffic(Mode.BLUE)

"""A run is one trace with a span for each step, also where it was killed."""

from __future__ import annotations

from dataclasses import replace

from teal.core.model.units import Moment, ReleaseId, Seconds
from teal.core.planning.event_lines import LogLine
from teal.core.telling.spans import PIPELINE, RESULT, TASK_RESULT, Traced, trace_of

RUN = Traced("shop", 57, "deploy", "done", "", ReleaseId(42), Moment(100.0), Moment(110.0))


def line(event: str, at: float, step: str = "") -> LogLine:
    return LogLine(event, Seconds(at), Moment(100 + at), step=step, text=f"say {step}")


LINES = (
    line("run-began", 0),
    line("step-began", 1, "build"),
    line("said", 2),
    line("step-ended", 3, "build"),
    line("step-began", 3, "start"),
    line("step-ended", 8, "start"),
    line("run-ended", 10),
)


def test_a_span_for_the_run_and_one_for_each_step() -> None:
    trace = trace_of(RUN, LINES, revision="a1b2c3d")
    assert [(each.name, each.start, each.end, each.error) for each in trace.spans] == [
        ("RUN shop", 100, 110, ""),
        ("build", 101, 103, ""),
        ("start", 103, 108, ""),
    ]
    root, *steps = trace.spans
    assert root.parent == 0
    assert {each.parent for each in steps} == {root.id}
    assert len({each.id for each in trace.spans}) == 3
    assert (root.attributes[PIPELINE], root.attributes[RESULT]) == ("shop", "success")
    assert root.attributes["vcs.ref.head.revision"] == "a1b2c3d"
    assert trace == trace_of(RUN, LINES, revision="a1b2c3d")


def test_it_joins_the_trace_of_whoever_started_it() -> None:
    trace = trace_of(RUN, LINES, parent=f"00-{'ab' * 16}-{'cd' * 8}-01")
    assert (trace.id, trace.spans[0].parent) == (int("ab" * 16, 16), int("cd" * 8, 16))
    assert trace_of(RUN, LINES, parent="nonsense").spans[0].parent == 0


def test_a_step_that_was_cut_off_ends_with_the_run() -> None:
    killed = replace(RUN, outcome="interrupted", message="")
    trace = trace_of(killed, LINES[:5])
    assert [(each.name, each.end, each.error) for each in trace.spans] == [
        ("RUN shop", 110, "interrupted"),
        ("build", 103, ""),
        ("start", 110, "it was cut off"),
    ]
    assert trace.spans[2].attributes[TASK_RESULT] == "failure"


def test_a_step_that_failed_ends_where_the_next_begins() -> None:
    undo = (LINES[4], line("step-began", 5, "clear"), line("step-ended", 6, "clear"))
    spans = trace_of(replace(RUN, outcome="aborted", message="web is unhealthy"), undo).spans
    assert [(each.name, each.end, each.error) for each in spans] == [
        ("RUN shop", 110, "web is unhealthy"),
        ("start", 105, "web is unhealthy"),
        ("clear", 106, ""),
    ]

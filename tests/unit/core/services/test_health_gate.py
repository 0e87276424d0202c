"""Gate, drain, order, room and traffic: the small verdicts, as tables."""

from __future__ import annotations

from dataclasses import replace

import pytest

from teal.core.model.side import Side
from teal.core.model.stack import Health, HttpProbe, Service
from teal.core.services.health import Probed, is_broken, judge_container, timeout_reason
from tests.unit.worlds import API, WEB, container

CHECKED = replace(API, health=Health("engine", HttpProbe(8000, "/health")))
STEADY = replace(API, health=Health("running", min_healthy_time=10.0))


@pytest.mark.parametrize(
    ("service", "facts", "answers", "standing"),
    [
        pytest.param(CHECKED, {"health": "starting"}, None, "waiting", id="still starting"),
        pytest.param(CHECKED, {"health": "healthy"}, None, "passed", id="the engine says healthy"),
        pytest.param(CHECKED, {"health": "starting"}, True, "passed", id="the same check, seen over the network"),
        pytest.param(CHECKED, {"health": "starting"}, False, "waiting", id="a probe may only say yes"),
        pytest.param(CHECKED, {"health": "unhealthy"}, True, "failed", id="all retries used up"),
        pytest.param(CHECKED, {"state": "exited", "exit_code": 3, "finished": 104.0}, None, "failed", id="exited"),
        pytest.param(CHECKED, {"state": "created", "started": 0.0}, None, "waiting", id="not started yet"),
        pytest.param(CHECKED, {"restarts": 3, "health": "starting"}, None, "failed", id="a crash loop"),
        pytest.param(
            CHECKED, {"state": "restarting", "restarts": 1, "health": "unhealthy"}, None, "waiting", id="may yet start"
        ),
        pytest.param(CHECKED, {"oom": True}, None, "failed", id="out of memory"),
        pytest.param(WEB, {}, True, "passed", id="the probe passes"),
        pytest.param(WEB, {}, False, "waiting", id="the probe does not pass yet"),
        pytest.param(STEADY, {"started": 95.0}, None, "waiting", id="up for 5 s"),
        pytest.param(STEADY, {"started": 90.0}, None, "passed", id="up for 10 s"),
    ],
)
def test_the_gate(service: object, facts: dict[str, object], answers: bool | None, standing: str) -> None:
    seen = container("api", Side.GREEN, 8, **facts)
    assert judge_container(service, seen, answers=answers, now=100.0).standing == standing  # type: ignore[arg-type]


@pytest.mark.parametrize(("now", "standing"), [(130.0, "waiting"), (136.0, "failed")])
def test_the_owners_own_retries_end_a_wait_that_a_longer_start_period_hides(now: float, standing: str) -> None:
    starting = container("web", Side.GREEN, 2, state="running", health="starting", started=100.0)
    assert (
        judge_container(replace(CHECKED, healthy_deadline=35.0), starting, answers=False, now=now).standing == standing
    )


def test_an_exit_is_explained_with_its_status_and_age() -> None:
    gone = container("api", Side.GREEN, 8, state="exited", exit_code=3, finished=104.0)
    assert judge_container(CHECKED, gone, answers=None, now=110.0).why == "exited with status 3, 4 s after its start"


def test_a_crash_loop_is_explained_with_the_status_only_where_there_is_one() -> None:
    whys = [
        judge_container(
            CHECKED, container("api", Side.GREEN, 8, state=state, exit_code=code, restarts=3), answers=None, now=9.0
        )
        for state, code in (("restarting", 1), ("running", 0))
    ]
    assert [verdict.why for verdict in whys] == [
        "restarts in a loop (status 1, 3 restarts)",
        "restarts in a loop (3 restarts)",
    ]


def test_a_wait_that_ends_says_what_healthcheck_and_probe_said_last() -> None:
    sick = container("web", Side.GREEN, 8, health="starting", unwell="status 22: error 500")
    assert timeout_reason(WEB, sick, 25.0, Probed(passed=False, status=500, said="no such table")) == (
        "does not pass its probe after 25 s: its healthcheck: status 22: error 500; "
        "GET / on port 8000: status 500: no such table"
    )
    assert timeout_reason(CHECKED, sick, 25.0) == "is still starting after 25 s: its healthcheck: status 22: error 500"
    silent = Probed(passed=False, said="connection refused")
    nothing = container("web", Side.GREEN, 8)
    assert timeout_reason(WEB, nothing, 9.0, silent) == (
        "does not pass its probe after 9 s: GET / on port 8000: connection refused"
    )
    given_up = judge_container(CHECKED, replace(sick, health="unhealthy"), answers=False, now=9.0)
    assert given_up.why == "is unhealthy: its healthcheck used up all its retries, at last with status 22: error 500"


@pytest.mark.parametrize(
    ("service", "status", "seconds", "broken"),
    [
        pytest.param(WEB, 500, 31.0, True, id="an error of its own, for long"),
        pytest.param(WEB, 500, 29.0, False, id="not yet for long"),
        pytest.param(WEB, 503, 300.0, False, id="it may be booting"),
        pytest.param(WEB, 502, 300.0, False, id="what is behind it may be booting"),
        pytest.param(WEB, 404, 300.0, False, id="no error of the server's"),
        pytest.param(WEB, 0, 300.0, False, id="no answer at all"),
        pytest.param(CHECKED, 500, 300.0, False, id="its own healthcheck decides"),
    ],
)
def test_an_answer_that_is_steadily_an_error_ends_the_wait_and_one_of_booting_does_not(
    service: Service, status: int, seconds: float, broken: bool
) -> None:
    assert is_broken(service, Probed(passed=False, status=status), seconds) is broken

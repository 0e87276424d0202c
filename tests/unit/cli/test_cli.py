"""The command line: what is typed reaches the library, what comes back is shown, every error leaves by one door."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import jsonschema
import msgspec
import pytest
from msgspec.structs import replace

from scripts.schemas import schemas
from teal import errors
from teal.cli.group import ENTRIES, EXITS
from teal.cli.main import plugin_arguments, run
from teal.core.model.side import Side
from teal.core.model.units import Seconds
from teal.core.planning.event_lines import as_json, event_name, read_line
from teal.core.planning.events import (
    Baking,
    InFlight,
    Message,
    RunBegan,
    RunEnded,
    ServiceChanged,
    StepFinished,
    StepStarted,
)
from teal.core.planning.steps import Drain, Start, Switch
from teal.core.report.make import make_report
from teal.core.report.over import summarize
from teal.core.report.words import six_lines
from teal.errors import Interrupted, Locked, NeedsPerson, Unavailable, Unhealthy
from teal.ports import Holder
from teal.run.api import (
    CheckResult,
    CleanupResult,
    ColorStatus,
    DeployOptions,
    DeployResult,
    Drained,
    Finding,
    Gap,
    HistoryRow,
    RoleRow,
    RollbackStatus,
    RunLog,
    ServiceStatus,
    Status,
    UpPlan,
    UpResult,
)
from tests.unit.cli.library import FakeLibrary, session
from tests.unit.core.report.runs import FACTS, seen

DONE = DeployResult(
    "deploy",
    "tale",
    "done",
    8,
    7,
    Side.BLUE,
    Side.GREEN,
    live=14.21,
    done=17.5,
    phases={"build": 3.2, "keep": 0.01, "start": 9.8, "drain": 1.3},
    drained=Drained(1.3, cut_requests=1, cut_websockets=2),
    notes=("web has no healthcheck",),
)
WEB = ServiceStatus("tale-web-blue", "sha256:" + "ab" * 32, "running", "healthy", 1_764_000_000.0)
STATUS = Status(
    "tale",
    Side.BLUE,
    "blue",
    8,
    7,
    1_764_000_000.0,
    {
        "blue": ColorStatus("active", 8, {"web": WEB}),
        "green": ColorStatus("standby", 7, {"web": ServiceStatus("tale-web-green", "x", "exited", "none", None, 2)}),
    },
    {"db": ServiceStatus("tale-db", "timescale:17", "running", "none", 1_764_000_000.0)},
    {},
    Holder("cleanup", "ann", "box", 12, 1_764_000_000.0),
    RollbackStatus(7, "stopped", 4.0),
    problems=(".deployment-color says green, but users go to blue",),
)
CHECKED = CheckResult(
    "tale",
    (RoleRow("web", "route", "named in compose.blue.yml", "healthcheck", needed=True),),
    (Finding("warning", "web", "has no healthcheck", "add one"),),
    ready=True,
)
PAST = HistoryRow(3, "deploy", 8, Side.BLUE, Side.GREEN, 1_764_000_000.0, 17.5, "done", "", {"start": 9.8})


async def lively(watch):
    """Tell one event of each kind, then end well."""
    step = Start(Side.GREEN, 8, ("web",))
    watch(StepStarted(step))
    watch(ServiceChanged(Side.GREEN, "web", "healthy"))
    watch(StepFinished(step, 9.8))
    watch(StepStarted(Switch(Side.GREEN, 8)))
    watch(StepFinished(Switch(Side.GREEN, 8), 0.001))
    watch(StepFinished(Drain(Side.BLUE), 0.0, passed=True))
    watch(InFlight(Side.BLUE, 1, 2))
    watch(Baking(Seconds(20), 1200, 3))
    watch(Message("tool", "#5 DONE"))
    watch(Message("warning", "memory is short"))
    return DONE


GROUPS = {"plugin", "migrate", "swarm", "export"}  # their commands have them


def test_every_command_exists_has_help_and_an_example(capsys):
    for name in ENTRIES:
        assert run([name, "--help"], session()) == 0
        shown = capsys.readouterr().out
        assert f"teal {name}" in shown
        assert "Example" in shown or name in GROUPS
        assert ("--json" in shown) or name in GROUPS


def test_help_lists_every_command_and_every_exit_status(capsys):
    assert run(["--help"], session()) == 0
    shown = capsys.readouterr().out
    assert all(f"  {name} " in shown for name in ENTRIES)
    assert all(meaning in shown for _, meaning in EXITS)
    assert run([], session()) == 0
    assert capsys.readouterr().out.strip() == shown.strip()


def test_every_exit_status_that_an_error_has_is_documented():
    raised = {each.status for each in vars(errors).values() if isinstance(each, type) and hasattr(each, "status")}
    assert raised <= {status for status, _ in EXITS}


@pytest.mark.parametrize(
    ("arguments", "said", "hint"),
    [
        (["depoy"], "there is no command 'depoy': did you mean 'deploy'?", "see: teal --help"),
        (["deploy", "--forc"], "no such option '--forc'", "see: teal deploy --help"),
        (["rollback", "zero"], "'zero' is not a valid release number", "see: teal rollback --help"),
        (["deploy", "--strategy", "x"], "invalid value for '--strategy'", "see: teal deploy --help"),
        (["-f"], "option '-f' requires an argument", "see: teal --help"),
    ],
)
def test_a_usage_error_says_what_and_what_to_do(capsys, arguments, said, hint):
    assert run(arguments, session()) == 2
    shown = capsys.readouterr()
    assert said in shown.err
    assert shown.err.rstrip().endswith(hint)
    assert shown.out == ""


def test_a_usage_error_is_json_where_json_was_asked_for(capsys):
    assert run(["--json", "depoy"], session()) == 2
    assert json.loads(capsys.readouterr().out)["error"]["status"] == 2
    assert run(["deploy", "--json", "--frob"], session()) == 2
    assert json.loads(capsys.readouterr().out)["error"]["hint"] == "see: teal deploy --help"


def test_the_options_before_the_command_are_those_of_compose(capsys):
    mine = session(FakeLibrary(status=STATUS))
    words = ["-f", "a.yml", "-f", "b.yml", "-p", "x", "--project-directory", "d", "--env-file", "e", "--profile", "q"]
    assert run([*words, "status"], mine) == 0
    assert mine.options.files == ("a.yml", "b.yml")
    assert mine.options.words() == (
        *("--project-name", "x", "--project-directory", "d", "--file", "a.yml", "--file", "b.yml"),
        *("--env-file", "e", "--profile", "q"),
    )


@pytest.mark.parametrize("arguments", [["--json", "status"], ["status", "--json"]])
def test_status_as_json_is_one_object_of_its_schema(capsys, arguments):
    assert run(arguments, session(FakeLibrary(status=STATUS))) == 0
    shown = json.loads(capsys.readouterr().out)
    jsonschema.validate(shown, schemas()["status"])
    assert shown["colors"]["blue"]["services"]["web"]["container"] == "tale-web-blue"
    assert (shown["active"], shown["release"], shown["previous"], shown["lock"]["pid"]) == ("blue", 8, 7, 12)


def test_status_shows_what_matters_on_one_screen(capsys):
    assert run(["status"], session(FakeLibrary(status=STATUS))) == 0
    shown = capsys.readouterr().out
    for part in (
        "tale: blue is active with release 8",
        "`teal rollback` returns to release 7: its containers are started, about 4.0 s",
        "cleanup by ann@box (pid 12) has been running",
        "tale-web-blue",
        "abababababab",
        "web x2",
        "exited",
        "shared",
        "! .deployment-color says green",
    ):
        assert part in shown
    assert "\033[" not in shown


def test_deploy_hands_its_options_on(capsys):
    library = FakeLibrary(deploy=DONE)
    mine = session(library)
    assert (
        run(["deploy", "--no-build", "--keep", "--force", "--strategy", "recreate", "--drain-timeout", "1m"], mine) == 0
    )
    (options, _), _ = library.calls[0][1:]
    assert options == DeployOptions(force=True, keep=True, strategy="recreate", build="none")
    assert mine.overrides.drain_timeout == "1m"
    assert mine.overrides.health_timeout == ""


STARTING = ("deploy", "plan", "rollback", "leave", "up", "restart", "migrate window")


@pytest.mark.parametrize("command", STARTING)
def test_whatever_starts_something_takes_the_same_times(command):
    mine = session(FakeLibrary())
    times = {"health_timeout": "5m", "health_interval": "1s"}
    drains = command not in {"up", "restart"}
    times |= {"drain_timeout": "9s"} if drains else {}
    words = [word for name, value in times.items() for word in (f"--{name.replace('_', '-')}", value)]
    run([*command.split(), *words], mine)
    assert {name: getattr(mine.overrides, name) for name in times} == times


@pytest.mark.parametrize("arguments", [["plan"], ["deploy", "--dry-run"]])
def test_a_plan_is_a_numbered_list_and_nothing_else(capsys, arguments):
    planned = DeployResult("deploy", "tale", "planned", 8, 7, Side.BLUE, Side.GREEN, steps=("build web", "drain blue"))
    library = FakeLibrary(deploy=planned)
    assert run(arguments, session(library)) == 0
    assert library.calls[0][1][0].dry_run
    assert capsys.readouterr().out == (
        "deploy tale: release 8 blue → green, in 2 steps:\n  1  build web\n  2  drain blue\n"
    )


LEFT = DeployResult("leave", "tale", "planned", None, 8, Side.BLUE, Side.PLAIN, steps=("drain blue",))
EDITED = replace(LEFT, differs=("web: environment SAYS, command",))


def test_a_leave_that_changes_nothing_for_users_asks_nothing(capsys):
    library = FakeLibrary(leave=LEFT)
    assert run(["leave"], session(library)) == 0
    assert [call[2] for call in library.calls] == [{"dry_run": True}, {"agreed": False}]


def test_a_leave_that_would_change_what_users_get_says_what_and_asks(capsys):
    library = FakeLibrary(leave=EDITED)
    assert run(["leave"], session(library)) == 1
    assert [call[2] for call in library.calls] == [{"dry_run": True}]
    said = capsys.readouterr().err
    assert "today's files would change what users get:\n  web: environment SAYS, command\n" in said
    assert (
        "`leave` would change web: environment SAYS, command, and there is no terminal to ask on\n  add --yes" in said
    )
    assert run(["leave", "--yes"], session(library)) == 0
    assert library.calls[-1][2] == {"agreed": True}
    assert run(["leave", "--dry-run"], session(library)) == 0
    assert capsys.readouterr().out.endswith(
        "in 1 steps:\n  1  drain blue\ntoday's files would change what users get:\n  web: environment SAYS, command\n"
    )


def test_in_a_pipe_a_deploy_is_lines_with_times_and_ends_in_a_summary(capsys):
    assert run(["deploy"], session(FakeLibrary(deploy=lively))) == 0
    shown = capsys.readouterr()
    assert shown.err.endswith("s    | #5 DONE\n")  # what tools say does not hide the steps
    lines = shown.out.splitlines()
    texts = [line.partition("s  ")[2] for line in lines[:8]]
    assert texts == [
        "start web on green and wait until healthy",
        "  green/web healthy",
        "  start took 9.8 s",
        "switch all routes to green, release 8",
        "  drain: already done",
        "  1 request and 2 WebSockets in flight on blue",
        "  1,200 requests, 3 failed; 20 s left",
        "warning: memory is short",
    ]
    assert lines[8:] == [
        "✓ deploy tale: release 8 blue → green, live after 14 s, done after 18 s",
        "  build 3.2 s  start 9.8 s  drain 1.3 s",
        "  drained in 1.3 s: 1 request and 2 WebSockets cut",
        "  to go back: teal rollback (release 7)",
        "  note: web has no healthcheck",
    ]


def test_quiet_leaves_only_the_result(capsys):
    assert run(["deploy", "--quiet"], session(FakeLibrary(deploy=lively))) == 0
    assert capsys.readouterr().out.startswith("✓ deploy tale")


def test_json_lines_are_events_and_the_result_is_last(capsys):
    assert run(["deploy", "--json"], session(FakeLibrary(deploy=lively))) == 0
    *events, result = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    for event in events:
        jsonschema.validate(event, schemas()["event"])
    assert [each["event"] for each in events] == [
        *("step-began", "service", "step-ended", "step-began", "step-ended", "step-ended"),
        *("in-flight", "baking", "said", "said"),
    ]
    assert events[0]["step"] == "start"
    jsonschema.validate(result, schemas()["deploy"])
    assert result["release"] == 8


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (Unhealthy("green/rag exited with status 1", hint="its last lines are above", detail="KeyError: 'x'"), 1),
        (Locked("deploy by ann@box works on this stack", hint="wait"), 3),
        (NeedsPerson("the scheduler did not start", hint="look"), 4),
        (Unavailable("the engine does not answer", hint="start it"), 5),
        (Interrupted("interrupted before the switch", hint="blue still serves"), 130),
    ],
)
def test_an_error_is_its_detail_then_what_then_what_to_do(capsys, error, status):
    assert run(["deploy"], session(FakeLibrary(deploy=error))) == status
    shown = capsys.readouterr().err.splitlines()
    assert shown == [*error.detail.splitlines(), f"✗ {error.message}", f"  {error.hint}"]
    assert run(["deploy", "--json"], session(FakeLibrary(deploy=error))) == status
    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    jsonschema.validate(last, schemas()["error"])
    assert last["error"]["message"] == error.message
    assert last["error"].get("detail", "") == error.detail


def test_a_deploy_that_needs_a_person_says_what_it_has_done_all_the_same(capsys):
    error = NeedsPerson("the scheduler did not start", hint="look")
    error.report = replace(DONE, outcome="needs-person")
    assert run(["deploy"], session(FakeLibrary(deploy=error))) == 4
    shown = capsys.readouterr()
    assert shown.out.startswith("! deploy tale: release 8 blue → green, live after")
    assert "to go back: teal rollback (release 7)" in shown.out
    assert shown.err == "✗ the scheduler did not start\n  look\n"
    assert run(["deploy", "--json"], session(FakeLibrary(deploy=error))) == 4
    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    jsonschema.validate(last, schemas()["error"])
    jsonschema.validate(last["error"]["report"], schemas()["deploy"])
    assert last["error"]["report"]["outcome"] == "needs-person"


def test_a_bug_is_said_to_be_one_and_its_traceback_is_kept_apart(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("TEAL_HOME", str(tmp_path))
    assert run(["deploy"], session(FakeLibrary(deploy=KeyError("s3cret")))) == 1
    shown = capsys.readouterr()
    assert "this is a bug in Teal: KeyError in " in shown.err
    assert "s3cret" not in shown.out + shown.err
    assert "Traceback" not in shown.out + shown.err
    (kept,) = tmp_path.glob("teal-bug-*.txt")
    assert str(kept) in shown.err
    assert "Traceback" in kept.read_text()
    assert kept.stat().st_mode & 0o077 == 0


def test_check_shows_roles_and_findings_and_says_by_its_status_whether_one_may_deploy(capsys):
    assert run(["check"], session(FakeLibrary(check=CHECKED))) == 0
    shown = capsys.readouterr().out
    assert "route (needed)" in shown
    assert "warning: web: has no healthcheck\n  add one" in shown
    assert "ready to deploy" in shown
    unready = CheckResult("tale", (), (Finding("error", "teal.yml", "unknown key"),), ready=False)
    assert run(["check", "--json"], session(FakeLibrary(check=unready))) == 1
    jsonschema.validate(json.loads(capsys.readouterr().out), schemas()["check"])


def test_history_lists_past_runs(capsys):
    library = FakeLibrary(history=(PAST,))
    assert run(["history", "-n", "5"], session(library)) == 0
    assert library.calls == [("history", (5,), {})]
    shown = capsys.readouterr().out
    assert "blue → green" in shown
    assert "18 s" in shown
    assert run(["history", "--json"], session(library)) == 0
    jsonschema.validate(json.loads(capsys.readouterr().out), schemas()["history"])
    assert run(["history"], session(FakeLibrary(history=()))) == 0
    assert "no command has changed this stack yet" in capsys.readouterr().out


def test_history_of_one_run_says_what_it_told(capsys):
    step = Start(Side.GREEN, 8, ("web",))
    told = (
        RunBegan(3, "deploy", Side.BLUE, Side.GREEN, None),
        StepStarted(step),
        ServiceChanged(Side.GREEN, "web", "healthy"),
        Message("tool", "#5 DONE"),
        InFlight(Side.BLUE, 1, 2),
        Baking(Seconds(20), 1200, 3),
        StepFinished(step, 9.8),
        Message("warning", "memory is short"),
        RunEnded(3, "done"),
    )
    head = {"elapsed": 1.25, "time": 1_764_000_000.0}
    lines = (msgspec.json.encode({"event": event_name(each), **head, **as_json(each)}) for each in told)
    log = RunLog(3, tuple(filter(None, map(read_line, lines))))
    assert run(["history", "3"], session(FakeLibrary(log_of=log))) == 0
    shown = [line.split("1.2s  ")[1] for line in capsys.readouterr().out.splitlines()]
    assert [shown[0], *shown[2:]] == [
        "run 3: deploy",
        "  green/web healthy",
        "  | #5 DONE",
        "  1 request and 2 WebSockets in flight on blue",
        "  start took 9.8 s",
        "warning: memory is short",
        "run 3: done",
    ]
    assert "web" in shown[1]
    assert run(["history", "3", "--json"], session(FakeLibrary(log_of=log))) == 0
    found = json.loads(capsys.readouterr().out)
    jsonschema.validate(found, schemas()["run-log"])
    assert len(found["lines"]) == len(told)


def test_a_report_is_shown_in_each_of_its_forms(capsys):
    made = make_report(FACTS, seen())
    library = FakeLibrary(report=made)
    assert run(["report"], session(library)) == 0
    assert capsys.readouterr().out.splitlines() == six_lines(made)
    assert run(["report", "57", "--format", "json"], session(library)) == 0
    jsonschema.validate(json.loads(capsys.readouterr().out), schemas()["report"])
    for form, begins in (("md", "### shop"), ("html", "<!doctype html>"), ("svg", "<svg ")):
        assert run(["report", "--format", form], session(library)) == 0
        assert capsys.readouterr().out.startswith(begins)
    assert [call[1] for call in library.calls] == [(None,), (57,), (None,), (None,), (None,)]


def test_the_reports_of_some_weeks_are_asked_for_in_days(capsys):
    found = summarize("tale", (), {}, since=0.0, until=30 * 86400.0)
    library = FakeLibrary(report_since=found)
    assert run(["report", "--since", "30d"], session(library)) == 0
    assert "1 Jan 1970 to 31 Jan 1970: no deploy." in capsys.readouterr().out
    assert run(["report", "--since", "12h", "--json"], session(library)) == 0
    jsonschema.validate(json.loads(capsys.readouterr().out), schemas()["report-since"])
    assert [call[1][1] for call in library.calls] == [30 * 86400.0, 12 * 3600.0]
    assert run(["report", "--since", "soon"], session(library)) == 2
    assert "say it as 30d, 2w or 12h" in capsys.readouterr().err


def test_cleanup_says_what_and_then_does_it(capsys):
    library = FakeLibrary(cleanup=CleanupResult("tale", "done", ("tale-web-green",), (3, 4)))
    assert run(["cleanup"], session(library)) == 0
    assert [call[2]["dry_run"] for call in library.calls] == [True, False]
    assert "container: tale-web-green" in capsys.readouterr().out
    library.calls.clear()
    assert run(["cleanup", "--dry-run"], session(library)) == 0
    assert [call[2]["dry_run"] for call in library.calls] == [True]
    library.calls.clear()
    assert run(["cleanup", "--json"], session(library)) == 0
    assert [call[2]["dry_run"] for call in library.calls] == [False]


def test_a_cleanup_with_nothing_to_do_says_so_once(capsys):
    library = FakeLibrary(cleanup=CleanupResult("tale", "done", (), ()))
    assert run(["cleanup"], session(library)) == 0
    assert capsys.readouterr().out == "tale: nothing to clean up\n"


def test_up_names_what_will_restart(capsys):
    plan = UpPlan((), ("proxy",), Gap("proxy", 1.0, 3))
    library = FakeLibrary(plan_up=plan, up=UpResult("tale", (), ("proxy",), ("db",)))
    assert run(["up", "proxy"], session(library)) == 1
    shown = capsys.readouterr()
    assert "will restart, since they have changed: proxy" in shown.err
    assert "they fail for a second or two; 3 in flight now, cut unless they end within 1 s" in shown.err
    assert "`up` would restart proxy, and there is no terminal to ask on\n  add --yes" in shown.err
    assert run(["up", "proxy", "--json"], session(library)) == 1
    assert library.words == ["plan_up", "plan_up"]
    capsys.readouterr()
    assert run(["up", "proxy", "--yes"], session(library)) == 0
    assert "updated: proxy; as they were: db" in capsys.readouterr().out
    assert library.words == ["plan_up", "plan_up", "up"]


def test_up_builds_first_and_asks_by_what_came_of_it(capsys):
    library = FakeLibrary(plan_up=UpPlan(("db",), ()), build_shared=None, up=UpResult("tale", (), (), ("db",)))
    assert run(["up"], session(library)) == 0
    assert library.words == ["plan_up", "build_shared", "plan_up", "up"]
    assert library.calls[-1][2] == {"built": True}
    assert run(["up", "--yes"], session(library)) == 0
    assert library.calls[-1][2] == {"built": False}


def test_up_asks_nothing_where_nothing_restarts(capsys):
    library = FakeLibrary(plan_up=UpPlan((), ()), up=UpResult("tale", ("proxy", "db"), (), ()))
    assert run(["up"], session(library)) == 0
    assert "started: proxy, db" in capsys.readouterr().out


def test_down_asks_and_without_anybody_to_answer_wants_yes(capsys):
    library = FakeLibrary()
    assert run(["down"], session(library)) == 1
    assert "add --yes" in capsys.readouterr().err
    assert library.calls == []


def test_rollback_takes_a_release(capsys):
    library = FakeLibrary(rollback=DONE)
    assert run(["rollback", "5", "--keep"], session(library)) == 0
    assert library.calls[0][1][0] == 5
    assert library.calls[0][2] == {"at": None, "dry_run": False, "keep": True}


def test_rollback_takes_a_moment_or_a_release_not_both(capsys):
    library = FakeLibrary(rollback=DONE)
    assert run(["rollback", "--to", "2026-01-02 03:04:05+00:00"], session(library)) == 0
    assert library.calls[0][2] == {"at": 1767323045.0, "dry_run": False, "keep": False}
    assert run(["rollback", "5", "--to", "2h ago"], session(library)) == 2
    assert "not both" in capsys.readouterr().err


def test_unchanged_is_done(capsys):
    same = DeployResult("deploy", "tale", "unchanged", 7, 7, Side.BLUE, Side.GREEN, healed="release 8 was undone")
    assert run(["deploy"], session(FakeLibrary(deploy=same))) == 0
    assert capsys.readouterr().out == (
        "first repaired: release 8 was undone\n"
        "tale: nothing changed since release 7 (`teal deploy --force` deploys anyway)\n"
    )


def test_version_and_schema(capsys):
    assert run(["version", "--json"], session()) == 0
    assert json.loads(capsys.readouterr().out)["version"][0].isdigit()
    assert run(["schema"], session()) == 0
    assert {"status", "deploy", "error"} <= set(capsys.readouterr().out.split())
    assert run(["schema", "status"], session()) == 0
    assert json.loads(capsys.readouterr().out) == schemas()["status"]
    assert run(["schema", "nothing"], session()) == 2


def test_the_schemas_that_ship_are_current():
    folder = Path(__file__).parents[3] / "src" / "teal" / "schemas"
    shipped = {path.stem: json.loads(path.read_text()) for path in folder.glob("*.json")}
    assert shipped == schemas(), "run: python scripts/schemas.py"


# --- as a plugin of Docker's command line


def test_docker_passes_its_own_options_first(monkeypatch):
    for name in ("DOCKER_CONTEXT", "DOCKER_HOST"):
        monkeypatch.setenv(name, "")  # so that what is set here is taken back, whatever was there
    assert plugin_arguments(["teal", "status", "--json"]) == ["status", "--json"]
    assert plugin_arguments(["docker-cli-plugin-metadata"]) == ["plugin", "metadata"]
    assert plugin_arguments(["--context", "far", "-H=tcp://x", "teal", "ps"]) == ["ps"]
    assert (os.environ["DOCKER_CONTEXT"], os.environ["DOCKER_HOST"]) == ("far", "tcp://x")


def test_metadata_is_what_docker_wants(capsys):
    assert run(["plugin", "metadata"], session()) == 0
    shown = json.loads(capsys.readouterr().out)
    assert shown["SchemaVersion"] == "0.1.0"
    assert {"Vendor", "Version", "ShortDescription"} <= shown.keys()


def test_the_plugin_is_a_link_to_this_program(capsys, tmp_path, monkeypatch):
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    program = Path(sys.executable).parent / "teal"
    monkeypatch.setattr(sys, "argv", [str(program)])
    for _ in range(2):
        assert run(["plugin", "install", "--json"], session()) == 0
    link = tmp_path / "cli-plugins" / "docker-teal"
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["installed"] == str(link)
    said = subprocess.run([link, "teal", "version"], capture_output=True, text=True, check=True)
    assert said.stdout.startswith("teal ")
    assert run(["plugin", "uninstall"], session()) == 0
    assert not link.is_symlink()


# --- signals and closed pipes, in a process of their own

SLOW = """
import asyncio, sys
from teal.cli.main import main
from teal.cli import session as s
from teal.errors import Interrupted
from tests.unit.cli.library import FakeLibrary, session
from tests.unit.cli.test_cli import DONE, lively

async def deploy(watch):
    await lively(watch)
    sys.stderr.write("ready\\n"); sys.stderr.flush()
    try:
        await asyncio.sleep(20)
    except asyncio.CancelledError:
        {undo}
        raise Interrupted("interrupted before the switch", hint="blue still serves, untouched")
    return DONE

mine = session(FakeLibrary(deploy=deploy))
from teal.cli.output import make_safe
from teal.cli.main import run
make_safe()
code = run(sys.argv[1:], mine)
sys.stdout.flush()
sys.exit(code)
"""
ROOT = Path(__file__).parents[3]


def slow(undo: str = "pass", stdout: int | None = subprocess.PIPE) -> subprocess.Popen[str]:
    argv = [sys.executable, "-c", SLOW.format(undo=undo), "deploy"]
    process = subprocess.Popen(argv, stdout=stdout, stderr=subprocess.PIPE, text=True, cwd=ROOT)
    assert process.stderr
    assert "ready\n" in process.stderr  # read up to there; what a tool says stands before it, or after
    return process


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_lets_the_library_put_things_right_and_ends_with_130(number):
    process = slow()
    process.send_signal(number)
    _, said = process.communicate(timeout=20)
    assert process.returncode == 130
    assert said.splitlines()[-2:] == ["✗ interrupted before the switch", "  blue still serves, untouched"]


def test_a_second_signal_says_that_it_is_stopping_and_a_third_leaves():
    process = slow(undo="await asyncio.sleep(20)")
    assert process.stderr
    process.send_signal(signal.SIGINT)
    assert any(line.startswith("stopping") for line in process.stderr)
    process.send_signal(signal.SIGTERM)
    assert any(line.startswith("already stopping") for line in process.stderr)
    process.send_signal(signal.SIGINT)
    assert process.wait(timeout=10) == 130


def test_a_reader_that_has_gone_breaks_no_deploy():
    read, write = os.pipe()
    os.close(read)
    quick = SLOW.format(undo="pass").replace("sleep(20)", "sleep(0.2)")
    argv = [sys.executable, "-c", quick, "deploy"]
    ended = subprocess.run(argv, stdout=write, stderr=subprocess.PIPE, text=True, check=False, cwd=ROOT, timeout=30)
    os.close(write)
    assert (ended.returncode, sorted(ended.stderr.split("\n"))[-1]) == (0, "ready")
    assert len(ended.stderr.splitlines()) == 2, ended.stderr


@pytest.mark.parametrize(("kind", "other"), [("note", "stderr"), ("tool", "stdout")])
def test_a_reader_that_stalls_holds_no_deploy_up(kind, other):
    line = f"Message('{kind}', str(number) * 1000)"
    flood = SLOW.format(undo="pass").replace("await lively(watch)", f"[watch({line}) for number in range(1000)]")
    flood = f"from teal.core.planning.events import Message\n{flood}".replace("sys.stderr", f"sys.{other}")
    argv = [sys.executable, "-c", flood, "deploy"]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT) as process:
        reading = getattr(process, other)
        assert reading.readline() == "ready\n"  # though nobody has read a byte of the other stream
        process.kill()


def test_started_without_any_standard_output_it_still_works():
    argv = ["sh", "-c", '"$0" -m teal version >&-', sys.executable]
    ended = subprocess.run(argv, capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (0, "")


def test_help_imports_neither_asyncio_nor_the_engine():
    script = (
        "import sys; from teal.cli.main import run; run(['--help']);"
        "print(sorted({'asyncio', 'httpx', 'rich', 'msgspec', 'sqlite3'} & sys.modules.keys()), file=sys.stderr)"
    )
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ended.stderr.strip() == "[]"


def test_no_command_loads_what_it_will_do_before_the_stack_is_being_read():
    script = "import sys, importlib; from teal.cli.group import ENTRIES;"
    script += "[importlib.import_module(each.module) for each in ENTRIES.values()];"
    script += "print([name for name in sys.modules if name.startswith(('teal.run.commands', 'teal.adapters'))])"
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "[]"


def test_status_and_deploy_load_no_judge_before_there_is_sql():
    script = "import sys, teal.cli.wiring, teal.run.commands.status, teal.run.commands.deploy;"
    script += "print([name for name in sys.modules if 'judge.rules' in name or name == 'pgparse'])"
    ended = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert ended.stdout.strip() == "[]"


def test_the_runner_leaves_no_handler_behind():
    before = signal.getsignal(signal.SIGINT)
    assert run(["status"], session(FakeLibrary(status=STATUS))) == 0
    assert signal.getsignal(signal.SIGINT) is before
    with pytest.raises(RuntimeError):
        asyncio.get_running_loop()

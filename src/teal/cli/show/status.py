"""Says what status, history and check found."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from teal.cli.show.lines import in_flight
from teal.cli.show.migrate import opened
from teal.cli.show.text import age, paint, seconds, stamp, table
from teal.core.model.side import Side
from teal.core.model.units import Moment
from teal.core.planning.event_lines import LogLine
from teal.core.planning.rollback import SAID
from teal.core.planning.rollback_floor import Floor, called
from teal.run.api import (
    CheckResult,
    ColorStatus,
    Finding,
    History,
    HistoryRow,
    KeptRow,
    RollbackStatus,
    RunLog,
    ServiceStatus,
    Status,
)

_INK = {"blue": "bright_blue", "green": "green"}
_LEVELS = {"error": "red", "warning": "yellow", "note": ""}


def status(result: Status, *, now: Moment) -> str:
    """Return the stack as it is, on one screen."""
    rows = list(_rows(result, now))
    services = table(("", "SERVICE", "STATE", "FOR", "CONTAINER", "IMAGE"), rows) if rows else "no containers"
    return "\n".join([_head(result, now), *_below(result, now), "", services, *_problems(result)])


def _head(result: Status, now: Moment) -> str:
    name = paint(result.project, bold=True)
    if result.active is None:
        return f"{name}: {_without_color(result)}"
    release = f"release {result.release}" if result.release is not None else "an unknown release"
    since = f" for {age(result.since, now)}, since {stamp(result.since)}" if result.since else ""
    return f"{name}: {_inked(result.active)} is active with {release}{since}"


def _without_color(result: Status) -> str:
    match result.users:
        case "plain" if result.plain:
            return "runs plainly, without colors; `teal deploy` adopts it"
        case "hold":
            return "requests are held at the proxy"
        case "maintenance":
            return "the proxy shows the maintenance page"
        case _ if up := _up(result):
            return f"no color is active, though {up} runs: users' requests wait, and fail after 30 s"
        case _:
            return "no color is active; `teal deploy` starts the first one"


def _up(result: Status) -> str:
    """Return the color whose containers all run, "" for none."""
    for name, color in result.colors.items():
        if color.services and all(service.state == "running" for service in color.services.values()):
            return name
    return ""


def _below(result: Status, now: Moment) -> Iterator[str]:
    if result.rollback:
        yield f"  {_rollback(result.rollback)}"
    if others := [each for each in result.kept if each.state != "active"]:
        yield f"  also kept: {', '.join(map(_kept, others))}"
    if result.floor:
        yield f"  {_floor(result.floor)}"
    for each in result.open:
        yield from (f"  {line}" for line in opened(each, now))
    if result.lock:
        lock = result.lock
        yield paint(
            f"  {lock.command} by {lock.user}@{lock.host} (pid {lock.pid}) has been running for {age(lock.since, now)}",
            "yellow",
        )
    if result.watched:
        yield paint(f"  {result.watched}", "yellow")
    if result.interrupted:
        yield paint(f"  {result.interrupted}", "yellow")


def _rollback(way: RollbackStatus) -> str:
    if way.how == "gone":
        return f"rollback to release {way.release} is gone: {way.reason}"
    if way.how == "failed":
        again = f"`teal rollback {way.release}` tries it once more"
        return f"the last rollback to release {way.release} failed: {way.reason}; {again}"
    how = {"kept": "its containers still run", "stopped": "its containers are started", "re-created": "re-created"}
    takes = f", about {seconds(way.seconds)}" if way.seconds is not None else ""
    return f"`teal rollback` returns to release {way.release}: {how[way.how]}{takes}"


def _kept(row: KeptRow) -> str:
    """Return a kept release with what is to be known of it; one that has served, and would again, needs no word."""
    if row.state == "served":
        return str(row.release)
    why = f": {row.why.splitlines()[0]}" if row.why else ""
    return f"{row.release} ({SAID[row.state]}{why})"


def _floor(floor: Floor) -> str:
    reason = f" ({floor.reason})" if floor.reason else ""
    since = stamp(floor.since)
    return f"rollback floor: release {floor.release}, since {called(floor.contract)} was run at {since}{reason}"


def _rows(result: Status, now: Moment) -> Iterator[tuple[str, ...]]:
    for name, color in result.colors.items():
        yield from _group(_color(name, color), color.services, now)
    yield from _group("plain", result.plain, now)
    yield from _group("shared", result.shared, now)


def _color(name: str, color: ColorStatus) -> str:
    release = f" {color.release}" if color.release is not None else ""
    return f"{_inked(name)} {color.role}{release}"


def _inked(name: str | Side) -> str:
    return paint(str(name), _INK.get(str(name), ""), bold=True)


def _group(title: str, services: Mapping[str, ServiceStatus], now: Moment) -> Iterator[tuple[str, ...]]:
    for place, (name, service) in enumerate(services.items()):
        replicas = f" x{service.replicas}" if service.replicas > 1 else ""
        since = age(service.since, now) if service.state == "running" else "-"
        yield (
            "" if place else title,
            name + replicas,
            _state(service),
            since,
            service.container,
            _image(service.image),
        )


def _state(service: ServiceStatus) -> str:
    if service.state != "running":
        return paint(service.state, "red" if service.state in {"restarting", "dead"} else "", dim=True)
    if service.health in {"", "none"}:
        return paint("running", "green")
    return paint(service.health, {"healthy": "green", "starting": "yellow"}.get(service.health, "red"))


def _image(image: str) -> str:
    return image.removeprefix("sha256:")[:12] if image.startswith("sha256:") else image


def _problems(result: Status) -> list[str]:
    return ["", *(paint(f"! {problem}", "yellow") for problem in result.problems)] if result.problems else []


def history(past: History) -> str:
    """Return the past runs, the latest first."""
    if not past.runs:
        return "no command has changed this stack yet"
    head = ("#", "WHEN", "COMMAND", "RELEASE", "FROM → TO", "OUTCOME", "TOOK", "")
    return table(head, [_past(row) for row in past.runs])


def _past(row: HistoryRow) -> tuple[str, ...]:
    ink = {"done": "green", "": "yellow", "failed": "red", "needs-person": "red"}.get(row.outcome, "")
    way = f"{row.source or '-'} → {row.target}" if row.target else ""
    release = "" if row.release is None else str(row.release)
    outcome = paint(row.outcome or "unfinished", ink)
    message = row.message.splitlines()[0] if row.message else ""
    return (str(row.id), stamp(row.started), row.command, release, way, outcome, seconds(row.seconds), message)


def run_log(log: RunLog) -> str:
    """Return what a run has told, each line with its moment and the seconds since the run began."""
    return "\n".join(f"{stamp(line.time)} {line.elapsed:7.1f}s  {said}" for line in log.lines if (said := _said(line)))


def _said(line: LogLine) -> str:
    """Return a line of a run's log in words, as the terminal had it; "" for what needs none."""
    match line.event:
        case "run-began":
            release = "" if line.release is None else f" of release {line.release}"
            return paint(f"run {line.run}: {line.command}{release}", bold=True)
        case "run-ended":
            return paint(f"run {line.run}: {line.outcome}" + (f": {line.message}" if line.message else ""), bold=True)
        case "step-began" | "said" if line.kind != "tool":
            return f"{line.kind}: {line.text}" if line.kind else line.text
        case "step-ended":
            return f"  {line.step}: already done" if line.passed else f"  {line.step} took {seconds(line.seconds)}"
        case "service":
            return f"  {line.side or 'shared'}/{line.service} {line.state}"
        case "in-flight":
            return f"  {in_flight(line.requests or 0, line.websockets or 0)} on {line.side}"
        case _:
            return f"  | {line.text}" if line.text else ""


def check(result: CheckResult) -> str:
    """Return roles and findings."""
    roles = [(row.service, row.role + " (needed)" * row.needed, row.health, row.reason) for row in result.roles]
    parts = [table(("SERVICE", "ROLE", "READY BY", "BECAUSE"), roles)] if roles else []
    parts += ["\n".join(_ways_in(result))] if result.front else []
    parts += [_finding(finding) for finding in result.findings]
    files = "" if result.engine else " by its files, which alone were judged"
    ready = paint(f"✓ ready to deploy{files}", "green") if result.ready else paint("✗ not ready to deploy", "red")
    return "\n\n".join([*parts, f"{result.project}: {ready}"])


def _ways_in(result: CheckResult) -> Iterator[str]:
    yield f"in front: {result.front}"
    yield from (f"Teal's own proxy takes over {each}" for each in result.takes)


def _finding(finding: Finding) -> str:
    level = paint(finding.level, _LEVELS[finding.level])
    remedy = "".join(f"\n  {line}" for line in finding.remedy.splitlines())
    return (
        f"{level}: {finding.where}: {finding.message}{remedy}"
        if finding.where
        else f"{level}: {finding.message}{remedy}"
    )

"""Teal's own proxy under load, no file edited: with nobody in front, behind nginx, behind a front that reads labels.

Run as ``python -m proof.own_fronts [--deploys N]``. For each: a plain stack, its first deploy, deploys, a rollback and
``teal leave``, while users never stop. Exit status 0 means: no request failed and none was mixed but in the gap of the
first deploy and of ``leave``, and with nobody in front that gap is at most a second longer than what the application
itself needed to stop, or, at ``leave``, what open requests needed to end and the application to start.

The front that reads labels is the image ``traefik:v3.4``, or ``--traefik IMAGE``; where it can't be pulled, the exam's
stand-in, which is said.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from proof.load import Load, Mix, Sample
from proof.load.report import Report
from proof.managed import ROOT, Managed, ProofFailed, free_port
from tests.reach.images import LABELS, images, make

STACKS = ROOT / "tests" / "stacks"
FRONTS = ("nobody", "nginx", "labels")
STAND_IN = "traefik:v3.4"
BEYOND = 1.0  # seconds that a gap may last beside what the application itself needs
USERS = Mix(
    slow_seconds=1.0,
    upload_seconds=(0.5, 1.0),
    events_seconds=(0.5, 1.5),
    ws_seconds=(0.5, 1.5),
    participants=2,
    plain_only=True,
)
SHORT = Mix(get=500, post=420, chain=80, slow=0, upload=0, events=0, ws=0, participants=2, plain_only=True)


@dataclass(slots=True)
class Phase:
    """What users went through in one phase; *own* are the seconds that the application itself took of the gap."""

    name: str
    announced: bool = False  # that there is a gap, or that requests wait while the old containers stop
    report: Report | None = None
    failed: list[Sample] = field(default_factory=list)
    done: list[float] = field(default_factory=list)  # seconds of each command
    own: float | None = None

    @property
    def closed(self) -> tuple[float, float]:
        """Return when nobody was answered any more, and when somebody was again."""
        begun = [one.begun for one in self.failed]
        ended = [one.ended for one in self.failed]
        return (min(ended), max(begun)) if self.failed else (0.0, 0.0)

    @property
    def gap(self) -> float:
        """Return for how many seconds nobody was answered."""
        since, until = self.closed
        return max(0.0, until - since)

    @property
    def held(self) -> bool:
        """Tell whether the limits of this phase are held."""
        assert self.report is not None
        if self.report.mixed or (self.failed and not self.announced):
            return False
        return self.own is None or self.gap <= self.own + BEYOND


class Ends:
    """Follows the engine's events of a Compose project: when each container was told to end, ended, started."""

    def __init__(self, project: str) -> None:
        form = '{{.TimeNano}} {{.Action}} {{index .Actor.Attributes "com.docker.compose.service"}}'
        own = ["--filter", f"label=com.docker.compose.project={project}", "--filter", "type=container"]
        which = [word for event in ("kill", "die", "start") for word in ("--filter", f"event={event}")]
        self._since = time.time()
        self._argv = ["docker", "events", *own, *which, "--format", form, "--since"]

    def stops(self) -> list[float]:
        """Return the seconds that each service needed to stop, the first to end first."""
        told, needed = dict[str, float](), list[float]()
        for at, action, service in self._seen():
            if action == "kill":
                told.setdefault(service, at)
            elif action == "die" and service in told:
                needed.append(at - told.pop(service))
        return needed

    def started(self) -> float:
        """Return when the first service was started."""
        return next(at for at, action, _ in self._seen() if action == "start")

    def _seen(self) -> Iterator[tuple[float, str, str]]:
        argv = [*self._argv, repr(self._since), "--until", repr(time.time())]
        for line in subprocess.run(argv, check=True, capture_output=True, text=True).stdout.splitlines():
            at, action, service = line.split()
            yield int(at) / 1e9, action, service


def main() -> int:
    """Prove, print the table, and return 0 where every limit is held."""
    parser = argparse.ArgumentParser(prog="python -m proof.own_fronts", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--deploys", type=int, default=20, help="behind each front (default 20)")
    parser.add_argument("--rate", type=float, default=100.0, help="requests a second (default 100)")
    parser.add_argument("--traefik", default=STAND_IN, help="the image of the front that reads labels")
    parser.add_argument("--front", choices=FRONTS, action="append", help="only this one")
    wanted = parser.parse_args()
    began, every = time.monotonic(), list[Phase]()
    print(COLUMNS.format("in front", "", "sent", "failed", "mixed", "gap s", "own s", "each s"), flush=True)
    for front in wanted.front or FRONTS:
        name, mix = _called(front, wanted.traefik)
        for phase in _behind(front, wanted.traefik, mix, wanted.rate, wanted.deploys):
            every.append(phase)
            print(_line(name, phase), flush=True)
            if phase.report and not phase.held:
                print(phase.report.table(), flush=True)
    sent = sum(phase.report.sent for phase in every if phase.report)
    lost = sum(len(phase.failed) for phase in every if not phase.announced)
    mixed = sum(phase.report.mixed for phase in every if phase.report)
    minutes = (time.monotonic() - began) / 60
    print(f"\n{sent:,} requests in {minutes:.1f} min; in deploys and rollbacks {lost} failed; {mixed} mixed")
    print("gap: nobody was answered; own: of it, what the application needed to stop, or, at leave, what open requests")
    print("needed to end and the application to start; each: a command.")
    print(f"Limits: 0 failed in deploys and rollback, 0 mixed; with nobody in front a gap of own + {BEYOND:g} s.")
    return 0 if all(phase.held for phase in every) else 1


COLUMNS = "{:20}{:14}{:>8}{:>8}{:>7}{:>8}{:>8}{:>8}"


def _line(name: str, phase: Phase) -> str:
    assert phase.report is not None
    gap = f"{phase.gap:.2f}" if phase.announced and phase.failed else ""
    own = "" if phase.own is None else f"{phase.own:.2f}"
    each = f"{sum(phase.done) / len(phase.done):.1f}"
    figures = (phase.report.sent, len(phase.failed), phase.report.mixed, gap, own, each)
    verdict = "ok" if phase.held else "MISSED"
    return f"{COLUMNS.format(name, phase.name, *figures)}  {verdict}{' SUSPECT' if phase.report.suspect else ''}"


def _called(front: str, traefik: str) -> tuple[str, Mix]:
    """Return what *front* is called in the table, and what its users do: the stand-in passes only whole answers on."""
    if front != "labels":
        return front, USERS
    if traefik == STAND_IN and not _pulled(traefik):
        make({traefik: images()[traefik]})
        return "labels (stand-in)", SHORT
    return "labels (Traefik)", USERS


def _pulled(image: str) -> bool:
    """Tell whether the real image is there, or can be had."""
    show = ["docker", "image", "inspect", "--format", "{{json .Config.Labels}}", image]
    shown = subprocess.run(show, check=False, capture_output=True, text=True)
    if shown.returncode == 0:
        return LABELS[1].partition("=")[0] not in (json.loads(shown.stdout) or {})
    return subprocess.run(["docker", "pull", "--quiet", image], check=False, capture_output=True).returncode == 0


def _behind(front: str, traefik: str, mix: Mix, rate: float, deploys: int) -> Iterator[Phase]:
    """Yield each phase behind *front* as it ends."""
    alone = front == "nobody"
    short = mix if alone else SHORT  # what lasts is cut where a front lets go of an address
    with _stack(front, traefik) as stack:
        first, ends = Phase("first deploy", announced=True), Ends(stack.project)
        _under_load(stack, first, [("deploy", "--yes")], short, rate)
        first.own = sum(ends.stops()) if alone else None
        yield first
        yield _under_load(stack, Phase(f"{deploys} deploys"), [("deploy", "--force")] * deploys, mix, rate)
        yield _under_load(stack, Phase("rollback"), [("rollback",)], mix, rate)
        leave, ends, proxy = Phase("leave", announced=True), Ends(stack.project), Ends(f"{stack.project}-teal")
        _under_load(stack, leave, [("leave", "--yes")], short, rate)
        if alone:  # the port's holder, once: the form without ports stops when all is over
            leave.own = proxy.stops()[0] + max(0.0, leave.closed[1] - ends.started())
        yield leave


def _under_load(stack: Managed, phase: Phase, commands: Iterable[tuple[str, ...]], mix: Mix, rate: float) -> Phase:
    """Run *commands* one after the other while requests flow, and count what became of the requests."""
    with Load(http=stack.http, rate=rate, mix=mix) as load:
        time.sleep(1)
        for command in commands:
            phase.done.append(stack.result(*command)["done"])
        time.sleep(1)
        phase.report = load.finish()
        phase.failed = [sample for sample in load.samples if sample.fault]
    return phase


@contextmanager
def _stack(front: str, traefik: str) -> Iterator[Managed]:
    """Yield a stack that runs plainly behind *front*, in a folder of its own; remove it at the end."""
    work = Path(tempfile.mkdtemp(prefix="teal-proof-"))
    project, port = f"teal-test-{os.getpid()}-{front}", free_port()
    folder = work / "stack"
    shutil.copytree(STACKS / ("lone" if front == "nobody" else "lane"), folder)
    variables = {"COMPOSE_PROJECT_NAME": project, "TEAL_HOME": str(work / "home"), "LONE_PORT": f"127.0.0.1:{port}"}
    if front != "nobody":
        shutil.copy(STACKS / "lone" / "app.py", folder)
        shutil.copy(folder / {"nginx": "nginx.yml", "labels": "traefik.yml"}[front], folder / "compose.override.yml")
        variables |= {"LANE_PORT": str(port), "LANE_TRAEFIK": traefik}
    variables["API_PORT"] = str(free_port())
    lines = [f"{name}={value}\n" for name, value in variables.items()]
    (folder / ".env").write_text("".join(lines), encoding="utf-8")
    stack = Managed(folder, project, f"http://127.0.0.1:{port}", "", str(work / "home"))
    try:
        stack.run(["docker", "compose", "up", "--detach", "--wait"])
        _await_answer(stack.http)
        yield stack
    finally:
        stack.remove()
        shutil.rmtree(work, ignore_errors=True)


def _await_answer(url: str) -> None:
    """Return once the plain stack answers."""
    end = time.monotonic() + 30
    argv = [sys.executable, "-c", f"import urllib.request as u; u.urlopen({url + '/who'!r})"]
    while subprocess.run(argv, check=False, capture_output=True, env={"PATH": os.environ["PATH"]}).returncode:
        if time.monotonic() > end:
            raise ProofFailed(f"the plain stack does not answer at {url}")
        time.sleep(0.2)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (ProofFailed, subprocess.TimeoutExpired) as failure:
        sys.exit(f"the proof could not be carried out: {failure}")

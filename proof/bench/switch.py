"""How sharp the switch is: when the last request that went to the old release began, a request each millisecond."""

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from proof.bench.drive import drive
from proof.bench.renames import Rename
from proof.bench.row import Row, bound, median
from proof.load import Load, Mix
from proof.managed import Managed

EACH_MILLISECOND = Mix(get=1000, post=0, chain=0, slow=0, upload=0, events=0, ws=0, plain_only=True, kept_only=True)
CLEAR = 0.1  # seconds before the next switch, after which stamps are no longer this one's
LIMIT = 0.005
LOG = "/data/bench.log"
TALE = "(tale) {\n"


@dataclass(frozen=True, slots=True)
class Stamp:
    """A request began at *at* by somebody's clock (this machine's only one) and was answered by *color*."""

    at: float
    color: str


def switch(stack: Managed, times: int) -> Iterator[Row]:
    """Switch between kept colors under the probe, so that nothing but the switch happens."""
    stack.write_env(BOOT_SECONDS="1")
    stack.teal("deploy", "--no-build", "--force", "--keep")
    with _access_log(stack), Load(http=stack.http, rate=1000, mix=EACH_MILLISECOND) as load:
        time.sleep(1)
        switches = [_one(stack) for _ in range(times)]
        report = load.finish()
        proxy = _logged(stack)
    application = [Stamp(each.started, each.color) for each in load.samples if each.started]
    sent = [Stamp(each.begun, each.color) for each in load.samples if not each.fault]
    probed = f"{report.sent} probes, p99 {report.fast.p99 * 1000:.1f} ms"
    for name, stamps in (("proxy", proxy), ("application", application)):
        lasts = [_last(_between(stamps, switches, n), each) for n, each in enumerate(switches)]
        against = f"median {median(lasts) * 1000:+.2f} ms of {times} switches"
        yield bound(f"last request of the old release, the {name}'s stamp", max(lasts), limit=LIMIT, against=against)
    firsts = [_first(_between(sent, switches, n), each) for n, each in enumerate(switches)]
    yield Row("  first request of the new one, the client's", f"{max(firsts) * 1000:+.2f} ms", probed)
    yield Row("  failed meanwhile", str(report.failed), "", "", "0", report.failed == 0)


def _one(stack: Managed) -> Rename:
    now = stack.status()
    other = now["colors"]["green" if now["active"] == "blue" else "blue"]["release"]
    run = drive(stack, "rollback", str(other), "--keep")
    assert run.switched is not None
    time.sleep(0.5)
    return Rename(run.switched, "green" if now["active"] == "blue" else "blue")


def _between(stamps: Sequence[Stamp], switches: Sequence[Rename], n: int) -> list[Stamp]:
    """Return the stamps from the switch before the one with index *n* to shortly before the one after it."""
    since = switches[n - 1].at if n else 0.0
    until = switches[n + 1].at - CLEAR if n + 1 < len(switches) else time.time()
    return [each for each in stamps if since < each.at < until]


def _last(stamps: Sequence[Stamp], to: Rename) -> float:
    """Return the seconds after the rename at which the last request of the old release began; below 0 before it."""
    return max(each.at for each in stamps if each.color != to.users) - to.at


def _first(stamps: Sequence[Stamp], to: Rename) -> float:
    return min(each.at for each in stamps if each.color == to.users and each.at > to.at - CLEAR) - to.at


@contextmanager
def _access_log(stack: Managed) -> Iterator[None]:
    """Let the proxy log each request while the block runs; the file is written in place, since it is mounted alone."""
    path = stack.folder / "Caddyfile"
    text = path.read_text()
    assert TALE in text
    path.write_text(text.replace(TALE, f"{TALE}\tlog {{\n\t\toutput file {LOG}\n\t}}\n", 1))
    _reload(stack)
    try:
        yield
    finally:
        path.write_text(text)
        _reload(stack)


def _reload(stack: Managed) -> None:
    caddy = ["caddy", "reload", "--config", "/etc/caddy/Caddyfile"]
    stack.run(["docker", "compose", "exec", "-T", "proxy", *caddy])


def _logged(stack: Managed) -> list[Stamp]:
    """Return when the proxy began each request, and who answered it."""
    text = stack.run(["docker", "compose", "exec", "-T", "proxy", "cat", LOG]).stdout
    found = []
    for each in map(json.loads, text.splitlines()):
        color = each.get("resp_headers", {}).get("X-Color", [""])[0]
        if color:
            found.append(Stamp(each["ts"] - each["duration"], color))
    return found

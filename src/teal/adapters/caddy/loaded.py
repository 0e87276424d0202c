"""What the running proxy has loaded, and what Caddy prints, read as a configuration."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence

import msgspec

from teal.core.model.compose import Node, text
from teal.core.model.counts import MARKERS
from teal.core.model.observed import Container
from teal.core.model.units import Seconds
from teal.errors import Unavailable
from teal.ports import Engine

WITHIN = Seconds(10.0)  # for a command inside the container
READINGS = 60  # until one command that reads the counters ends by itself
COUNTED = "# all of it"  # the line after each reading
ADAPT = ("caddy", "adapt", "--config", "/etc/caddy/Caddyfile")


def asking(path: str) -> tuple[tuple[str, ...], ...]:
    """Return the commands that ask Caddy's admin endpoint for *path*, inside its container."""
    url = f"http://127.0.0.1:2019{path}"
    return ("wget", "-q", "-O", "-", url), ("curl", "-sf", url)


def reading_script() -> str:
    """Return a script that writes Caddy's counters of both colors once."""
    ways = " || ".join(shlex.join(each) for each in asking("/metrics"))
    series = f'^caddy_http_re(quest|sponse)_duration_seconds_(count|bucket).*handler="({"|".join(MARKERS)})"'
    kept = f"^caddy_http_requests_in_flight|{series}"
    return f"{{ {ways}; }} 2>/dev/null | grep -E {shlex.quote(kept)}"


def counting_script(every: Seconds) -> str:
    """Return a script that writes Caddy's counters of both colors all *every* seconds, and ends by itself.

    Who started it may be gone, and nobody would kill it.
    """
    read = reading_script()
    return f"n=0; while [ $n -lt {READINGS} ]; do {read}; echo '{COUNTED}'; n=$((n + 1)); sleep {every:g}; done"


async def loaded(engine: Engine, container: Container, adapt: Sequence[str] = ADAPT) -> Node:
    """Return the configuration with which Caddy runs in *container*; *adapt* where it can't be asked for it."""
    for command in (*asking("/config/"), adapt):  # the admin endpoint may be off, or elsewhere
        ran = await engine.execute(container.id, command, within=WITHIN)
        found = next(configs_in(ran.output), None) if ran.status == 0 else None
        if found is not None:
            return found
    raise Unavailable(
        "the proxy's configuration can't be read",
        hint=f"let the admin endpoint answer at 127.0.0.1:2019, or `{' '.join(adapt)}` succeed, inside its container",
    )


def configs_in(output: str) -> Iterator[Node]:
    """Yield the configurations in a command's output; lines of Caddy's log are JSON too."""
    for value in (*_objects(output.splitlines()), *_objects([output])):
        if "level" not in value and ("apps" in value or "admin" in value):
            yield value


def reason(output: str) -> str:
    """Return why a command failed, in its own words: of Caddy's log the message alone."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    said = [text(value.get("msg")) for value in _objects(lines) if value.get("level") in {"error", "fatal"}]
    if said and said[-1]:
        return said[-1]
    plain = [line for line in lines if not line.startswith("{") and not line.startswith("Run 'docker ")]
    return plain[-1].removeprefix("Error: ").removeprefix("docker: ") if plain else ""


def _objects(lines: Sequence[str]) -> Iterator[dict[str, object]]:
    for line in lines:
        try:
            value = msgspec.json.decode(line)
        except msgspec.DecodeError:
            continue
        if isinstance(value, dict):
            yield value

"""Turns complaints of Docker's command line into errors: no Docker, no Compose, no engine, files that Compose refuses.

A refused file is reported in two lines: Compose's own words with file and line, and what to do.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable

from teal.errors import ConfigError, TealError, Unavailable

OLDEST = (2, 24)  # version of Compose
NO_COMPOSE = re.compile(r"is not a docker command|unknown command: docker|Usage:\s+docker \[OPTIONS\] COMMAND")
NO_ENGINE = re.compile(r"Cannot connect to the Docker daemon|permission denied while trying to connect")


def not_started(error: FileNotFoundError, cwd: str) -> TealError:
    """Return the error for a docker command that could not be started in *cwd*."""
    if error.filename == cwd:
        return ConfigError(f"the directory {cwd} does not exist", hint="go to the stack's folder")
    return Unavailable("there is no docker command", hint="install the Docker Engine with its Compose plugin")


def no_compose() -> TealError:
    """Return the error for a docker that knows no ``compose``."""
    oldest = ".".join(map(str, OLDEST))
    return Unavailable("docker has no Compose plugin", hint=f"install it, {oldest} or newer")


_KEYS = """annotations attach build blkio_config cap_add cap_drop cgroup cgroup_parent command configs
    container_name cpus cpu_count cpu_percent cpu_shares cpuset credential_spec depends_on deploy develop
    devices dns dns_opt dns_search domainname driver_opts entrypoint env_file environment expose extends
    external_links extra_hosts gpus group_add healthcheck hostname image init ipc isolation labels label_file
    links logging mac_address mem_limit mem_reservation mem_swappiness memswap_limit models network_mode
    networks oom_kill_disable oom_score_adj pid pids_limit platform ports post_start pre_stop privileged
    profiles provider pull_policy read_only restart runtime scale secrets security_opt shm_size stdin_open
    stop_grace_period stop_signal storage_opt sysctls tmpfs tty ulimits use_api_socket user userns_mode uts
    volumes volumes_from working_dir name services version include test interval timeout retries start_period
    start_interval disable driver driver_opts external ipam internal aliases"""
_LINE = "indent it like its neighbours; close every quote and bracket"
_HINTS: tuple[tuple[str, str], ...] = (
    (r"mapping key .* already defined at line (\d+)", "write it once: the other is in line {0}"),
    (r"cannot start any token|tab character", "indent with spaces, not with tabs"),
    (r"env file (\S+) not found", "create it, or take it out of env_file"),
    (r"depends on undefined service \"?([^\s\":]+)", "define {0}, or take it out of depends_on"),
    (r"dependency cycle", "let one of them start without waiting for the other"),
    (r"neither an image nor a build", "give it an image or a build"),
    (r"refers to undefined (\w+) ([^\s:]+)", "declare it at the end of the file: `{0}s: {{{1}: {{}}}}`"),
    (r"required variable (\w+) is missing a value", "set {0}, in the environment or in .env"),
    (r"invalid (?:host|container)Port|invalid port|invalid IP", 'write it like "8080:3000"'),
    (r"invalid project name", "lower-case letters, digits, dashes and underscores: -p, or name: in the file"),
    (r"^\S*:? ?yaml: |did not find expected|mapping values are not allowed|could not find expected", _LINE),
)
_UNKNOWN = re.compile(r"(\S+) additional propert(?:y|ies) '([^']+)' not allowed", re.IGNORECASE)
_LOOK = "see what `docker compose config` says in that folder"


def refusal(errors: str, broken: Callable[[], str]) -> TealError:
    """Return the error for *errors*, which Compose printed when it was asked what the stack's files mean.

    *broken* returns the name of the file that is not YAML; it is called where Compose does not name the file.
    """
    if NO_COMPOSE.search(errors) or "unknown shorthand flag" in errors:
        return no_compose()
    lines = [line for line in errors.splitlines() if line.strip() and "level=warning" not in line]
    if len(lines) == 1 and lines[0].startswith("yaml: line") and (file := broken()):
        lines = [f"{file}: {lines[0]}"]
    if len(lines) != 1 or len(lines[0]) > _LONGEST:
        return ConfigError("Compose does not accept the stack's files", detail=errors.strip(), hint=_LOOK)
    return ConfigError(f"Compose does not accept the stack: {_short(lines[0])}", hint=_hint(lines[0]))


_LONGEST = 300  # characters that may stand in a message


def _short(line: str) -> str:
    """Return *line* without what says nothing: Compose's own verdict at its end, the folder of a file twice."""
    line = re.sub(r"^(failed to parse|validating) ", "", line.removesuffix(": invalid compose project"))
    return re.sub(r": (stat|open) \S+: no such file or directory$", "", line)


def _hint(line: str) -> str:
    unknown = _UNKNOWN.search(line)
    if unknown:
        near = difflib.get_close_matches(unknown[2], _KEYS.split(), n=1)
        return f"did you mean {near[0]}?" if near else "remove it, or put `x-` before it if it is a note of yours"
    for words, advice in _HINTS:
        if found := re.search(words, line, re.IGNORECASE):
            return advice.format(*found.groups())
    return _LOOK

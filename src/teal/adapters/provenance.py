"""Who gives a command, and what the checkout stands at: by the environment, and by git where there is one."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from teal.adapters import process
from teal.adapters.state.directory import user_name
from teal.core.model.units import Moment
from teal.core.report.values import Author, Revision

_WITHIN = 2.0  # seconds for git
_LONGEST = 100  # characters of a subject
# Continuous integration, by the variable that says who has set it off.
_CI = (
    ("GITHUB_ACTOR", "github"),
    ("GITLAB_USER_LOGIN", "gitlab"),
    ("CI_COMMIT_AUTHOR", "ci"),
    ("BUILDKITE_BUILD_CREATOR", "buildkite"),
    ("CIRCLE_USERNAME", "circleci"),
    ("BUILD_USER_ID", "jenkins"),
    ("DRONE_COMMIT_AUTHOR", "drone"),
)
_SHA = ("GITHUB_SHA", "CI_COMMIT_SHA", "BUILDKITE_COMMIT", "CIRCLE_SHA1", "GIT_COMMIT", "DRONE_COMMIT_SHA")
# Nothing that the checkout's own configuration names is run, whoever owns it; nothing is fetched.
_GIT = ("git", "--no-pager", "--no-optional-locks", "-c", "safe.directory=*", "-c", "core.fsmonitor=false", "-C")
_LOG = ("log", "-1", "--no-show-signature", "--no-patch", "--no-notes", "--format=%H%n%ct%n%s")
_DIFFERS = ("diff-index", "--quiet", "--no-ext-diff", "--no-textconv", "HEAD")


def author(environ: Mapping[str, str]) -> Author:
    """Return who gives this command."""
    for variable, by in _CI:
        if name := environ.get(variable, "").strip():
            return Author(name, by)
    return Author(user_name(), "sudo" if environ.get("SUDO_USER") else "")


async def revision(directory: Path, environ: Mapping[str, str]) -> Revision | None:
    """Return what the checkout at *directory* stands at; by the environment of continuous integration without git."""
    named = next((sha for each in _SHA if (sha := environ.get(each, "").strip())), "")
    quiet = {**environ, "GIT_NO_LAZY_FETCH": "1", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C"}
    with suppress(OSError, TimeoutError, ValueError):
        async with asyncio.timeout(_WITHIN):
            log = await process.run((*_GIT, str(directory), *_LOG), cwd=str(directory), env=quiet, errors=False)
            if log.status == 0 and len(log.lines) >= 2:
                commit, at, *subject = log.lines
                words = (*_GIT, str(directory), *_DIFFERS)
                differs = await process.run(words, cwd=str(directory), env=quiet, errors=False)
                said = (subject or [""])[0][:_LONGEST]
                return Revision(commit, said, Moment(float(at)), changed=differs.status == 1)
    return Revision(named) if named else None

"""Docker Compose's command line: what Teal asks of it, and its failures as errors."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from teal import ports
from teal.adapters import process
from teal.adapters.compose import one_shot
from teal.adapters.compose.errors import NO_COMPOSE, NO_ENGINE, OLDEST, no_compose, not_started
from teal.adapters.docker_hints import hint
from teal.adapters.process import clean
from teal.errors import BuildFailed, Failed, TealError, Unavailable
from teal.ports import Due, LineSink

SHOWN = 40  # last lines of a failed command that are shown
_MADE_ANEW = re.compile(r"Container (\S+) +Recreate\b")
_TAKEN_DOWN = re.compile(r"Network (\S+) +Remov(?:ed|ing)")
_WARNED = re.compile(r'level=warning msg="((?:[^"\\]|\\.)*)"')
_UNSET = re.compile(r'^The "\w+" variable is not set')  # said once, when the files are read
_LEFT = re.compile(r'Volume "([^"]+)" exists but doesn')
# What a dry run says, once it has seen to the networks, of a service that shares another's namespace or volumes: it
# hasn't made that one.
_ONLY_TRIED = re.compile(r"cannot share \w+(?: namespace)? with service \S+ container missing")
_ABOVE = "what it printed is above"
_LOGIN = "check its name; a private registry needs `docker login`"


class DockerCompose(ports.Compose):
    """``docker compose``: the owner's own files as the owner would run them, rendered ones in isolation."""

    def __init__(
        self, options: Sequence[str], *, cwd: str, environ: Mapping[str, str], remarked: Iterable[str] = ()
    ) -> None:
        """Take the owner's global *options* (``-f``, ``-p``, …), working directory and environment.

        What Compose *remarked* when the files were read is not reported again.
        """
        self._remarked = set(remarked)
        self._options = tuple(options)
        self._cwd = cwd
        self._environ = {**environ, "PWD": cwd}
        self._clean = clean(environ)
        self._version: tuple[int, ...] = ()

    async def create(self, project: str, file: str, *, on_line: LineSink) -> None:
        """Create all containers of a rendered file, started none; images are there already."""
        argv = (*rendered(project, file), "create", "--no-build", "--pull", "never")
        await self._alone(argv, on_line, Failed(f"Compose can't create the containers of {project}", hint=_ABOVE))

    async def up(self, project: str, file: str, services: Sequence[str], *, start: bool, on_line: LineSink) -> None:
        """Create *services* of a rendered file, anew where their definition has changed, and *start* them."""
        how = "--detach" if start else "--no-start"
        argv = (*rendered(project, file), "up", how, "--no-deps", "--no-build", "--pull", "never", *services)
        failure = Failed(f"Compose can't start {', '.join(services)} of {project}", hint=_ABOVE)
        await self._alone(argv, on_line, failure)

    async def create_plain(self, services: Sequence[str], *, on_line: LineSink) -> None:
        """Create the owner's plain containers of *services* that don't run and no others, started none.

        They use the images that are there: nothing is built or pulled.
        """
        running = await self._owners("ps", "--services", "--status", "running")
        wanted = [service for service in services if service not in running.lines]
        if wanted:
            argv = ("up", "--no-start", "--no-deps", "--no-build", "--pull", "never", *wanted)
            await self._owners(
                *argv,
                on_line=self._once(on_line),
                failure=Failed(f"Compose can't create {', '.join(wanted)}", hint=_ABOVE),
            )

    async def up_shared(self, services: Sequence[str], *, update: bool, on_line: LineSink, grace: int = 0) -> None:
        """Create and start the owner's *services* alone; leave existing ones as they are unless *update*.

        What is replaced has *grace* seconds to end, where it is given; else what its definition or Docker gives it.
        """
        options = [*([] if update else ["--no-recreate"]), *(["--timeout", str(grace)] if grace else [])]
        argv = ("up", "--detach", "--no-deps", *options, *services)
        failure = Failed(f"Compose can't start the shared services {', '.join(services)}", hint=_ABOVE)
        await self._owners(*argv, on_line=self._once(on_line), failure=failure)

    async def due(self, services: Sequence[str]) -> Due:
        """Return what ``up`` of *services* would do to what is there; nothing is changed, and no registry is asked.

        Only Compose knows: its hash of a definition counts otherwise in ``config --hash`` than in ``up``, and it makes
        a container anew for another image, network or volume, too.
        """
        if not services:
            return Due()
        lines: list[str] = []
        # Not started, since a dry run can put no secret into a container that it has not made.
        argv = ("--dry-run", "--progress", "plain", "up", "--no-start", "--no-deps", "--no-build", "--pull", "never")
        failure = Failed(f"Compose can't say what a start of {', '.join(services)} would change", hint=_ABOVE)
        try:
            await self._owners(*argv, *services, on_line=lines.append, failure=failure)
        except Failed:
            if not any(_ONLY_TRIED.search(line) for line in lines):
                raise
        text = "\n".join(lines)
        return Due(
            frozenset(_MADE_ANEW.findall(text)),
            tuple(dict.fromkeys(_TAKEN_DOWN.findall(text))),
            tuple(dict.fromkeys(_LEFT.findall(text))),
        )

    async def build(self, services: Sequence[str], *, on_line: LineSink) -> None:
        """Build the images of *services* and no others."""
        failure = BuildFailed(f"the build of {', '.join(services)} failed")
        try:
            await self._owners("--progress", "plain", "build", *services, on_line=self._once(on_line), failure=failure)
        except BuildFailed as error:
            error.message = f"the build of {', '.join(culprits(error.detail, services))} failed"
            raise

    async def pull(self, services: Sequence[str], *, on_line: LineSink) -> None:
        """Pull the images of *services* and no others."""
        failure = BuildFailed(f"the images of {', '.join(services)} can't be pulled", hint=_LOGIN)
        await self._owners("--progress", "plain", "pull", *services, on_line=self._once(on_line), failure=failure)

    async def pull_images(self, references: Sequence[str], *, on_line: LineSink) -> None:
        """Pull images by name, as the owner would."""
        for reference in references:
            failure = BuildFailed(f"the image {reference}, which a service mounts, can't be pulled", hint=_LOGIN)
            argv = ("docker", "pull", reference)
            await _run(argv, cwd=self._cwd, env=self._environ, on_line=on_line, failure=failure)

    async def run_once(
        self, project: str, file: str, service: str, *, name: str, on_line: LineSink, only_output: bool = False
    ) -> int:
        """Run a one-shot of a rendered file to its end in a container of its own; return its exit status.

        The container *name* outlives Teal: one that a killed run left of the same definition is waited for, or
        its success taken; any other is made anew, once it has ended. It is kept on failure, removed otherwise.
        """
        await self._checked()
        whole, definition = rendered(project, file), one_shot.digest(file)
        docker = self._output if only_output else self._docker
        status = await one_shot.run(docker, whole, service, name=name, definition=definition, on_line=on_line)
        if status != 0 and only_output:
            await self._docker(("logs", "--tail", str(SHOWN), name), on_line=on_line)
        return status

    async def version(self) -> tuple[int, ...]:
        """Return Compose's version; ``Unavailable`` where there is none, or one that is too old."""
        ended = await self._docker(
            ("compose", "version", "--short"),
            failure=Unavailable("Compose does not answer", hint="see: docker compose version"),
        )
        return read_version(ended.text)

    async def _checked(self) -> None:
        self._version = self._version or await self.version()

    async def _owners(
        self, *argv: str, on_line: LineSink | None = None, failure: TealError | None = None
    ) -> process.Ended:
        """Run a command on the owner's own files, as the owner would."""
        await self._checked()
        failure = failure or Failed("Compose does not accept the stack's files", hint=_ABOVE)
        whole = ("docker", "compose", *self._options, *argv)
        return await _run(whole, cwd=self._cwd, env=self._environ, on_line=on_line, failure=failure)

    def _once(self, on_line: LineSink) -> LineSink:
        """Return *on_line* for one more command on the same files, without the warnings that it has heard already."""

        def tell(line: str) -> None:
            found = _WARNED.search(line)
            said = found[1].replace('\\"', '"') if found else ""
            if not found or not (said in self._remarked or _UNSET.search(said)):
                self._remarked |= {said} if found else set()
                on_line(line)

        return tell

    async def _alone(self, argv: Sequence[str], on_line: LineSink, failure: TealError) -> process.Ended:
        """Run a command on a rendered file, away from the owner's environment."""
        await self._checked()
        return await self._docker(argv, on_line=on_line, failure=failure)

    async def _docker(
        self, argv: Sequence[str], *, on_line: LineSink | None = None, failure: TealError | None = None
    ) -> process.Ended:
        """Run a docker command away from the owner's environment; without *failure* its status is for the caller."""
        return await _run(("docker", *argv), cwd="/", env=self._clean, on_line=on_line, failure=failure)

    async def _output(
        self, argv: Sequence[str], *, on_line: LineSink | None = None, failure: TealError | None = None
    ) -> process.Ended:
        """Run a docker command and pass on its standard output alone; the other methods pass on both streams."""
        errors = on_line is None
        return await _run(("docker", *argv), cwd="/", env=self._clean, on_line=on_line, failure=failure, errors=errors)


def read_version(text: str) -> tuple[int, ...]:
    """Return the version in Compose's answer; ``Unavailable`` for one that is too old."""
    found = re.search(r"(\d+)\.(\d+)\.(\d+)", text)
    version = tuple(int(part) for part in found.groups()) if found else ()
    if version < OLDEST:
        raise Unavailable(
            f"Docker Compose {text.strip()} is too old",
            hint=f"update its plugin to {OLDEST[0]}.{OLDEST[1]} or newer, better the newest",
        )
    return version


def culprits(text: str, services: Sequence[str]) -> tuple[str, ...]:
    """Return those of *services* whose build failed by what the builder said, all where it names none."""
    named = set(re.findall(r"^target (\S+): failed to solve", text, re.M))
    return tuple(service for service in services if service in named) or tuple(services)


def rendered(project: str, file: str) -> tuple[str, ...]:
    """Return ``compose`` with the options that read *file* and nothing else; its paths are absolute."""
    return ("compose", "--project-name", project, "--file", file, "--env-file", "/dev/null")


async def _run(
    argv: Sequence[str],
    *,
    cwd: str,
    env: Mapping[str, str],
    on_line: LineSink | None,
    failure: TealError | None,
    errors: bool = True,
) -> process.Ended:
    """Run *argv*; where it fails, raise *failure* with its last lines, or what is behind it."""
    try:
        ended = await process.run(argv, cwd=cwd, env=env, on_line=on_line, errors=errors)
    except FileNotFoundError as error:
        raise not_started(error, cwd) from error
    if ended.status != 0 and failure is not None:
        raise told_why(failure, ended)
    return ended


def told_why(failure: TealError, ended: process.Ended) -> TealError:
    """Return *failure* with the command's last words, or the error that explains it better."""
    if NO_COMPOSE.search(ended.text):
        return no_compose()
    detail = "\n".join([line for line in ended.lines if line.strip()][-SHOWN:])
    if NO_ENGINE.search(ended.text):
        return Unavailable("Compose does not reach the Docker Engine", hint="see: docker info", detail=detail)
    failure.hint = hint(ended.text) or failure.hint
    failure.detail = detail or f"it ended with status {ended.status} and said nothing"
    return failure

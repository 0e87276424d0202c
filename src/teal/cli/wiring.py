"""The only place that builds adapters: reads the stack, and puts everything that its commands touch in one bundle."""

from __future__ import annotations

import asyncio
import json
import os
import re
import stat
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import replace
from functools import partial
from importlib import resources
from pathlib import Path
from typing import TYPE_CHECKING

from teal.adapters.compose.model import DockerModels
from teal.adapters.engine import DockerEngine
from teal.adapters.state.directory import DEFAULT, Home
from teal.cli.options import OpenStack, Purpose
from teal.config.files import TEAL_YML, find, project_name
from teal.config.options import Options, Overrides
from teal.config.settings import again
from teal.core.model.compose import environment_of, services_in
from teal.core.model.side import Side
from teal.core.model.stack import Stack, Tree
from teal.errors import ConfigError, Refused, TealError, Unavailable

if TYPE_CHECKING:
    from teal.adapters.state.releases import ReleaseFolders
    from teal.cli.redaction import Redactor
    from teal.config.load import ImageLook
    from teal.config.prepare_caddy import Prepared
    from teal.config.telling import Telling
    from teal.ports import ImageInfo
    from teal.web.desk import Clean, Desk, Opening


_MODELS = DockerModels()
_INK = re.compile(r"\x1b\[[0-9;]*m")  # the colors of a log's line


@asynccontextmanager
async def opened(
    options: Options, overrides: Overrides, purpose: Purpose, redact: Redactor
) -> AsyncIterator[OpenStack]:
    """Yield the stack that is meant and its ports; where it is to be changed, its state directory is prepared."""
    async with AsyncExitStack() as closing:
        engine = DockerEngine.here(os.environ)
        closing.push_async_callback(engine.close)
        # Compose takes as long to read the files as Python to import the rest: they do it side by side.
        stack, _ = await asyncio.gather(
            _stack(options, overrides, engine, purpose), asyncio.to_thread(_import_the_rest, purpose)
        )
        home = home_of(options, stack.project)
        if purpose in {Purpose.CHANGE, Purpose.RETURN}:
            home.prepare()
        yield _built(options, stack, home, engine, redact, closing)


def home_of(options: Options, project: str) -> Home:
    """Return where the state of *project* lies: as Compose finds the variable, in the environment or in ``.env``."""
    return Home(Path(find(options, os.environ, _MODELS).variables.get("TEAL_HOME") or DEFAULT).absolute(), project)


def teal_yml(options: Options) -> Path:
    """Return the stack's teal.yml, which need not be there."""
    folder = find(options, os.environ, _MODELS).files[0].parent
    return next((folder / name for name in TEAL_YML if (folder / name).is_file()), folder / TEAL_YML[0])


def telling(options: Options) -> Telling:
    """Return who is told how runs end, and where metrics go."""
    from teal.config.telling import telling

    return telling(teal_yml(options).parent, os.environ, _MODELS)


def prepared(options: Options, stack: Stack) -> Prepared:
    """Return what the stack's own Caddy lacks to be switched; nothing where it has none, or imports the snippet."""
    from teal.config.prepare_caddy import Prepared, prepare

    if not stack.own or not stack.caddy:
        return Prepared()
    snippet = (resources.files("teal.adapters.caddy") / "teal.caddy").read_text(encoding="utf-8")
    return prepare(stack, stack.caddy, find(options, os.environ, _MODELS).files, snippet)


def text_of(path: Path) -> str | None:
    """Return what an owner's file says, byte for byte; None where there is none."""
    try:
        return path.read_bytes().decode()
    except FileNotFoundError:
        return None
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path.name} is not a text in UTF-8", hint="save it as UTF-8") from error
    except OSError as error:
        raise ConfigError(f"{path} can't be read: {error.strerror}", hint="make it readable for you") from error


def write(path: Path, text: str) -> None:
    """Write an owner's file, whole or not at all, with the mode that it has."""
    from teal.adapters.durable import sync_folder, write_synced

    path = path.resolve()  # a link stays one
    beside = path.with_name(f".{path.name}.teal")
    try:
        mode = stat.S_IMODE(path.stat().st_mode) if path.exists() else 0o644
        write_synced(beside, text.encode(), mode)
        beside.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise Refused(f"{path} can't be written: {error.strerror}", hint=f"write it yourself:\n{text}") from error


async def _stack(options: Options, overrides: Overrides, engine: DockerEngine, purpose: Purpose) -> Stack:
    kept = _kept(options, overrides) if purpose in {Purpose.LOOK, Purpose.RETURN} else None
    if kept is not None and purpose is Purpose.RETURN and _is_interrupted(options, kept.project):
        return await _with_models(kept, options)
    if kept is not None:
        return kept
    from teal.config.load import load

    if purpose is Purpose.LOOK:
        return await load(options, os.environ, _MODELS, only_plain=True)
    from teal.adapters.caddy.adapt import Adapting

    adapt = Adapting(engine, os.environ).adapted
    look = _if_it_answers(engine) if purpose is Purpose.READ else engine.image
    return await load(options, os.environ, _MODELS, overrides=overrides, look=look, adapt=adapt)


def _if_it_answers(engine: DockerEngine) -> ImageLook:
    """Return what looks for an image, and sees none where no engine answers."""

    async def look(reference: str) -> ImageInfo | None:
        with suppress(Unavailable):
            return await engine.image(reference)
        return None

    return look


def _kept(options: Options, overrides: Overrides) -> Stack | None:
    """Return the stack as its latest kept release remembers it; None where there is none, or -f means other files."""
    from teal.adapters.state.releases import ReleaseFolders

    project = "" if options.files else project_name(options, os.environ, _MODELS)
    releases = ReleaseFolders(home_of(options, project).releases).all() if project else ()
    remembered = releases[-1].stack if releases else None
    if remembered is None:
        return None
    stack = remembered.as_stack
    return replace(stack, settings=again(stack.settings, overrides, os.environ), directory=_directory(options))


def _is_interrupted(options: Options, project: str) -> bool:
    """Tell whether a run of the stack did not end: the command that is asked for heals it first."""
    from teal.adapters.state.journal import SqliteJournal

    journal = SqliteJournal(home_of(options, project).journal)
    try:
        return journal.unfinished() is not None
    finally:
        journal.close()


async def _with_models(kept: Stack, options: Options) -> Stack:
    """Return *kept* with the models of today's files, as far as they can be read: healing may need the database."""
    from teal.config.load import load

    try:
        today = await load(options, os.environ, _MODELS, only_plain=True)
    except TealError:
        return kept
    return replace(kept, models=today.models, own=today.own, entrances=today.entrances)


def _kept_models(releases: ReleaseFolders) -> Iterator[Tree]:
    """Yield the renderings of the kept releases: what they hold may show when one comes back."""
    from teal.core.model.side import COLORS

    for number in releases.numbers():
        for file in (*(releases.rendering(number, side) for side in COLORS), releases.once(number)):
            with suppress(OSError, ValueError):
                yield json.loads(Path(file).read_bytes())


def _directory(options: Options) -> str:
    """Return the checkout in which the command was given: the color is published there."""
    return str(find(options, os.environ, _MODELS).directory)


def _import_the_rest(purpose: Purpose) -> None:
    import teal.adapters.caddy.proxy
    import teal.adapters.compose.cli
    import teal.run.commands.status

    if purpose is not Purpose.LOOK:
        import teal.run.commands.deploy  # noqa: F401


def _built(
    options: Options, stack: Stack, home: Home, engine: DockerEngine, redact: Redactor, closing: AsyncExitStack
) -> OpenStack:
    from teal.adapters.caddy.adapt import adapt_words
    from teal.adapters.caddy.proxy import CaddyProxy
    from teal.adapters.compose.cli import DockerCompose
    from teal.adapters.host import Host, SystemClock
    from teal.adapters.postgres import PostgresDatabases
    from teal.adapters.state.journal import SqliteJournal
    from teal.adapters.state.lock import FileLock
    from teal.adapters.state.releases import ReleaseFolders
    from teal.adapters.state.reports import ReportFiles
    from teal.adapters.state.run_logs import RunLogFiles
    from teal.adapters.state.told import ToldFile
    from teal.cli.redaction import escape_control
    from teal.run.context import Ports

    where = os.getcwd()  # noqa: PTH109 (no disk asked)
    service = services_in(stack.models.get(Side.PLAIN, {})).get(stack.proxy, {})
    adapt, environment = adapt_words(service), environment_of(service)
    proxy = CaddyProxy(home.proxy, engine, adapt=adapt, environment=environment, own=home.own_proxy)
    journal = SqliteJournal(home.journal, redact=redact)
    closing.callback(journal.close)

    def mask(said: str) -> str:
        return escape_control(redact(said))

    logs, reports = RunLogFiles(home.runs, mask=mask), ReportFiles(home.reports, mask=mask)
    closing.callback(logs.close)
    releases = ReleaseFolders(home.releases)
    redact.learn(stack, *_kept_models(releases))
    ports = Ports(
        engine=engine,
        compose=DockerCompose(options.words(), cwd=where, environ=os.environ, remarked=stack.notes),
        proxy=proxy,
        releases=releases,
        journal=journal,
        logs=logs,
        reports=reports,
        lock=FileLock(home.lock),
        clock=SystemClock(),
        machine=Host(stack.directory, home, os.environ),
        databases=PostgresDatabases(),
    )
    told = ToldFile(home.told)
    return OpenStack(ports, stack, lambda: (*journal.notes, *logs.notes, *reports.notes, *releases.notes, *told.notes))


def desks(options: Options, overrides: Overrides, *, alone: bool) -> dict[str, Desk]:
    """Return what the page shows: the stack that is meant, then the others that have a release kept on this machine."""
    found: dict[str, Desk] = {}
    try:
        here = project_name(options, os.environ, _MODELS)
        root = home_of(options, here).root
        found[here] = _desk_here(options, overrides, here)
    except ConfigError:
        if alone or options != Options():
            raise
        root = state_root(options)
    if not alone:
        found |= {name: desk for name, desk in _kept_desks(root) if name not in found}
    if not found:
        raise Refused(
            f"there is no stack here, and none is kept in {root}", hint="run it in the folder of a Compose file"
        )
    return found


def state_root(options: Options) -> Path:
    """Return where the state of all stacks lies, as the stack that is meant says it, where there is one."""
    try:
        return home_of(options, "").root
    except ConfigError:
        return Path(os.environ.get("TEAL_HOME") or DEFAULT).absolute()


def _desk_here(options: Options, overrides: Overrides, project: str) -> Desk:
    from teal.cli.redaction import Redactor
    from teal.web.desk import Opened

    redact, home = Redactor(os.environ), home_of(options, project)

    @asynccontextmanager
    async def open_() -> AsyncIterator[Opened]:
        async with opened(options, overrides, Purpose.LOOK, redact) as found:
            yield Opened(found.ports, found.stack, found.notes)

    argv = (sys.executable, "-P", "-m", "teal", *options.words())
    return _desk(home, _clean(redact), open_, argv, str(options.cwd))


def _kept_desks(root: Path) -> Iterator[tuple[str, Desk]]:
    from teal.adapters.state.releases import ReleaseFolders

    folders = sorted(root.iterdir()) if root.is_dir() and os.access(root, os.R_OK | os.X_OK) else ()
    for folder in folders:
        home = Home(root, folder.name)
        with suppress(TealError, OSError):
            releases = ReleaseFolders(home.releases).all() if home.releases.is_dir() else ()
            if releases and releases[-1].stack:
                yield folder.name, _desk_kept(home, releases[-1].stack.directory)


def _desk_kept(home: Home, directory: str) -> Desk:
    """Return the desk of a stack as its latest kept release remembers it."""
    from teal.adapters.state.releases import ReleaseFolders
    from teal.cli.redaction import Redactor
    from teal.web.desk import Opened

    redact, options = Redactor(os.environ), Options(project=home.project, where=directory)

    @asynccontextmanager
    async def open_() -> AsyncIterator[Opened]:
        async with AsyncExitStack() as closing:
            engine = DockerEngine.here(os.environ)
            closing.push_async_callback(engine.close)
            releases = ReleaseFolders(home.releases).all()
            if not releases or releases[-1].stack is None:
                raise Refused(f"no release of {home.project} is kept any more", hint="deploy it: teal deploy")
            stack = releases[-1].stack.as_stack
            found = _built(options, stack, home, engine, redact, closing)
            yield Opened(found.ports, found.stack, found.notes)

    argv = (sys.executable, "-P", "-m", "teal", *options.words())
    return _desk(home, _clean(redact), open_, argv, directory)


def _desk(home: Home, clean: Clean, open_: Opening, argv: tuple[str, ...], cwd: str) -> Desk:
    from teal.web.desk import Desk

    stamp, told, numbers = (partial(each, home) for each in (_stamp, _told, _numbers))
    return Desk(home.project, clean, open_, stamp, told, numbers, argv, cwd)


def _clean(redact: Redactor) -> Callable[[str], str]:
    """Return what makes a text fit for the page: no known secret, no color of a terminal or what else it obeys."""
    from teal.cli.redaction import escape_control

    return lambda said: escape_control(_INK.sub("", redact(said)))


def _stamp(home: Home) -> object:
    """Return what differs as soon as a command has written anything down, but for what its run tells."""
    beside = home.journal.with_name(f"{home.journal.name}-wal")
    return tuple(map(_touched, (home.journal, beside, home.lock, home.proxy / "state", home.releases, home.runs)))


def _told(home: Home) -> object:
    """Return what differs as soon as the latest run has told something more."""
    newest = max((int(each.stem) for each in home.runs.glob("*.jsonl") if each.stem.isdecimal()), default=0)
    return newest, _touched(home.runs / f"{newest}.jsonl")


def _numbers(home: Home) -> object:
    return _touched(home.releases)


def _touched(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size

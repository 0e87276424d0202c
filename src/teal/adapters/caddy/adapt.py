"""What Caddy makes of the proxy's files of today, in a container of its own that is thrown away.

It has the proxy's image, mounts (read-only) and environment, and no network. What runs is not asked: its mounts and
environment may be older than the files.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

from teal.adapters.caddy.config import listeners, routes, trusts
from teal.adapters.caddy.dials import dials
from teal.adapters.caddy.loaded import ADAPT, configs_in, loaded, reason
from teal.adapters.process import clean
from teal.core.model.compose import Node, environment_of, mapping, sequence, services_in, text, unescaped, words_of
from teal.core.model.proxy_config import Adapted
from teal.core.model.side import Side
from teal.core.rendering.service import NEEDED
from teal.errors import TealError
from teal.ports import Engine

WITHIN = 30.0  # seconds for a container that starts, reads some files and ends
_UNABLE = {125, 126, 127}  # of ``docker run``: there is no such image, or no such program in it
_OPTIONS = {"-c": "--config", "--config": "--config", "-a": "--adapter", "--adapter": "--adapter"}


class Adapting:
    """Asks the Caddy of a stack what its files of today mean."""

    def __init__(self, engine: Engine, environ: Mapping[str, str]) -> None:
        self._engine = engine
        self._environ = clean(environ)

    async def adapted(self, model: Node, proxy: str) -> Adapted:
        """Return what Caddy makes of the configuration of *proxy*, or why it can't be asked."""
        service = services_in(model)[proxy]
        image = text(service.get("image")) or f"{text(model.get('name'))}-{proxy}"
        try:
            if await self._engine.image(image) is None:
                return Adapted(unseen=f"the image {image} is not there yet")
            with TemporaryDirectory(prefix="teal-") as scratch:
                mounts = [*_mounts(model, service, Path(scratch)), *await self._volumes(model, service)]
                status, output, errors = await self._run(_argv(service, image, mounts), service)
        except (TealError, OSError, TimeoutError) as error:
            return Adapted(unseen=getattr(error, "message", "") or str(error) or "it took too long")
        if status in _UNABLE:
            return Adapted(unseen=reason(errors) or f"docker run ended with status {status}")
        config = next(configs_in(output), None)
        if status == 0 and config is not None:
            listens = frozenset(listener.port for listener in listeners(config))
            return Adapted(routes(config), dials(config, environment_of(service)), listens, trusts(config))
        return await self._running(model, proxy, reason(errors) or "no reason given")

    async def _running(self, model: Node, proxy: str, broken: str) -> Adapted:
        """Return which routes the running proxy has loaded, where its files of today are *broken*."""
        with suppress(TealError):
            for container in await self._engine.containers(text(model.get("name"))):
                if container.side is Side.PLAIN and container.service == proxy and container.running:
                    config = await loaded(self._engine, container, adapt_words(services_in(model)[proxy]))
                    return Adapted(routes(config), broken=broken)
        return Adapted(broken=broken)

    async def _volumes(self, model: Node, service: Node) -> list[str]:
        """Return the options that mount those named volumes that are there: a missing one would be created."""
        definitions = mapping(model.get("volumes"))
        wanted = {
            text(mapping(definitions.get(text(each.get("source")))).get("name")): unescaped(each.get("target"))
            for each in map(mapping, sequence(service.get("volumes")))
            if each.get("type") == "volume" and each.get("source")
        }
        there = await self._engine.volumes(wanted)
        return [f"type=volume,source={name},target={wanted[name]},readonly" for name in sorted(there)]

    async def _run(self, argv: Sequence[str], service: Node) -> tuple[int, str, str]:
        own = {name: value for name, value in environment_of(service).items() if not NEEDED.fullmatch(name)}
        process = await asyncio.create_subprocess_exec(
            *argv,
            env={**own, **self._environ},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            async with asyncio.timeout(WITHIN):
                output, errors = await process.communicate()
        except BaseException:
            with suppress(ProcessLookupError):
                process.kill()
            raise
        return process.returncode or 0, output.decode(errors="replace"), errors.decode(errors="replace")


def _argv(service: Node, image: str, mounts: Sequence[str]) -> list[str]:
    """Return the command that adapts; values of variables stand in its environment, where nobody else sees them."""
    program, *arguments = adapt_words(service)
    argv = ["docker", "run", "--rm", "--pull", "never", "--network", "none", "--entrypoint", program]
    argv += [word for mount in mounts for word in ("--mount", mount)]
    argv += [word for name in environment_of(service) if not NEEDED.fullmatch(name) for word in ("--env", name)]
    for option, key in (("--user", "user"), ("--workdir", "working_dir"), ("--platform", "platform")):
        argv += [option, unescaped(service.get(key))] if service.get(key) else []
    return [*argv, image, *arguments]


def _mounts(model: Node, service: Node, scratch: Path) -> Iterator[str]:
    """Yield the options that mount files and directories of this host; what is not there is left out."""
    for each in map(mapping, sequence(service.get("volumes"))):
        source = Path(unescaped(each.get("source")))
        if each.get("type") == "bind" and source.exists() and not source.is_socket():
            yield _bind(source, unescaped(each.get("target")))
    for config in map(mapping, sequence(service.get("configs"))):
        name = text(config.get("source"))
        definition = mapping(mapping(model.get("configs")).get(name))
        source = Path(unescaped(definition.get("file")) or scratch / name)
        if "content" in definition:
            source.write_text(unescaped(definition["content"]), encoding="utf-8")
            source.chmod(0o444)  # for the proxy's user; on this host nobody else comes into the directory
        if source.exists():
            yield _bind(source, unescaped(config.get("target")) or f"/{name}")


def _bind(source: Path, target: str) -> str:
    fields = ("type=bind", f"source={source}", f"target={target}", "readonly")
    return ",".join(f'"{field}"' if "," in field else field for field in fields)


def adapt_words(service: Node) -> tuple[str, ...]:
    """Return the command that prints, as JSON, the configuration with which *service* runs Caddy."""
    words = [part for word in words_of(service) for part in word.replace("=", " ").split()]
    given = {_OPTIONS[word]: value for word, value in pairwise(words) if word in _OPTIONS}
    if "run" not in words:
        return ADAPT
    config, adapter = given.get("--config", ""), given.get("--adapter", "")
    if config.endswith(".json") and not adapter:
        return "cat", config
    named = ("--config", config) if config else ()
    return ("caddy", "adapt", *named, *(("--adapter", adapter) if adapter else ()))

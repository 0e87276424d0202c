"""Looks at what lies around the Compose files: Dockerfiles, and configuration that is mounted or built into a service.

What it means is decided in ``teal.core.services``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

from teal.config.texts import files_at, text_of
from teal.core.model.built import Made
from teal.core.model.compose import Node, environment_of, mapping, sequence, services_in, text, unescaped
from teal.core.model.proxy_config import Call
from teal.core.model.side import Side
from teal.core.services import known_images
from teal.core.services.addresses import known_in
from teal.core.services.calling import Text, called_by, is_configuration
from teal.core.services.dockerfile import made

_ENDS = """
    .html .htm .js .mjs .css .map .svg .png .jpg .jpeg .gif .webp .ico .woff2 .pem .key .crt .cer .csr .p12 .log .gz
    .zip .tar .md .php .py .ts .sql .sample .example .dist .bak .old .orig .disabled ~
"""
_NO_CONFIGURATION = tuple(_ENDS.split())  # pages, keys and data that lie beside it
_MOST_TEXT = 4 * 1024 * 1024  # bytes of one service's files that are read


def built(model: Node) -> dict[str, Made]:
    """Return what each image is that the stack builds, as far as a Dockerfile on this machine tells."""
    return {
        name: _made(build) for name, service in services_in(model).items() if (build := mapping(service.get("build")))
    }


def _made(build: Node) -> Made:
    context = unescaped(build.get("context"))
    inline = unescaped(build.get("dockerfile_inline"))
    local = context.startswith("/")
    path = Path(context, unescaped(build.get("dockerfile")) or "Dockerfile")
    arguments = {name: unescaped(value) for name, value in mapping(build.get("args")).items() if value is not None}
    return made(inline or (text_of(path) if local else ""), unescaped(build.get("target")), arguments)


def calls(models: Mapping[Side, Node], images: Mapping[str, Made]) -> tuple[tuple[Call, ...], frozenset[str]]:
    """Return who calls whom, by configuration, environment and commands; and whose configuration was read."""
    model = models[Side.PLAIN]
    known = known_in(models)
    found: list[Call] = []
    read: set[str] = set()
    for name, service in services_in(model).items():
        image = images[name].image if name in images else text(service.get("image"))
        if known_images.known(image) not in known_images.STORES:
            variables = {**(images[name].environment if name in images else {}), **environment_of(service)}
            texts = tuple(_texts(model, service, images.get(name), known_images.software(image)))
            found += called_by(name, models, texts, known_images.software(image), variables, known)
            read |= {name} if texts else set()
    return tuple(dict.fromkeys(found)), frozenset(read)


def _texts(model: Node, service: Node, image: Made | None, software: str) -> Iterator[Text]:
    """Yield the files that may be the configuration of *service*: mounted, given as configs, or built into it."""
    left = _MOST_TEXT
    for path, target in (*_mounted(service), *_copied(service, image)):
        for file in files_at(path) if software or is_configuration(str(path), target) else ():
            worth = left > 0 and not file.name.lower().endswith(_NO_CONFIGURATION)
            said = text_of(file) if worth else ""
            left -= len(said)
            if said:
                yield Text(file.name, said)
    for config in map(mapping, sequence(service.get("configs"))):
        source = text(config.get("source"))
        definition = mapping(mapping(model.get("configs")).get(source))
        if definition.get("file"):
            yield Text(Path(unescaped(definition["file"])).name, text_of(Path(unescaped(definition["file"]))))
        yield Text(f"configs.{source}", unescaped(definition.get("content")))


def _mounted(service: Node) -> list[tuple[Path, str]]:
    binds = (volume for volume in map(mapping, sequence(service.get("volumes"))) if volume.get("type") == "bind")
    pairs = ((unescaped(bind.get("source")), unescaped(bind.get("target"))) for bind in binds)
    return [(Path(source), target) for source, target in pairs if source.startswith("/")]


def _copied(service: Node, image: Made | None) -> list[tuple[Path, str]]:
    """Return what a front or a monitor that is built here is given from its build context."""
    context = unescaped(mapping(service.get("build")).get("context"))
    if (
        image is None
        or not context.startswith("/")
        or not (known_images.software(image.image) or known_images.known(image.image))
    ):
        return []
    return [(Path(context, each.source), each.target or "") for each in image.copied]

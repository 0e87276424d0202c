"""Which services a service calls, by its configuration, its environment and its command."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from teal.core.model.compose import Node, mapping, number, sequence, unescaped, words_of
from teal.core.model.proxy_config import Call
from teal.core.model.side import Side
from teal.core.services.addresses import Known, Names, host_and_port
from teal.core.services.passing import Address, calls_in, calls_of

_CONFIGURED = re.compile(
    r"(?i)(?:^|[/_.-])(?:etc|conf|config|configs|conf\.d|settings|provisioning|rules|hooks)(?:$|[/_.-])"
)
_TEXT = re.compile(r"(?i)\.(?:ya?ml|json|toml|conf|cfg|ini|env|xml|hcl|vcl|properties|tmpl|template|caddy)$")
_HOST_VARIABLE = re.compile(r"(\w*?)(?:HOST|HOSTNAME|ADDRESS|ADDR|SERVER|UPSTREAM|BACKEND)")


class Text(NamedTuple):
    """A file's name and what it says."""

    name: str
    said: str


def is_configuration(source: str, target: str) -> bool:
    """Tell whether what is mounted from *source* at *target* reads like configuration, by its name alone."""
    return bool(_TEXT.search(target) or _TEXT.search(source) or _CONFIGURED.search(target)) and not posixpath.basename(
        source
    ).endswith(".sock")


def called_by(
    name: str,
    models: Mapping[Side, Node],
    texts: tuple[Text, ...],
    software: str,
    variables: Mapping[str, str],
    known: Known | None = None,
) -> Iterator[Call]:
    """Yield whom the service *name* calls; *texts* are its configuration, *variables* its whole environment."""
    names = Names(models, name, known)
    service = mapping(mapping(models[Side.PLAIN].get("services")).get(name))
    for text in texts:
        for address in calls_in(text.said, software, variables):
            yield from _call(name, address, names, f"{text.name}:{address.line}")
    test = (unescaped(word) for word in sequence(mapping(service.get("healthcheck")).get("test")))
    for address in (*calls_of((*words_of(service), *variables.values(), *test)), *_apart(variables)):
        yield from _call(name, address, names, "")


def _call(name: str, address: Address, names: Names, place: str) -> Iterator[Call]:
    to, port = names.meant(address.written)
    if to and port and to != name:
        host = host_and_port(address.written)[0]
        yield Call(name, to, port, "" if names.is_machine(host) else host, address.how, place)


def _apart(variables: Mapping[str, str]) -> Iterator[Address]:
    """Yield addresses whose host and port stand in variables of their own: ``WEB_HOST`` and ``WEB_PORT``."""
    for variable, value in variables.items():
        found = _HOST_VARIABLE.fullmatch(variable.upper())
        port = (
            number(
                next((variables[f"{key}PORT"] for key in (found[1], f"{variable}_") if f"{key}PORT" in variables), "")
            )
            if found
            else 0
        )
        if port:
            yield Address(f"{value}:{port}")

"""Whom a front, a monitor or another service calls: the addresses in the text of its configuration.

nginx, HAProxy, Envoy, Kong and Varnish are read in their own grammar, as far as it says whom they call and what they
speak with it. In all other text each URL, and each ``name:port``, is an address. What an address leads to is not
decided here: most lead nowhere.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from teal.core.model.proxy_config import How

_MOST = 500  # addresses of one file


class Address(NamedTuple):
    """An address as written, ``http://web:8000/x`` or ``web:8000``, what is spoken there, and the line (from 1)."""

    written: str
    how: How = "http"
    line: int = 0


_SPOKEN: Mapping[str, How] = {
    **dict.fromkeys(("http", "ws", "h2c", "grpc"), "http"),
    **dict.fromkeys(("https", "wss", "grpcs"), "https"),
    **dict.fromkeys(("fcgi", "fastcgi"), "fastcgi"),
    **dict.fromkeys(("uwsgi", "suwsgi", "scgi", "ajp"), "uwsgi"),
}
_URL = re.compile(
    r"(?<![\w+.-])([A-Za-z][A-Za-z0-9+.]{1,20})://(?:[^@/\s\"'`<>]*@)?([A-Za-z0-9_][\w.-]*)(?::(\d{1,5}))?"
)
_PLAIN = re.compile(r"(?<![\w./:@$-])([A-Za-z0-9_][\w.-]*):(\d{2,5})(?![\w.:-])")
_COMMENT = re.compile(r"(?:^|(?<=\s))#.*|^\s*//.*")
_VARIABLE = re.compile(r"\$(?:\{(\w+)(?::?-([^}]*))?\}|(\w+))|\{\$(\w+)(?::([^}]*))?\}|\{env\.(\w+)\}")


def calls_in(text: str, software: str = "", variables: Mapping[str, str] | None = None) -> tuple[Address, ...]:
    """Return whom *text* of the configuration of *software* calls; *variables* are those of its environment."""
    lines = [_COMMENT.sub("", line) for line in text.splitlines()]
    if software in {"nginx", "proxy manager", "labels"} and _NGINX.search(text):
        found = _nginx(lines, variables or {})
    elif software == "haproxy":
        found = _haproxy(lines, variables or {})
    else:
        filled = [_filled(line, variables or {}) for line in lines]
        found = _chain(_paired(filled), _anywhere(filled, fastcgi=software == "caddy"))
    return tuple(dict.fromkeys(each for each, _ in zip(found, range(_MOST), strict=False)))


def calls_of(words: Iterable[str]) -> tuple[Address, ...]:
    """Return whom *words* of a command, or values of an environment, name."""
    return tuple(dict.fromkeys(_anywhere(words)))


def ends_tls(text: str, software: str) -> bool:
    """Tell whether *text* of the configuration of *software* says that it ends TLS itself."""
    lines = "\n".join(_COMMENT.sub("", line) for line in text.splitlines())
    if software == "haproxy":
        return bool(re.search(r"^\s*bind\s.*\bssl\b", lines, re.MULTILINE))
    return bool(
        re.search(
            r"\bssl_certificate\b|\blisten\s[^;]*\bssl\b|\bSSLEngine\s+on|DownstreamTlsContext", lines, re.IGNORECASE
        )
    )


def _chain(*parts: Iterator[Address]) -> Iterator[Address]:
    for part in parts:
        yield from part


def _filled(line: str, variables: Mapping[str, str]) -> str:
    def fill(found: re.Match[str]) -> str:
        name = found[1] or found[3] or found[4] or found[6]
        return variables.get(name) or found[2] or found[5] or found[0]

    return _VARIABLE.sub(fill, line) if "$" in line or "{env." in line else line


def _anywhere(lines: Iterable[str], *, fastcgi: bool = False) -> Iterator[Address]:
    """Yield what looks like an address, wherever it stands."""
    for count, line in enumerate(lines, 1):
        bare: How = "fastcgi" if fastcgi and "php_fastcgi" in line else "http"
        for scheme, host, port in _URL.findall(line):
            how = _SPOKEN.get(scheme.lower(), "tcp")
            usual = {"http": "80", "https": "443"}.get(how, "")
            if port or usual:
                yield Address(f"{host}:{port or usual}", how, count)
        for host, port in _PLAIN.findall(_URL.sub(" ", line)):
            yield Address(f"{host}:{port}", bare, count)


_KEY, _NAME, _NUMBER = r"[\"']?[ \t]*[:=][ \t]*[\"']?", r"([A-Za-z0-9_][\w.-]*)", r"(\d{1,5})\b"
_HOST_KEYS, _PORT_KEYS = (
    r"\b(?:address|host|hostname|local_?ip|localIP)",
    r"\b(?:port_value|port|local_?port|localPort)",
)
_PAIRED = re.compile(f"{_HOST_KEYS}{_KEY}{_NAME}\\b[^{{}}]{{0,80}}?{_PORT_KEYS}{_KEY}{_NUMBER}")
_REVERSED = re.compile(f"{_PORT_KEYS}{_KEY}{_NUMBER}[^{{}}]{{0,80}}?{_HOST_KEYS}{_KEY}{_NAME}")


def _paired(lines: list[str]) -> Iterator[Address]:
    """Yield hosts whose port stands in a key of its own, beside it: Envoy, Kong, Varnish, frp."""
    whole = "\n".join(lines)
    for found in _PAIRED.finditer(whole):
        yield Address(f"{found[1]}:{found[2]}", "http", whole.count("\n", 0, found.start()) + 1)
    for found in _REVERSED.finditer(whole):
        yield Address(f"{found[2]}:{found[1]}", "http", whole.count("\n", 0, found.start()) + 1)


_NGINX = re.compile(r"\b(?:proxy|grpc|fastcgi|uwsgi|scgi)_pass\b|\bupstream\s+\S+\s*\{|\bserver\s*\{")
_PASS = re.compile(r"\b(proxy|grpc|fastcgi|uwsgi|scgi)_pass\s+[\"']?([^;\"'\s]+)")
_SET = re.compile(r"\bset\s+\$(\w+)\s+[\"']?([^;\"'\s]+)")
_UPSTREAM = re.compile(r"\bupstream\s+([\w.-]+)\s*\{([^}]*)\}")
_SERVER = re.compile(r"\bserver\s+([^;\s{]+)")
_MAP = re.compile(r"\bmap\s+\S+\s+\$(\w+)\s*\{([^}]*)\}")
_BLOCK = re.compile(r"\bserver\s*\{")
_NAMED = re.compile(r"\$\{?(\w+)\}?")
_VARIABLES, _VALUES = 4, 20  # of one target that are filled in, and values of one that are tried
_PASSES: Mapping[str, How] = {"fastcgi": "fastcgi", "uwsgi": "uwsgi", "scgi": "uwsgi"}


def _nginx(lines: list[str], variables: Mapping[str, str]) -> Iterator[Address]:
    """Yield whom nginx passes requests to: a name, an upstream's servers, or what a variable was set to."""
    filled = [_filled(line, variables) for line in lines]
    whole = "\n".join(filled)
    upstreams = {found[1]: found for found in _UPSTREAM.finditer(whole)}
    left = set(upstreams)
    for host, how, line in _passed(whole):
        left.discard(host)
        for server in _SERVER.findall(upstreams[host][2]) if host in upstreams else [host]:
            yield Address(_with_port(server, how), how, line)
    for name in sorted(left):
        for server in _SERVER.findall(upstreams[name][2]):
            yield Address(_with_port(server, "http"), "http", whole.count("\n", 0, upstreams[name].start()) + 1)


def _passed(whole: str) -> Iterator[tuple[str, How, int]]:
    """Yield host with port, what is spoken, and line, of each directive that passes requests on."""
    begins = [found.start() for found in _BLOCK.finditer(whole)]
    shared = _mapped(whole)
    for found in _PASS.finditer(whole):
        begin = max((each for each in begins if each < found.start()), default=0)
        for target in _meanings(found[2], {**shared, **_values(whole[begin : found.start()])}):
            scheme, _, rest = target.rpartition("://")
            how = _PASSES.get(found[1]) or _SPOKEN.get(scheme.lower(), "http")
            yield re.split(r"[/$]", rest)[0], how, whole.count("\n", 0, found.start()) + 1


def _values(block: str) -> dict[str, list[str]]:
    """Return what nginx's variables are set to in *block*, a server as far as it is read."""
    values: dict[str, list[str]] = {}
    for found in _SET.finditer(block):
        values.setdefault(found[1], []).append(found[2])
    return values


def _mapped(whole: str) -> dict[str, list[str]]:
    """Return what nginx's variables are set to by each ``map``."""
    values: dict[str, list[str]] = {}
    for found in _MAP.finditer(whole):
        values.setdefault(found[1], []).extend(re.findall(r"\s[\"']?([\w./:-]+)[\"']?;", found[2]))
    return values


def _meanings(target: str, values: Mapping[str, list[str]], left: int = _VARIABLES) -> Iterator[str]:
    """Yield *target* with its variables filled in, for each value that one is given somewhere."""
    found = next((each for each in _NAMED.finditer(target) if each[1] in values), None)
    if found is None or not left:
        yield target
        return
    for value in values[found[1]][:_VALUES]:
        yield from _meanings(target[: found.start()] + value + target[found.end() :], values, left - 1)


def _with_port(server: str, how: How) -> str:
    usual = {"http": ":80", "https": ":443"}.get(how, "")
    return server if re.search(r":\d+$", server) else server + usual


_SECTION = re.compile(r"^(global|defaults|frontend|backend|listen|resolvers|peers|cache|userlist|program)\b")


def _haproxy(lines: list[str], variables: Mapping[str, str]) -> Iterator[Address]:
    """Yield the servers of HAProxy's backends; one without a port is asked at the port at which HAProxy was asked."""
    mode, usual, section = "http", "http", ""
    for count, line in enumerate(lines, 1):
        words = _filled(line, variables).split()
        if not words:
            continue
        if _SECTION.match(words[0]) and not line[:1].isspace():
            section, mode = words[0], usual
        elif words[:1] == ["mode"] and len(words) > 1:
            mode = words[1]
            usual = mode if section == "defaults" else usual
        at = {"server": 2, "server-template": 3}.get(words[0], 0)
        if at and len(words) > at:
            how: How = "tcp" if mode == "tcp" else "fastcgi" if "fcgi" in words else "http"
            address = words[at].removeprefix("ipv4@")
            yield Address(address if ":" in address else f"{address}:80", how, count)

"""What a Caddy of the stack's own lacks to be switched: the import in its Caddyfile, two mounts in compose.yml.

Only what can be changed without a doubt is; the rest is named, for a person. Every other byte stays.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import unified_diff
from pathlib import Path, PurePosixPath

from teal.config.edit_yaml import added
from teal.config.strict_yaml import read_yaml
from teal.core.model.compose import Node, mapping, sequence, services_in, text, unescaped
from teal.core.model.side import Side
from teal.core.model.stack import Stack
from teal.core.model.traffic import MOUNT
from teal.core.services.addresses import Names
from teal.errors import ConfigError

_PROXY = re.compile(r"^(?P<indent>[ \t]*)reverse_proxy[ \t]+(?P<what>\S+)(?P<rest>(?:[ \t]+\{)?[ \t]*(?:#.*)?)$")
_LEADS = re.compile(r"^[ \t]*(?:reverse_proxy|to|php_fastcgi|forward_auth|ask|dynamic)\b")
_VARIABLE = re.compile(r"\{\$|\{env\.")
_PLAINLY = re.compile(r"(?:http://)?[A-Za-z0-9][\w.-]*(?::\d+)?")
_IMPORT = re.compile(r"^[ \t]*import[ \t]+\S*teal\.caddy\b", re.MULTILINE)
_SNIPPET = "teal.caddy"
_HOME = "/etc/caddy"
_MOST = 50  # files of a mounted folder that are looked at
_LARGEST = 1_000_000  # bytes of one


@dataclass(frozen=True, slots=True)
class Change:
    """What becomes of an owner's file; *before* is None where it is new."""

    path: Path
    before: str | None
    after: str

    def diff(self, folder: Path) -> str:
        """Return it as a diff, the path below *folder*."""
        name = str(self.path.relative_to(folder)) if self.path.is_relative_to(folder) else str(self.path)
        if self.before is None:
            return f"--- /dev/null\n+++ {name}\n  (a new file: `teal snippet` prints it)\n"
        before, after = (each.splitlines(keepends=True) for each in (self.before, self.after))
        whole = unified_diff(before, after, fromfile=name, tofile=name, n=1)
        return "".join(line if line.endswith("\n") else f"{line}\n" for line in whole)


@dataclass(frozen=True, slots=True)
class Prepared:
    """The changes that a Caddy needs, and what only a person can change."""

    changes: tuple[Change, ...] = ()
    by_hand: tuple[str, ...] = ()


def prepare(stack: Stack, caddy: str, files: Sequence[Path], snippet: str) -> Prepared:
    """Return what the service *caddy* of *stack* needs; *files* are the owner's Compose files."""
    service = services_in(stack.models.get(Side.PLAIN, {})).get(caddy, {})
    found = _caddyfile(list(map(mapping, sequence(service.get("volumes")))))
    if found is None:
        return Prepared(
            by_hand=(f"the Caddyfile of {caddy} is not mounted: import the snippet where its image has it",)
        )
    main, inside, mounted = found
    names = Names(stack.models, caddy)
    by_hand: list[str] = []
    changes: list[Change] = []
    for path in dict.fromkeys((main, *(_below(main.parent) if mounted else ()))):
        before = _text(path)
        if before is None:
            continue
        after, left = _imported(before, names, stack.rotating_names)
        if path == main and after != before and not _IMPORT.search(before):
            after = _at_the_top(after)
        by_hand += [f"{path.name}:{line}: {what}" for line, what in left]
        changes += [Change(path, before, after)] if after != before else []
    if not changes:
        return Prepared(by_hand=tuple(by_hand))
    beside = main.with_name(_SNIPPET)
    mine = () if beside.exists() else (Change(beside, None, snippet),)
    try:
        mounts = _mounts(stack, caddy, beside, inside, mounted=mounted)
        changes += [_composed(files, caddy, mounts)] if mounts else []
    except ConfigError as error:
        by_hand.append(f"{error.message}: {error.hint}")
    return Prepared((*mine, *changes), tuple(by_hand))


def _caddyfile(volumes: Sequence[Node]) -> tuple[Path, PurePosixPath, bool] | None:
    """Return the Caddyfile on this host, its path inside, and whether its whole folder is mounted."""
    for volume in volumes:
        source, target = unescaped(volume.get("source")), unescaped(volume.get("target"))
        if volume.get("type") != "bind":
            continue
        if target == f"{_HOME}/Caddyfile" and Path(source).is_file():
            return Path(source), PurePosixPath(target), False
        if target.rstrip("/") == _HOME and (Path(source) / "Caddyfile").is_file():
            return Path(source) / "Caddyfile", PurePosixPath(_HOME) / "Caddyfile", True
    return None


def _below(folder: Path) -> list[Path]:
    found = (path for path in sorted(folder.rglob("*")) if path.is_file() and path.name != _SNIPPET)
    return [path for path, _ in zip(found, range(_MOST), strict=False)]


def _text(path: Path) -> str | None:
    try:
        return path.read_bytes().decode() if path.stat().st_size <= _LARGEST else None
    except (OSError, UnicodeDecodeError):
        return None


def _imported(written: str, names: Names, rotating: frozenset[str]) -> tuple[str, list[tuple[int, str]]]:
    """Return the text with the snippet in place of each plain reverse_proxy, and the lines that are no such."""
    lines = written.split("\n")
    left: list[tuple[int, str]] = []
    for place, line in enumerate(lines):
        found = _PROXY.match(line.removesuffix("\r"))
        name, port = _meant(found["what"], names) if found and _PLAINLY.fullmatch(found["what"]) else ("", 0)
        if found and name in rotating:
            end = "\r" if line.endswith("\r") else ""
            lines[place] = f"{found['indent']}import teal {name} {port or 80}{found['rest']}{end}"
            continue
        code = line.partition("#")[0]
        ours = any(_meant(word, names)[0] in rotating for word in code.split())
        if _LEADS.match(code) and (ours or _VARIABLE.search(code)):
            left.append(
                (place + 1, f"`{code.strip().removesuffix('{').strip()}` is for you to change, docs/proxy.md says how")
            )
    return "\n".join(lines), left


def _meant(word: str, names: Names) -> tuple[str, int]:
    """Return the service that *word* leads to, with the port; without one it is 80."""
    return names.meant(word if ":" in word else f"{word}:80")


def _at_the_top(written: str) -> str:
    """Return the text with the import of the snippet, behind the global options, which tell Caddy to count."""
    end = "\r\n" if "\r\n" in written else "\n"
    fresh = not _after_options(written)
    counting = f"{{{end}\tmetrics{end}}}{end}{written}" if fresh else _counting(written, end)
    place = _after_options(counting)
    return f"{counting[:place]}{end}import {_SNIPPET}{end}{end if fresh else ''}{counting[place:]}"


def _counting(written: str, end: str) -> str:
    """Return the text with ``metrics`` among its global options: without it nobody sees what users met in a deploy."""
    lines = written[: _after_options(written)].splitlines(keepends=True)
    codes = [line.partition("#")[0].strip() for line in lines]
    opened = next(at for at, code in enumerate(codes) if code.startswith("{"))
    if any(code.split()[:1] == ["metrics"] for code in codes) or codes[opened] != "{":
        return written
    place = sum(map(len, lines[: opened + 1]))
    return f"{written[:place]}\tmetrics{end}{written[place:]}"


def _after_options(written: str) -> int:
    """Return where the line after the block of global options begins, 0 where there is none."""
    lines, at, depth, inside = written.splitlines(keepends=True), 0, 0, False
    for line in lines:
        code = line.partition("#")[0].strip()
        at += len(line)
        if not inside and code and not code.startswith("{"):
            return 0
        inside = inside or bool(code)
        depth += code.count("{") - code.count("}")
        if inside and depth <= 0:
            return at
    return 0


def _mounts(stack: Stack, caddy: str, beside: Path, inside: PurePosixPath, *, mounted: bool) -> tuple[str, ...]:
    """Return the mounts that the service lacks, as compose.yml writes them."""
    service = services_in(stack.models[Side.PLAIN])[caddy]
    there = {unescaped(mapping(volume).get("target")).rstrip("/") for volume in sequence(service.get("volumes"))}
    folder = Path(stack.directory)
    wanted = {}
    if not mounted:
        source = f"./{beside.relative_to(folder)}" if beside.is_relative_to(folder) else str(beside)
        wanted[str(inside.with_name(_SNIPPET))] = source
    wanted[MOUNT] = f"${{TEAL_HOME:-/var/lib/teal}}/${{COMPOSE_PROJECT_NAME:-{stack.project}}}/proxy"
    return tuple(f"{source}:{target}:ro" for target, source in wanted.items() if target not in there)


def _composed(files: Sequence[Path], caddy: str, mounts: tuple[str, ...]) -> Change:
    for path in files:
        services = mapping(mapping(read_yaml(path)).get("services"))
        if caddy in map(text, services):
            before = path.read_bytes().decode()
            return Change(path, before, added(before, {("services", caddy, "volumes"): mounts}, name=path.name))
    listed = "".join(f"\n- {mount}" for mount in mounts)
    raise ConfigError(f"no file of the stack's own has {caddy}", hint=f"add to its volumes:{listed}")

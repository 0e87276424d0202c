"""What people type after an everyday word, and what Docker Compose must be told instead: pure functions."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

# Options of ``docker compose SUBCOMMAND`` that take the next word as their value; it is never a service.
_VALUED: dict[str, frozenset[str]] = {
    "exec": frozenset({"-e", "--env", "--index", "-u", "--user", "-w", "--workdir"}),
    "run": frozenset(
        {
            *("-e", "--env", "--env-from-file", "-u", "--user", "-w", "--workdir", "-v", "--volume", "--name"),
            *("-l", "--label", "-p", "--publish", "--entrypoint", "--cap-add", "--cap-drop", "--pull"),
        }
    ),
    "logs": frozenset({"-n", "--tail", "--since", "--until", "--index"}),
    "ps": frozenset({"--filter", "--format", "--status"}),
    "restart": frozenset({"-t", "--timeout"}),
    "stop": frozenset({"-t", "--timeout"}),
}
_ONE_SERVICE = frozenset({"exec", "run", "port", "attach", "commit", "export"})
_GLOBAL_VALUED = frozenset({"--ansi", "--parallel", "--progress", "--profile", "--env-file", "-f", "--file", "-p"})


@dataclass(frozen=True, slots=True)
class ComposePlace:
    """Where a command of Compose goes: a rendering that Teal keeps, or the owner's files as they are."""

    project: str  # Compose's name for it
    keys: Mapping[str, str]  # base name -> service key there
    file: str = ""  # of the rendering; empty for the owner's files
    options: tuple[str, ...] = ()  # the owner's own -f, --env-file …

    def argv(self, words: ComposeWords) -> list[str]:
        """Return the whole command line for *words*, each service under its key here."""
        where = ["-f", self.file, "--env-file", "/dev/null"] if self.file else list(self.options)
        services = [self._key(each) for each in words.services]
        return ["docker", "compose", "-p", self.project, *where, *words.before, *services, *words.after]

    def has(self, service: str) -> bool:
        """Tell whether *service*, by its base name or its key, is one of this place."""
        name = service.partition(":")[0]
        return name in self.keys or name in self.keys.values()

    def _key(self, service: str) -> str:
        name, colon, path = service.partition(":")  # ``cp`` writes SERVICE:PATH
        return f"{self.keys.get(name, name)}{colon}{path}"


@dataclass(frozen=True, slots=True)
class ComposeWords:
    """A subcommand taken apart: what precedes the services, the services, what follows."""

    before: tuple[str, ...]
    services: tuple[str, ...] = ()
    after: tuple[str, ...] = ()


def split(words: ComposeWords, places: Sequence[ComposePlace]) -> list[tuple[ComposePlace, ComposeWords]]:
    """Return which place is told what: each service goes to the first place that has it, the first gets the rest."""
    if not words.services:
        return [(places[0], words)]
    told: dict[int, list[str]] = {}
    for service in words.services:
        at = next((number for number, place in enumerate(places) if place.has(service)), 0)
        told.setdefault(at, []).append(service)
    return [(places[at], replace(words, services=tuple(services))) for at, services in sorted(told.items())]


def unknown(words: ComposeWords, places: Sequence[ComposePlace]) -> tuple[str, ...]:
    """Return the services of *words* that no place has."""
    return tuple(each for each in words.services if not any(place.has(each) for place in places))


def take_apart(words: Sequence[str]) -> ComposeWords:
    """Return *words* (a subcommand and its arguments) with its services told from options and inner commands."""
    start = _subcommand(words)
    if start is None:
        return ComposeWords(tuple(words))
    name = words[start]
    valued = _VALUED.get(name, frozenset())
    if name in _ONE_SERVICE:
        at = _first_positional(words, start + 1, valued)
        return (
            ComposeWords(tuple(words))
            if at is None
            else ComposeWords(tuple(words[:at]), (words[at],), tuple(words[at + 1 :]))
        )
    options: list[str] = list(words[: start + 1])
    services: list[str] = []
    at = start + 1
    while at < len(words):
        word = words[at]
        if word.startswith("-"):
            taken = 2 if word in valued else 1
            options += words[at : at + taken]
            at += taken
        else:
            services.append(word)
            at += 1
    return ComposeWords(tuple(options), tuple(services))


def _subcommand(words: Sequence[str]) -> int | None:
    return _first_positional(words, 0, _GLOBAL_VALUED)


def _first_positional(words: Sequence[str], start: int, valued: Collection[str]) -> int | None:
    at = start
    while at < len(words):
        if not words[at].startswith("-"):
            return at
        at += 2 if words[at] in valued else 1
    return None

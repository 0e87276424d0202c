"""Who is told how a run ended, as ``notify`` and ``metrics`` of teal.yml say it; addresses may come from variables."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from teal.config.dotenv import read
from teal.config.files import TEAL_YML
from teal.config.teal_yml import NotifyReceiver, TealYml
from teal.core.telling.posts import Receiver, kind_of
from teal.errors import ConfigError
from teal.ports import ModelReader

_VARIABLE = re.compile(r"\$(?:\{([A-Za-z_]\w*)\}|([A-Za-z_]\w*))")
_TOLD = re.compile(rb"^(?:notify|metrics)[ \t]*:", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Telling:
    """Who is told, and where metrics go; "" for nowhere."""

    receivers: tuple[Receiver, ...] = ()
    metrics: str = ""

    @property
    def secrets(self) -> frozenset[str]:
        """Return what no line may show."""
        return frozenset(s for each in self.receivers for s in (each.url, each.secret, each.token) if s)


def tells(folder: Path) -> bool:
    """Tell whether the teal.yml in *folder* names anybody to be told, by a glance at it."""
    for name in TEAL_YML:
        try:
            return bool(_TOLD.search((folder / name).read_bytes()))
        except OSError:
            continue
    return False


def telling(folder: Path, environment: Mapping[str, str], reader: ModelReader) -> Telling:
    """Return what the teal.yml in *folder* says of it; variables are looked up in *environment*, then in ``.env``."""
    path = next((folder / name for name in TEAL_YML if (folder / name).is_file()), None)
    if path is None:
        return Telling()
    from teal.config.strict_yaml import decode

    return telling_of(decode(path, TealYml), folder, environment, reader)


def telling_of(said: TealYml, folder: Path, environment: Mapping[str, str], reader: ModelReader) -> Telling:
    """Return what *said*, the teal.yml in *folder*, says of it."""
    if said.metrics and not (said.metrics.startswith("/") and said.metrics.endswith(".prom")):
        hint = "name a file from the root, ending in .prom: node_exporter reads no other"
        raise ConfigError(f"teal.yml: metrics is {said.metrics!r}", hint=hint)
    written = [NotifyReceiver(each) if isinstance(each, str) else each for each in said.notify]
    names = {name for each in written for value in (each.url, each.secret, each.token) for name in _names(value)}
    known = {name: environment[name] for name in names if name in environment}
    dotenv = folder / ".env"
    if names - known.keys() and dotenv.is_file():
        known = read((dotenv,), names, environment, reader, where=(folder, folder)) | known
    return Telling(tuple(_receiver(at, each, known, folder) for at, each in enumerate(written, 1)), said.metrics)


def _names(value: str) -> Iterator[str]:
    """Yield the variable that *value* as a whole is."""
    found = _VARIABLE.fullmatch(value)
    if found:
        yield found[1] or found[2]


def _receiver(number: int, written: NotifyReceiver, known: Mapping[str, str], folder: Path) -> Receiver:
    missing: list[str] = []

    def value(said: str) -> str:
        name = next(_names(said), "")
        if name and not known.get(name):
            missing.append(f"{name} is not set")
        return known.get(name, "") if name else said

    url = value(written.url)
    if not missing and "://" not in url:
        what = f"teal.yml: the address of receiver {number} in notify is none"  # it may be a secret: it isn't shown
        raise ConfigError(what, hint="write a whole address (https://…), or a variable that holds one ($SLACK_URL)")
    secret, token = value(written.secret), value(written.token)
    if written.secret_file:
        try:
            secret = (folder / written.secret_file).read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError):
            missing.append(f"{written.secret_file} can't be read")
    return Receiver(url, written.form or kind_of(url), tuple(written.on), secret, token, "; ".join(missing))

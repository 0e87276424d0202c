"""Reads the exam: stacks and corpus, from the repository's half or from another folder of the same shape."""

from pathlib import Path
from typing import Any, TypeVar

import msgspec
from ruamel.yaml import YAML

from tests.reach.model import Case, Expect, MountCase, Stack

HERE = Path(__file__).parent
_Kind = TypeVar("_Kind", Expect, Case, MountCase)


def stacks(at: Path = HERE) -> list[Stack]:
    """All stacks, by name."""
    return [stack(folder) for folder in sorted((at / "stacks").iterdir()) if folder.is_dir()]


def stack(folder: Path) -> Stack:
    """One stack. Raises ``ValueError`` naming its file where that is not of the exam's shape."""
    said = _yaml(folder / "expect.yml")
    said["services"] = {name: _service(one) for name, one in said["services"].items()}
    return Stack(name=folder.name, folder=folder, expect=_read(said, Expect, folder / "expect.yml"))


def services(at: Path = HERE) -> list[Case]:
    """The labelled services."""
    return _corpus(at, "services", Case)


def mounts(at: Path = HERE) -> list[MountCase]:
    """The labelled mounts."""
    return _corpus(at, "mounts", MountCase)


def write(case: Case | MountCase, folder: Path) -> Path:
    """Lay the case into *folder* as files: what a person would have there. Returns the Compose file."""
    for name, text in case.files.items():
        path = folder / name
        if name.endswith("/"):
            path.mkdir(parents=True, exist_ok=True)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
    compose = folder / "compose.yml"
    compose.write_bytes(
        msgspec.json.format(msgspec.json.encode(case.compose)) + b"\n"
    )  # JSON is YAML, with nothing to guess
    return compose


def _corpus(at: Path, topic: str, kind: type[_Kind]) -> list[_Kind]:
    found = []
    for path in sorted((at / "corpus").glob(f"{topic}-*.yml")):
        for said in _yaml(path):
            said["right"] = _service(said["right"])
            found.append(_read(said, kind, path))
    return found


def _service(said: Any) -> Any:
    """``shared`` and ``route 8000`` are short for the mapping."""
    if not isinstance(said, str):
        return said
    role, _, port = said.partition(" ")
    return {"role": role, "port": int(port)} if port else {"role": role}


def _read(said: Any, kind: type[_Kind], path: Path) -> _Kind:
    try:
        return msgspec.convert(said, kind)
    except msgspec.ValidationError as error:
        name = said.get("name", path.parent.name) if isinstance(said, dict) else path.parent.name
        raise ValueError(f"{path}: {name}: {error}") from error


def _yaml(path: Path) -> Any:
    return YAML(typ="safe").load(path)

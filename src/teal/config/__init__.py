"""Reads teal.yml, the environment and the Compose files into what is wanted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from teal.config.files import Found, Options, find, project_name
from teal.config.settings import Overrides, again
from teal.config.teal_yml import schema

if TYPE_CHECKING:
    from teal.config.load import load

__all__ = ["Found", "Options", "Overrides", "again", "find", "load", "project_name", "schema"]


def __getattr__(name: str) -> object:
    """Import what reads the files when it is first asked for: where a kept release says enough, nothing is read."""
    if name != "load":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from teal.config.load import load

    globals()["load"] = load  # the import has put the module of that name there, for whoever asks again
    return load

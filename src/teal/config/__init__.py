"""Reads teal.yml, the environment and the Compose files into what is wanted."""

from __future__ import annotations

from typing import TYPE_CHECKING

from teal.config.options import Options, directory, project_name, variable
from teal.config.settings import Overrides, again
from teal.config.teal_yml import schema

if TYPE_CHECKING:
    from teal.config.load import load

__all__ = ["Options", "Overrides", "again", "directory", "load", "project_name", "schema", "variable"]


def __getattr__(name: str) -> object:
    """Import what reads the files when it is first asked for: where a kept release says enough, nothing is read."""
    if name != "load":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from teal.config.load import load

    globals()["load"] = load  # the import has put the module of that name there, for whoever asks again
    return load

"""Reads teal.yml, the environment and the Compose files into what is wanted."""

from teal.config.load import load
from teal.config.options import Options, variable
from teal.config.settings import Overrides
from teal.config.teal_yml import schema

__all__ = ["Options", "Overrides", "load", "schema", "variable"]

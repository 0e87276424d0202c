"""Reads teal.yml, the environment and the Compose files into what is wanted."""

from teal.config.load import load
from teal.config.options import Options, directory, project_name, variable
from teal.config.settings import Overrides, again
from teal.config.teal_yml import schema

__all__ = ["Options", "Overrides", "again", "directory", "load", "project_name", "schema", "variable"]

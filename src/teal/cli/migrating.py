"""The command migrate: what is done about the schema beside the deploys."""

from __future__ import annotations

import click

from teal.cli.group import HELP
from teal.cli.planning import plan


@click.group(context_settings=HELP)
def migrate() -> None:
    """Look at schema changes, judge them, carry them on."""


migrate.add_command(plan)

COMMANDS = {"migrate": migrate}

"""The commands, in the order in which people meet them: name, module, one line. Their modules load only when run."""

from __future__ import annotations

from typing import NamedTuple


class Entry(NamedTuple):
    """Where a command lives and what it is for."""

    module: str
    summary: str


COMMANDS: dict[str, dict[str, Entry]] = {
    "Releases": {
        "deploy": Entry("teal.cli.commands.deploy", "Build, start beside, prove, switch, drain, retire."),
        "plan": Entry("teal.cli.commands.deploy", "Print what deploy would do; change nothing."),
        "rollback": Entry("teal.cli.commands.deploy", "Bring the previous release back, exactly."),
        "cleanup": Entry("teal.cli.commands.deploy", "Remove what serves nobody and is no longer kept."),
        "leave": Entry("teal.cli.commands.deploy", "Go back to the plain stack, without colors."),
    },
    "Looking": {
        "status": Entry("teal.cli.commands.status", "Say what the engine and the proxy show now."),
        "history": Entry("teal.cli.commands.status", "List past commands with outcome and durations."),
        "check": Entry("teal.cli.commands.status", "Judge configuration and machine; change nothing."),
        "logs": Entry("teal.cli.commands.compose", "Show the logs of a color."),
        "ps": Entry("teal.cli.commands.compose", "List the containers of the active color and the shared services."),
    },
    "Schema": {
        "migrate": Entry("teal.cli.migrating", "Plan, judge and carry on changes of the database's schema."),
    },
    "Everyday": {
        "exec": Entry("teal.cli.commands.compose", "Run a command in a running container of the active color."),
        "run": Entry("teal.cli.commands.compose", "Run a command in a new container of the active release."),
        "restart": Entry("teal.cli.commands.services", "Restart services of a color."),
        "stop": Entry("teal.cli.commands.services", "Stop services of a color."),
        "up": Entry("teal.cli.commands.services", "Start or update shared services, never a color."),
        "down": Entry("teal.cli.commands.services", "Take both colors and the shared services down."),
        "compose": Entry("teal.cli.commands.compose", "Run any docker compose command on a color."),
    },
    "Teal": {
        "schema": Entry("teal.cli.commands.meta", "Print the JSON Schema of an output or of teal.yml."),
        "snippet": Entry("teal.cli.commands.meta", "Print the snippet that the stack's Caddyfile imports."),
        "plugin": Entry("teal.cli.commands.meta", "Make `docker teal` work."),
        "support": Entry("teal.cli.commands.support", "Write what a bug report needs into one file, secrets masked."),
        "help": Entry("teal.cli.commands.meta", "Explain Teal or one of its commands."),
        "version": Entry("teal.cli.commands.meta", "Print the version."),
    },
}
ENTRIES: dict[str, Entry] = {name: entry for section in COMMANDS.values() for name, entry in section.items()}

EXITS: tuple[tuple[int, str], ...] = (
    (0, "done, or nothing to do"),
    (1, "failed or refused; the last line says what users noticed"),
    (2, "the command line, teal.yml or a Compose file is wrong"),
    (3, "another command works on this stack"),
    (4, "a person must look; users are served, or see the maintenance page"),
    (5, "the Docker Engine, Compose or the proxy does not answer"),
    (130, "interrupted by a signal; what was left is said"),
)

"""The commands, in the order in which people meet them: name, module, one line. Their modules load only when run."""

from __future__ import annotations

from typing import NamedTuple


class Entry(NamedTuple):
    """Where a command lives and what it is for."""

    module: str
    summary: str


COMMANDS: dict[str, dict[str, Entry]] = {
    "Releases": {
        "deploy": Entry("teal.cli.releasing", "Build, start beside, prove, switch, drain, retire."),
        "plan": Entry("teal.cli.releasing", "Print what deploy would do; change nothing."),
        "rollback": Entry("teal.cli.releasing", "Bring the previous release back, exactly."),
        "cleanup": Entry("teal.cli.releasing", "Remove what serves nobody and is no longer kept."),
        "leave": Entry("teal.cli.releasing", "Go back to the plain stack, without colors."),
    },
    "Looking": {
        "status": Entry("teal.cli.looking", "Say what the engine and the proxy show now."),
        "history": Entry("teal.cli.looking", "List past commands with outcome and durations."),
        "check": Entry("teal.cli.looking", "Judge configuration and machine; change nothing."),
        "logs": Entry("teal.cli.everyday", "Show the logs of a color."),
        "ps": Entry("teal.cli.everyday", "List the containers of the active color and the shared services."),
    },
    "Schema": {
        "migrate": Entry("teal.cli.migrating", "Plan, judge and carry on changes of the database's schema."),
    },
    "Everyday": {
        "exec": Entry("teal.cli.everyday", "Run a command in a running container of the active color."),
        "run": Entry("teal.cli.everyday", "Run a command in a new container of the active release."),
        "restart": Entry("teal.cli.stopping", "Restart services of a color."),
        "stop": Entry("teal.cli.stopping", "Stop services of a color."),
        "up": Entry("teal.cli.stopping", "Start or update shared services, never a color."),
        "down": Entry("teal.cli.stopping", "Take both colors and the shared services down."),
        "compose": Entry("teal.cli.everyday", "Run any docker compose command on a color."),
    },
    "Teal": {
        "schema": Entry("teal.cli.about", "Print the JSON Schema of an output or of teal.yml."),
        "snippet": Entry("teal.cli.about", "Print the snippet that the stack's Caddyfile imports."),
        "plugin": Entry("teal.cli.about", "Make `docker teal` work."),
        "support": Entry("teal.cli.support", "Write what a bug report needs into one file, secrets masked."),
        "help": Entry("teal.cli.about", "Explain Teal or one of its commands."),
        "version": Entry("teal.cli.about", "Print the version."),
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

"""The command group: loads a command's module when it is run, and takes the shared options before and after it.

The commands, in the order in which people need them: name, module, one line. Their modules load only when run.
"""

from __future__ import annotations

import importlib
from typing import Any, NamedTuple

import click

from teal.cli.session import Session
from teal.config.options import Options


class Entry(NamedTuple):
    """Where a command lives and what it is for."""

    module: str
    summary: str


COMMANDS: dict[str, dict[str, Entry]] = {
    "Releases": {
        "deploy": Entry("teal.cli.commands.deploy", "Build, start beside, prove, switch, drain, retire."),
        "plan": Entry("teal.cli.commands.deploy", "Print what deploy would do; change nothing."),
        "init": Entry("teal.cli.commands.init", "Write teal.yml: what a first deploy would ask, and why."),
        "rollback": Entry("teal.cli.commands.deploy", "Bring the previous release back, exactly."),
        "canary": Entry("teal.cli.commands.deploy", "Lead another share of users to the release that is tried out."),
        "promote": Entry("teal.cli.commands.deploy", "Keep the release that is being watched; watch no longer."),
        "abort": Entry("teal.cli.commands.deploy", "Take the release that is being watched back."),
        "cleanup": Entry("teal.cli.commands.deploy", "Remove what serves nobody and is no longer kept."),
        "leave": Entry("teal.cli.commands.deploy", "Go back to the plain stack, without colors."),
    },
    "Looking": {
        "status": Entry("teal.cli.commands.status", "Say what the engine and the proxy show now."),
        "history": Entry("teal.cli.commands.status", "List past commands with outcome and durations."),
        "diff": Entry("teal.cli.commands.diff", "Say what differs between releases, or from today's files."),
        "report": Entry("teal.cli.commands.report", "Say what a deploy did to its users, and those of some weeks."),
        "check": Entry("teal.cli.commands.status", "Judge configuration and machine; change nothing."),
        "logs": Entry("teal.cli.commands.compose", "Show the logs of a color."),
        "dashboard": Entry("teal.cli.commands.dashboard", "Show the stacks of this machine in a browser."),
        "ps": Entry("teal.cli.commands.compose", "List the containers of the active color and the shared services."),
    },
    "Schema": {
        "migrate": Entry("teal.cli.commands.migrate", "Plan, judge and run changes of the database schema."),
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
    "Several machines": {
        "swarm": Entry("teal.cli.commands.swarm", "Run the stack on a Docker Swarm; judge whether it can."),
        "export": Entry("teal.cli.commands.export", "Write the stack as files for Kubernetes; deploy nothing."),
    },
    "Teal": {
        "schema": Entry("teal.cli.commands.meta", "Print the JSON Schema of an output or of teal.yml."),
        "snippet": Entry("teal.cli.commands.meta", "Print the snippet that the stack's Caddyfile imports."),
        "plugin": Entry("teal.cli.commands.meta", "Make `docker teal` work."),
        "notify": Entry("teal.cli.commands.notify", "Try those who are told how runs end."),
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
    (6, "the new release was worse, and was taken back: the old one serves"),
    (130, "interrupted by a signal; the last lines say what was left"),
)

HELP = {"help_option_names": ["-h", "--help"], "max_content_width": 100}


def _say_less(name: str) -> Any:
    def callback(context: click.Context, _: click.Parameter, value: object) -> None:
        if value:
            setattr(context.ensure_object(Session), name, True)

    return callback


def shared_options() -> list[click.Option]:
    """Return the options that may stand before the command as well as after it."""
    return [
        click.Option(
            ["--json"], is_flag=True, expose_value=False, callback=_say_less("json"), help="Print JSON for programs."
        ),
        click.Option(
            ["-q", "--quiet"],
            is_flag=True,
            expose_value=False,
            callback=_say_less("quiet"),
            help="Print no progress, only results and errors.",
        ),
    ]


class TealCommand(click.Command):
    """A command with the shared options, whose help ends in an example."""

    def __init__(self, *args: Any, example: str = "", **kwargs: Any) -> None:
        kwargs.setdefault("context_settings", HELP)
        super().__init__(*args, **kwargs)
        self.example = example
        self.params += shared_options()

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the example as it is to be typed."""
        super().format_epilog(ctx, formatter)
        if self.example:
            with formatter.section("Example"):
                for line in self.example.strip().splitlines():
                    formatter.write(f"{' ' * formatter.current_indent}{line.strip()}\n")


class PassingCommand(TealCommand):
    """A command that hands what follows its own options to Docker Compose untouched."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        settings = {**HELP, "ignore_unknown_options": True, "allow_interspersed_args": False}
        super().__init__(*args, context_settings=settings, **kwargs)


class LazyGroup(click.Group):
    """Knows its commands by the table; imports what is run."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return all names."""
        del ctx
        return list(ENTRIES)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import and return a command."""
        del ctx
        if cmd_name not in ENTRIES:
            return None
        module = importlib.import_module(ENTRIES[cmd_name].module)
        commands = (each for each in vars(module).values() if isinstance(each, click.Command))
        return next(each for each in commands if each.name == cmd_name)

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command, or say which one may have been meant."""
        if args and args[0] not in ENTRIES and not args[0].startswith("-"):
            ctx.fail(f"there is no command {args[0]!r}{_meant(args[0])}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands by section, without importing one."""
        del ctx
        for section, entries in COMMANDS.items():
            with formatter.section(section):
                formatter.write_dl([(name, entry.summary) for name, entry in entries.items()])

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the table of exit statuses."""
        del ctx
        with formatter.section("Exit statuses"):
            formatter.write_dl([(str(status), meaning) for status, meaning in EXITS])


def _meant(name: str) -> str:
    import difflib

    close = difflib.get_close_matches(name, ENTRIES, n=1)
    return f": did you mean {close[0]!r}?" if close else ""


@click.group(cls=LazyGroup, context_settings=HELP)
@click.option("-f", "--file", "files", multiple=True, metavar="FILE", help="Compose file; may be given several times.")
@click.option("-p", "--project-name", "project", default="", metavar="NAME", help="Project name.")
@click.option("--project-directory", "directory", default="", metavar="PATH", help="The folder of the stack.")
@click.option("--env-file", "env_files", multiple=True, metavar="FILE", help="Environment file instead of .env.")
@click.option("--profile", "profiles", multiple=True, metavar="NAME", help="Compose profile to enable.")
@click.version_option(package_name="teal-deploy", message="teal %(version)s")
@click.pass_context
def cli(context: click.Context, /, **options: Any) -> None:
    """Roll a Docker Compose stack from blue to green behind Caddy, without a lost request."""
    context.ensure_object(Session).options = Options(**options)


cli.params += shared_options()

"""Everything that Teal raises on purpose; each error says what, then what to do, and carries its exit status.

TealError (1)
├── Failed (1)            the command failed; its last line says what that cost users
│   ├── BuildFailed       a build or pull failed
│   ├── Unhealthy         a service failed the gate
│   ├── CheckFailed       a check or hook stopped the deploy
│   ├── RolledBack (6)    the new release served users, was worse, and was taken back
│   └── Refused           preflight or the plan says no (memory, ports, volumes, gone images …)
│       ├── NewerFormat   a file in the state directory was written by a newer Teal
│       └── SchemaBroken  the database is not as its migrations have left it
├── Usage (2)             the command line is wrong
│   └── ConfigError (2)   teal.yml, a Compose file or the environment is wrong
├── Locked (3)            another command holds the lock
├── NeedsPerson (4)       traffic is safe, but something must be looked at
│   └── Held              a release is neither proved nor to blame: the old one fails as well
├── Unavailable (5)       the engine, Compose or the proxy does not answer
└── Interrupted (130)     stopped by a signal; what happened is said
"""

from __future__ import annotations

from typing import ClassVar


class TealError(Exception):
    """An expected failure: *message* says what, *hint* what to do; *detail* holds lines to show above both."""

    status: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str = "", detail: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint
        self.detail = detail


class Failed(TealError):
    """The command failed; what that cost users is said by whoever carried it out."""


class BuildFailed(Failed):
    """A build or a pull failed; *detail* holds the tool's own words."""


class Unhealthy(Failed):
    """A service failed the gate; *detail* holds its last log lines."""


class CheckFailed(Failed):
    """A check or a hook before the switch said no."""


class Refused(Failed):
    """Teal will not do this, and nothing was changed."""


class NewerFormat(Refused):
    """A file was written by a newer Teal: it is neither read by guessing nor set aside as damaged."""

    def __init__(self, what: str, found: int, known: int) -> None:
        super().__init__(
            f"{what} has format {found}, written by a newer Teal: this one knows formats up to {known}",
            hint="use that newer Teal again; nothing was read or changed",
        )


class RolledBack(Failed):
    """The new release served users for a while, was worse than the one before, and was taken back."""

    status = 6


class SchemaBroken(Refused):
    """Whoever was asked how the schema stands has said that something is wrong."""


class Usage(TealError):
    """The command line can't be followed."""

    status = 2


class ConfigError(Usage):
    """A file or variable that Teal reads is wrong; the message names file, key or service."""


class Locked(TealError):
    """Another mutating command runs on this stack."""

    status = 3


class NeedsPerson(TealError):
    """Users are served, but something did not end as it should: a person must look."""

    status = 4
    report: object = None  # the command's result, where there is one: traffic has changed hands all the same
    again = False  # the run stays open, and the next command takes up what could not be done


class Held(NeedsPerson):
    """A release that is watched fails, and so does the old one: users stay, and the run stays open."""

    again = True


class Unavailable(TealError):
    """The Docker Engine, Compose or the proxy does not answer as it must."""

    status = 5


class Interrupted(TealError):
    """A signal ended the command; the message says what was left and what the next command does."""

    status = 130

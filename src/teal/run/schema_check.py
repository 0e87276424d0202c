"""Does: looks whether this machine can carry out what ``migrations`` says; no database is asked."""

from __future__ import annotations

from collections.abc import Iterator

from teal.core.model.migrations import Migrations
from teal.core.model.problem import Problem
from teal.core.model.stack import Stack
from teal.errors import ConfigError
from teal.run.migrations.expand import files_of
from teal.run.ports import Ports

_PLACE = "teal.yml: migrations"


def schema_problems(ports: Ports, stack: Stack) -> Iterator[Problem]:
    """Yield what is wrong or worth knowing."""
    migrations = stack.migrations
    if migrations is None:
        return
    missing = ports.databases.missing() if _needs_libraries(migrations) else ()
    if missing:
        message = f"schema changes need {' and '.join(missing)}, not installed beside Teal"
        yield Problem("error", "", message, "pip install 'teal-deploy[migrations]'", _PLACE)
    yield from _files(ports, migrations)
    if migrations.database is None:
        what = "which database the commands change is not known: none is asked, no second runner is kept out"
        yield Problem("warning", "", what, "say it: `database: {url: web.DATABASE_URL}`", _PLACE)


def _needs_libraries(migrations: Migrations) -> bool:
    return bool(migrations.files or migrations.database or migrations.prints)


def _files(ports: Ports, migrations: Migrations) -> Iterator[Problem]:
    if migrations.files:
        try:
            files_of(ports, migrations)
        except ConfigError as error:
            yield Problem("error", "", error.message, error.hint, _PLACE)
    elif not migrations.prints:
        what = "no command prints the SQL: a deploy runs it unjudged"
        yield Problem(
            "warning", "", what, "name one under `sql`, for example `alembic upgrade expand@head --sql`", _PLACE
        )

"""Does: looks up which changes of the schema are open; no database is asked."""

from __future__ import annotations

from collections.abc import Mapping

from teal.core.migrations import Migrations
from teal.core.phase import Phase
from teal.core.scripts import read_files, removed
from teal.errors import TealError
from teal.run.migrate_results import OpenRow
from teal.run.ports import Ports


def open_rows(ports: Ports, migrations: Migrations | None) -> tuple[OpenRow, ...]:
    """Return the changes that are open: the old and the new shape stand side by side."""
    still = [each for each in ports.journal.contracts() if each.closed is None]
    if not still:
        return ()
    delay = migrations.contract_delay if migrations else 0.0
    goes = _removed(ports, migrations)
    return tuple(
        OpenRow(each.name, each.release, each.opened, each.opened + delay, goes.get(each.name, ())) for each in still
    )


def _removed(ports: Ports, migrations: Migrations | None) -> Mapping[str, tuple[str, ...]]:
    """Return what each contract removes, as far as its file is there."""
    if migrations is None or not migrations.files:
        return {}
    try:
        files = read_files(ports.machine.texts(migrations.files, ".sql"))
    except TealError:
        return {}
    return {each.stem: removed(each) for each in files if each.phase is Phase.CONTRACT}

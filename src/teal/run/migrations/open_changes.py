"""Which changes of the schema are open, and what their gates wait for; no database is asked.

Each `teal status` looks: what reads SQL is loaded where a change is open, and mostly none is.
"""

from __future__ import annotations

from collections.abc import Mapping

from teal.core.model.migrations import Migrations, OpenChange, Phase
from teal.core.model.observed import Observed
from teal.core.model.stack import Stack
from teal.core.model.units import Moment
from teal.errors import TealError
from teal.run.api import OpenRow
from teal.run.context import Ports

_SEEN = frozenset({"serving", "containers", "kept"})  # conditions that show without a database


def open_rows(ports: Ports, stack: Stack, observed: Observed | None = None) -> tuple[OpenRow, ...]:
    """Return the changes that are open; with *observed*, what of their gates' conditions can be seen in it, too."""
    migrations = stack.migrations
    still = [each for each in ports.journal.contracts() if each.closed is None]
    if not still:
        return ()
    delay = migrations.contract_delay if migrations else 0.0
    goes = _removed(ports, migrations)
    return tuple(
        OpenRow(
            each.name,
            each.release,
            each.opened,
            Moment(each.opened + delay),
            goes.get(each.name, ()),
            _waits(each, stack, observed) if observed else (),
        )
        for each in still
    )


def _waits(change: OpenChange, stack: Stack, observed: Observed) -> tuple[str, ...]:
    from teal.core.migrations.gate import GateEvidence, evaluate_gate, rotating_containers

    seen = GateEvidence(
        change=change,
        active=observed.active_release,
        containers=rotating_containers(observed, stack.rotating_names),
        kept=tuple(release.number for release in observed.releases),
        sessions=(),
    )
    return tuple(f"{each.name}: {each.evidence}" for each in evaluate_gate(seen) if each.name in _SEEN and not each.met)


def _removed(ports: Ports, migrations: Migrations | None) -> Mapping[str, tuple[str, ...]]:
    """Return what each contract removes, as far as its file is there."""
    if migrations is None or not migrations.files:
        return {}
    from teal.core.migrations.files import read_files, removed

    try:
        files = read_files(ports.machine.texts(migrations.files, ".sql"))
    except TealError:
        return {}
    return {each.stem: removed(each) for each in files if each.phase is Phase.CONTRACT}

"""Does: judges the SQL that a release brings, before any of it is run."""

from __future__ import annotations

from teal.core.scripts import refuse_edited
from teal.run.database import opened
from teal.run.migrating import files_of, migrations_of
from teal.run.scene import Scene


async def judge(scene: Scene, release: int) -> bool:
    """Refuse what the schema changes of *release* would break; nothing has been run yet."""
    del release
    migrations = migrations_of(scene)
    if not migrations.files:
        return True
    files = files_of(scene.ports, migrations)
    async with opened(scene.ports, scene.stack) as database:
        refuse_edited(files, await database.applied())
    return False

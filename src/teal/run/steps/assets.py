"""Keeps the files of a new release that pages of it will ask for, also when newer releases have taken its place.

They are read out of the image, where nothing runs. A copy that fails is told, and never stops a deploy.
"""

from __future__ import annotations

from collections.abc import Mapping

from teal.core.model.units import ReleaseId
from teal.errors import TealError
from teal.run.context import RunContext


async def keep(context: RunContext, release: ReleaseId, images: Mapping[str, str]) -> None:
    """Copy what ``assets`` in teal.yml names out of *images* (service -> id), and forget what is older than it says."""
    engine, proxy = context.ports.engine, context.ports.proxy
    for each in context.stack.assets:
        try:
            kept = await proxy.keep_assets(release, each, engine.archive(images[each.service], each.path))
        except TealError as error:
            context.reporter.note(f"assets of {each.service}: {error.message}", warning=True)
            continue
        if not kept.files:
            why = "no files" if each.everything else "no file with a hash in its name (`all: true` keeps others, too)"
            context.reporter.note(f"assets of {each.service}: its image has {why} at {each.path}", warning=True)
        elif kept.cut:
            context.reporter.note(
                f"assets of {each.service}: {kept.files} files are kept, there are more", warning=True
            )
    if context.stack.assets:
        proxy.prune_assets(context.ports.clock.now())

"""Translates: what all nouns of the engine share: the API, its filters, and calm about what is gone."""

from __future__ import annotations

from collections.abc import Awaitable

import msgspec

from teal.adapters.engine.api import Api
from teal.adapters.engine.trouble import EngineSaid


class Speaker:
    """Something that speaks to the engine."""

    def __init__(self, api: Api) -> None:
        self._api = api

    async def _if_there(self, call: Awaitable[object], *also: int) -> None:
        """Await *call*; what does not exist any more is no failure, nor are the statuses *also*."""
        try:
            await call
        except EngineSaid as said:
            if said.code not in {404, *also}:
                raise


def filters(**wanted: list[str]) -> str:
    """Return the engine's ``filters`` parameter; values of one key are alternatives, except labels."""
    return msgspec.json.encode(wanted).decode()

"""What of asyncpg is used here, as a protocol, and its import where it is first needed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from importlib import import_module
from types import ModuleType
from typing import Any, Protocol

from teal.errors import ConfigError

Record = Mapping[str, Any]


class Connection(Protocol):
    """A connection to the server."""

    async def execute(self, query: str, *args: object) -> str:
        """Run *query*; return its command tag. Without *args* it may hold several statements."""
        ...

    async def fetch(self, query: str, *args: object) -> Sequence[Record]:
        """Return the rows that *query* selects."""
        ...

    async def fetchval(self, query: str, *args: object) -> Any:
        """Return the first value of the first row, None for none."""
        ...

    def transaction(self, *, readonly: bool = False) -> AbstractAsyncContextManager[object]:
        """Commit at the end, or roll back where an error ends it."""
        ...

    def is_closed(self) -> bool:
        """Tell whether the connection is gone."""
        ...

    async def close(self) -> None:
        """Say goodbye and close."""
        ...


def library() -> ModuleType:
    """Return asyncpg; ``ConfigError`` with the remedy where it isn't installed."""
    try:
        return import_module("asyncpg")
    except ImportError as error:
        raise ConfigError(
            "schema changes need asyncpg, which is not installed", hint="pip install 'teal-deploy[migrations]'"
        ) from error

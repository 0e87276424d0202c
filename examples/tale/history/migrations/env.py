"""How alembic reaches the database: by the service's DATABASE_URL, a transaction a revision, impatient of locks."""

import asyncio
import os

from alembic import context
from sqlalchemy import Connection, text
from sqlalchemy.ext.asyncio import create_async_engine

URL = os.environ.get("DATABASE_URL", "postgresql://tale:tale@db:5432/tale")


def run(connection: Connection | None) -> None:
    """Run what is asked for, or print it where there is no connection."""
    if connection is None:
        context.configure(dialect_name="postgresql", literal_binds=True, transaction_per_migration=True)
    else:
        connection.execute(text("SET lock_timeout = '1s'"))
        connection.execute(text("SET statement_timeout = '5s'"))
        connection.commit()
        context.configure(connection=connection, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()


async def online() -> None:
    """Connect, run, part."""
    engine = create_async_engine(URL.replace("postgresql://", "postgresql+asyncpg://", 1))
    async with engine.connect() as connection:
        await connection.run_sync(run)
    await engine.dispose()


if context.is_offline_mode():
    run(None)
else:
    asyncio.run(online())

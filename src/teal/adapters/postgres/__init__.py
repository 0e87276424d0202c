"""The PostgreSQL database of a stack, over asyncpg, which the extra ``migrations`` installs."""

from teal.adapters.postgres.connection import PostgresDatabases

__all__ = ["PostgresDatabases"]

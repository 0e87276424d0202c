"""The way into the database is read in the stack's own files, and never shown."""

from __future__ import annotations

import pytest

from teal.core.migrations.connection import credentials
from teal.core.model.migrations import DatabaseAt
from teal.core.model.stack import Tree
from teal.errors import ConfigError


def model(web: Tree | None = None, db: Tree | None = None, **top: object) -> Tree:
    return {"services": {"web": {"environment": web or {}}, "db": db or {}}, **top}


def test_an_address_is_taken_apart() -> None:
    at = DatabaseAt("db", "web", "URL")
    found = credentials(at, model({"URL": "postgresql+asyncpg://sh%40p:p%2Fw$$x@db:6432/books?ssl=off"}))
    assert (found.user, found.password, found.database, found.port) == ("sh@p", "p/w$x", "books", 6432)
    assert found.said == "web.URL"
    assert "p/w" not in repr(found)
    bare = credentials(at, model({"URL": "postgres://shop@db"}))
    assert (bare.user, bare.password, bare.database, bare.port) == ("shop", "", "shop", 5432)


@pytest.mark.parametrize("value", ["", "mysql://a:s3cret@db/x", "postgresql://", "postgresql://a:s3cret@db:port/x"])
def test_what_is_no_address_is_refused_without_being_shown(value: str) -> None:
    with pytest.raises(ConfigError, match=r"web\.URL is not the address") as refused:
        credentials(DatabaseAt("db", "web", "URL"), model({"URL": value}))
    assert "s3cret" not in refused.value.message + refused.value.hint


def test_the_servers_own_environment_tells_too() -> None:
    server: Tree = {"environment": {"POSTGRES_USER": "shop", "POSTGRES_PASSWORD": "pw"}}
    found = credentials(DatabaseAt("db"), model(db=server))
    assert (found.user, found.password, found.database, found.said) == ("shop", "pw", "shop", "db.POSTGRES_*")
    assert credentials(DatabaseAt("db"), model()).user == "postgres"


def test_a_password_may_be_a_secret() -> None:
    server: Tree = {
        "environment": {"POSTGRES_PASSWORD_FILE": "/run/secrets/pw"},
        "secrets": [{"source": "db_password", "target": "pw"}],
    }
    at = DatabaseAt("db")
    assert credentials(at, model(db=server, secrets={"db_password": {"file": "/srv/pw"}})).password_file == "/srv/pw"
    assert credentials(at, model(db=server, secrets={"db_password": {"content": "a$$b"}})).password == "a$b"
    with pytest.raises(ConfigError, match="POSTGRES_PASSWORD_FILE names no secret"):
        credentials(at, model(db={"environment": {"POSTGRES_PASSWORD_FILE": "/etc/pw"}}))

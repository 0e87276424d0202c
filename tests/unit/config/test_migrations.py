"""The section ``migrations`` of teal.yml: what it means, which database it finds, and what is said of mistakes."""

from __future__ import annotations

from pathlib import Path

import pytest

from teal.config.migrations import digest_of, migrations_of
from teal.config.strict_yaml import decode
from teal.config.teal_yml import TealYml
from teal.core.model.migrations import DatabaseAt, Migrations, Phase
from teal.core.model.side import Side
from teal.core.model.stack import Evidence, Role, Tree
from teal.errors import ConfigError
from tests.unit.stacks import stack_of

URL = "postgresql+asyncpg://shop:s3cret@db:5432/shop"
SERVICES: Tree = {
    "proxy": {"image": "caddy:2.11"},
    "web": {"build": {}, "environment": {"CACHE": "redis://cache:6379", "DATABASE_URL": URL}},
    "jobs": {"build": {}, "environment": {"DSN": "postgres://shop@elsewhere/shop"}},
    "migrate": {"build": {}},
    "db": {"image": "timescale/timescaledb-ha:pg17", "environment": {"POSTGRES_USER": "shop"}},
    "cache": {"image": "redis:8"},
}
EVIDENCE = Evidence(proxy="proxy", routes={"web": 3000}, declared={"migrate": Role.ONE_SHOT, "jobs": Role.WORKER})


def resolved(folder: Path, section: str, services: Tree = SERVICES) -> Migrations | None:
    path = folder / "teal.yml"
    path.write_text(section, encoding="utf-8")
    stack = stack_of(services, EVIDENCE)
    return migrations_of(decode(path, TealYml), stack, stack.models[Side.PLAIN], folder)


def test_without_the_section_there_are_no_migrations(tmp_path: Path) -> None:
    assert resolved(tmp_path, "proxy: proxy\n") is None
    assert digest_of(None) == b""


def test_a_full_section_becomes_the_cores_words(tmp_path: Path) -> None:
    section = """
migrations:
  service: web
  expand: alembic upgrade expand@head
  backfill: [python, -m, app.backfill]
  contract: alembic upgrade contract@head
  assert: SELECT count(*) FROM reviews WHERE writer IS NULL
  pending: python -m app.pending
  window: [./window.sh]
  judge: {bookkeeping: [revision], functions: [refresh_stats]}
  sql: {expand: alembic upgrade expand@head --sql, window: [./window.sh, --sql]}
  database: {service: db, url: web.DATABASE_URL}
  contract_delay: 24h
  backfill_when: after
"""
    assert resolved(tmp_path, section) == Migrations(
        service="web",
        commands={
            Phase.EXPAND: ("/bin/sh", "-c", "alembic upgrade expand@head"),
            Phase.BACKFILL: ("python", "-m", "app.backfill"),
            Phase.CONTRACT: ("/bin/sh", "-c", "alembic upgrade contract@head"),
            Phase.WINDOW: ("./window.sh",),
        },
        asserts=("SELECT count(*) FROM reviews WHERE writer IS NULL",),
        pending=("/bin/sh", "-c", "python -m app.pending"),
        prints={
            Phase.EXPAND: ("/bin/sh", "-c", "alembic upgrade expand@head --sql"),
            Phase.WINDOW: ("./window.sh", "--sql"),
        },
        bookkeeping=("revision",),
        harmless=("refresh_stats",),
        database=DatabaseAt("db", "web", "DATABASE_URL"),
        contract_delay=86400.0,
        backfill="after",
    )


@pytest.mark.parametrize(
    ("section", "database"),
    [
        ("{service: web, expand: x}", DatabaseAt("db", "web", "DATABASE_URL")),  # by the variable of the service
        ("{service: jobs, expand: x}", DatabaseAt("db")),  # its address leads elsewhere: the only server
        ("{one_shot: migrate}", DatabaseAt("db")),
        ("{files: sql}", DatabaseAt("db", "web", "DATABASE_URL")),  # of whichever service
        ("{files: sql, database: {service: db}}", DatabaseAt("db", "web", "DATABASE_URL")),
        ("{files: sql, database: {url: web.DATABASE_URL}}", DatabaseAt("db", "web", "DATABASE_URL")),
    ],
)
def test_the_database_is_found(tmp_path: Path, section: str, database: DatabaseAt) -> None:
    (tmp_path / "sql").mkdir()
    found = resolved(tmp_path, f"migrations: {section}")
    assert found is not None
    assert found.database == database


def test_commands_need_no_database(tmp_path: Path) -> None:
    services = {name: service for name, service in SERVICES.items() if name != "db"}
    found = resolved(tmp_path, "migrations: {service: jobs, expand: x}", services)
    assert found is not None
    assert found.database is None
    with pytest.raises(ConfigError, match="which database `assert` asks is not known"):
        resolved(tmp_path, "migrations: {service: jobs, expand: x, contract: y, assert: [SELECT 0]}", services)


@pytest.mark.parametrize(
    ("section", "message", "hint"),
    [
        ("{service: web}", "nothing says how to expand", "files"),
        ("{files: sql, service: web, expand: x}", "files are for Teal's own runner", "keep one"),
        ("{one_shot: migrate, service: web, expand: x}", "both one_shot and expand", "keep one"),
        ("{expand: x}", "a command needs a service", "service: web"),
        ("{one_shot: migrate, pending: x}", "a command needs a service", "service: web"),
        ("{files: sql, assert: SELECT 0}", "`assert` is for a contract that a command runs", "-- teal: assert="),
        ("{service: web, expand: x, assert: SELECT 0}", "no command runs one", "contract: …"),
        ("{service: wep, expand: x}", "migrations.service: the stack has no service wep", "did you mean web?"),
        ("{service: db, expand: x}", "db is shared", "one that rotates"),
        ("{one_shot: web}", "web is a route, no one-shot", "web: one-shot"),
        ("{service: web, expand: x, contract_delay: soon}", "migrations.contract_delay:", "24h"),
        ("{service: web, expand: x, database: {service: web}}", "the database web is a route", "shared"),
        ("{service: web, expand: x, database: {url: web.DATABASE_URI}}", "no variable DATABASE_URI", "DATABASE_URL?"),
        ("{service: web, expand: x, database: {url: web.CACHE}}", "not the address of a PostgreSQL", "postgresql://"),
        ("{service: web, expand: x, database: {url: jobs.DSN}}", "leads to elsewhere", "service: db"),
        ("{service: web, expand: x, database: {url: wep.DATABASE_URL}}", "no service wep", "did you mean web?"),
    ],
)
def test_a_mistake_is_said_with_its_remedy(tmp_path: Path, section: str, message: str, hint: str) -> None:
    with pytest.raises(ConfigError) as refused:
        resolved(tmp_path, f"migrations: {section}")
    assert message in refused.value.message
    assert hint in refused.value.hint
    assert "s3cret" not in refused.value.message + refused.value.hint


def test_what_only_a_judge_reads_need_not_be_there_for_others(tmp_path: Path) -> None:
    found = resolved(tmp_path, "migrations: {files: nowhere, queries: asks.sql}")
    assert found is not None
    assert (found.files, found.queries) == (str(tmp_path / "nowhere"), str(tmp_path / "asks.sql"))


def test_files_need_a_database_that_can_be_told(tmp_path: Path) -> None:
    (tmp_path / "sql").mkdir()
    services = {name: service for name, service in SERVICES.items() if name not in {"db", "web"}}
    with pytest.raises(ConfigError, match="which database do the files change: no shared service"):
        resolved(tmp_path, "migrations: {files: sql}", services)
    two = {**services, "one": {"image": "postgres:17"}, "two": {"image": "postgres:17"}}
    with pytest.raises(ConfigError, match="one or two"):
        resolved(tmp_path, "migrations: {files: sql}", two)


def test_a_new_file_makes_another_deploy_wherever_the_checkout_lies(tmp_path: Path) -> None:
    digests = []
    for name, text in (("a", "SELECT 1"), ("b", "SELECT 1"), ("c", "SELECT 2")):
        (tmp_path / name / "sql").mkdir(parents=True)
        (tmp_path / name / "sql" / "0001_one.expand.sql").write_text(text)
        digests.append(digest_of(resolved(tmp_path / name, "migrations: {files: sql}")))
    assert digests[0] == digests[1] != digests[2]

"""Schema changes on a real TimescaleDB: applied whole or not at all, never waiting long, never twice."""

import asyncio
import os
import signal
import subprocess
import sys

import pytest

from teal.core.judge.values import Column
from teal.errors import ConfigError, Failed, Locked, Unavailable
from tests.engine.sandbox import docker
from tests.engine.server import PASSWORD, Place, file

pytestmark = [pytest.mark.engine, pytest.mark.anyio, pytest.mark.timeout(120)]


@pytest.fixture
async def place(server, anyio_backend):
    return Place(server, await server.make())


def silent(_line):
    pass


ADD = file("0001_one.expand", "CREATE TABLE one (id int PRIMARY KEY);\nINSERT INTO one VALUES (1)")


async def test_a_file_is_applied_and_recorded(place):
    async with place.teal() as database:
        assert await database.applied() == ()
        await database.apply(ADD, on_line=silent)
        (row,) = await database.applied()
        assert (row.name, row.checksum, row.done) == ("0001_one.expand", ADD.checksum, 2)
        assert row.at is not None
        assert await database.count("SELECT count(*) FROM one") == 1


async def test_a_file_that_fails_leaves_nothing_and_says_where(place):
    bad = file("0002_two.expand", "CREATE TABLE two (id int);\n\nALTER TABLE absent ADD x int;\n")
    async with place.teal() as database:
        with pytest.raises(Failed) as failed:
            await database.apply(bad, on_line=silent)
        assert failed.value.message == '0002_two.expand.sql:3: relation "absent" does not exist'
        assert failed.value.detail == "ALTER TABLE absent ADD x int"
        assert await database.applied() == ()
    assert await place.ask("SELECT to_regclass('two')") is None


async def test_a_lock_that_is_not_to_be_had_is_tried_for_again_and_users_wait_no_longer_than_a_second(place):
    await place.run("CREATE TABLE reviews (id int)")
    change = file("0003_x.expand", "ALTER TABLE reviews ADD COLUMN x int")
    told, waits = [], []
    loop = asyncio.get_running_loop()
    async with place.client() as holder, place.client() as user, place.teal() as database:
        tx = holder.transaction()
        await tx.start()
        await holder.execute("LOCK TABLE reviews IN ACCESS SHARE MODE")
        applying = asyncio.ensure_future(database.apply(change, on_line=told.append))
        while len(told) < 2:
            began = loop.time()
            await user.fetchval("SELECT count(*) FROM reviews")
            waits.append(loop.time() - began)
            await asyncio.sleep(0.02)
        await tx.commit()
        await applying
    assert told[0] == "0003_x.expand.sql:1 did not get its lock within 1 s: try 2 of 10"
    assert max(waits) < 1.6  # a second, and what a busy machine adds
    assert await place.ask("SELECT count(*) FROM information_schema.columns WHERE column_name = 'x'") == 1


async def test_a_lock_that_never_comes_ends_cleanly_and_names_the_session_that_has_it(place, monkeypatch):
    monkeypatch.setattr("teal.adapters.postgres.database.TRIES", 2)
    await place.run("CREATE TABLE reviews (id int)")
    async with place.client() as holder, place.teal() as database:
        await holder.execute("SET application_name = 'nightly report'")
        async with holder.transaction():
            await holder.execute("LOCK TABLE reviews IN ACCESS SHARE MODE")
            with pytest.raises(Failed, match="did not get its lock in 2 tries") as failed:
                await database.apply(file("0004_x.expand", "ALTER TABLE reviews ADD COLUMN x int"), on_line=silent)
        assert "of nightly report, in a transaction for" in failed.value.message
        assert await database.applied() == ()


async def test_a_statement_that_holds_its_locks_too_long_is_given_up(place):
    await place.run("CREATE TABLE reviews (id int)")
    slow = file("0005_slow.expand", "ALTER TABLE reviews ADD COLUMN x int;\nSELECT pg_sleep(9);\n")
    async with place.teal() as database:
        with pytest.raises(Failed, match=r"0005_slow\.expand\.sql:2 took too long"):
            await database.apply(slow, on_line=silent)
    assert await place.ask("SELECT count(*) FROM information_schema.columns WHERE column_name = 'x'") == 0


CONCURRENTLY = "-- teal: transaction=no\nCREATE INDEX CONCURRENTLY by_x ON reviews (x);\nANALYZE reviews;\n"


async def test_an_index_that_an_earlier_attempt_left_invalid_is_made_anew(place):
    await place.run("CREATE TABLE reviews (x int); INSERT INTO reviews VALUES (1), (1)")
    with pytest.raises(Exception, match="could not create unique index"):
        await place.run("CREATE UNIQUE INDEX CONCURRENTLY by_x ON reviews (x)")
    assert await place.ask("SELECT indisvalid FROM pg_index WHERE indexrelid = 'by_x'::regclass") is False
    async with place.teal() as database:
        await database.apply(file("0006_index.expand", CONCURRENTLY), on_line=silent)
    assert await place.ask("SELECT indisvalid FROM pg_index WHERE indexrelid = 'by_x'::regclass") is True
    assert await place.ask("SELECT indisunique FROM pg_index WHERE indexrelid = 'by_x'::regclass") is False


PER_CHUNK = """-- teal: transaction=no
CREATE INDEX IF NOT EXISTS by_value ON metrics (value) WITH (timescaledb.transaction_per_chunk);
"""


async def test_an_index_of_a_hypertable_that_was_left_half_made_is_made_anew(place):
    await place.run("CREATE EXTENSION IF NOT EXISTS timescaledb")
    await place.run("CREATE TABLE metrics (time timestamptz NOT NULL, value float8)")
    await place.run("SELECT create_hypertable('metrics', 'time')")
    await place.run("INSERT INTO metrics SELECT now() - i * interval '1 day', i FROM generate_series(1, 30) i")
    await place.run("CREATE INDEX by_value ON metrics (time)")  # it would be taken for the one that is wanted
    await place.run("UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'by_value'::regclass")
    async with place.teal() as database:
        await database.apply(file("0006_index.expand", PER_CHUNK), on_line=silent)
    assert await place.ask("SELECT indisvalid FROM pg_index WHERE indexrelid = 'by_value'::regclass") is True
    assert "(value)" in await place.ask("SELECT pg_get_indexdef('by_value'::regclass)")


async def test_a_file_without_a_transaction_goes_on_after_its_last_finished_statement(place):
    await place.run("CREATE TABLE reviews (x int)")
    text = "-- teal: transaction=no\nINSERT INTO reviews VALUES (1);\nINSERT INTO absent VALUES (1);\n"
    async with place.teal() as database:
        with pytest.raises(Failed, match=r"0007_two\.expand\.sql:3"):
            await database.apply(file("0007_two.expand", text), on_line=silent)
        (begun,) = await database.applied()
        assert (begun.at, begun.done) == (None, 1)
        await place.run("CREATE TABLE absent (x int)")
        await database.apply(file("0007_two.expand", text), on_line=silent)
        assert await database.count("SELECT count(*) FROM reviews") == 1


async def test_a_batch_says_how_many_rows_it_changed(place):
    await place.run("CREATE TABLE t (id int, x int); INSERT INTO t SELECT i FROM generate_series(1, 25) i")
    sql = "UPDATE t SET x = id WHERE id IN (SELECT id FROM t WHERE x IS NULL LIMIT 10)"
    async with place.teal() as database:
        assert [await database.batch(sql, on_line=silent) for _ in range(4)] == [10, 10, 5, 0]
        assert await database.batch("ANALYZE t", on_line=silent) == 0


async def test_a_batch_that_skips_locked_rows_leaves_none(place):
    await place.run("CREATE TABLE t (id int, x int); INSERT INTO t SELECT i FROM generate_series(1, 25) i")
    sql = "UPDATE t SET x = id WHERE id IN (SELECT id FROM t WHERE x IS NULL LIMIT 10 FOR UPDATE SKIP LOCKED)"
    (statement,) = file("0008_x.backfill", sql).statements
    async with place.teal() as database, place.client() as holder:
        await holder.execute("BEGIN; SELECT FROM t WHERE id = 7 FOR UPDATE")
        freed = asyncio.create_task(_later(holder, "COMMIT"))
        rounds, text = [], statement.sql
        while text:
            rounds.append(await database.batch(text, on_line=silent))
            text = statement.after(text, rounds[-1])
        await freed
    assert rounds == [10, 10, 4, 0, 1, 0]
    assert await place.ask("SELECT count(*) FROM t WHERE x IS NULL") == 0


async def _later(client, sql):
    await asyncio.sleep(0.5)
    await client.execute(sql)


async def test_counting_changes_nothing(place):
    await place.run("CREATE TABLE t (id int); INSERT INTO t VALUES (1)")
    async with place.teal() as database:
        with pytest.raises(Failed, match="read-only transaction"):
            await database.count("WITH gone AS (DELETE FROM t RETURNING 1) SELECT count(*) FROM gone")
        with pytest.raises(Failed, match='column "gone" does not exist'):
            await database.count("SELECT count(gone) FROM t")
        with pytest.raises(Failed, match="one number"):
            await database.count("SELECT 'many'")
    assert await place.ask("SELECT count(*) FROM t") == 1


async def test_a_second_runner_is_refused_at_once_by_name(place):
    async with place.teal("teal shop") as one, place.teal("teal shop") as two, place.teal("teal other") as other:
        async with one.exclusively("shop"):
            with pytest.raises(Locked, match=r"another runner migrates this database now: teal shop \S+:\d+"):
                async with two.exclusively("shop"):
                    pass
            async with other.exclusively("other"):
                pass
        async with two.exclusively("shop"):
            pass


HOLD = """
import asyncio, sys
from teal.adapters.postgres import PostgresDatabases
from teal.core.migrations.connection import Credentials
async def main():
    login = Credentials("shop", sys.argv[2], sys.argv[3], 5432, "", addresses=(sys.argv[1],))
    async with PostgresDatabases().open(login, application="teal shop") as database:
        async with database.exclusively("shop"):
            print("held", flush=True)
            await database.batch("SELECT pg_sleep(60)", on_line=print)
asyncio.run(main())
"""


def holding(place):
    """Start a runner that holds the lock, within a statement that takes a minute."""
    argv = [sys.executable, "-c", HOLD, place.server.address, PASSWORD, place.name]
    return subprocess.Popen(argv, stdout=subprocess.PIPE)


async def test_a_runner_that_was_killed_within_a_statement_keeps_nobody_out(place):
    child = holding(place)
    try:
        assert await asyncio.to_thread(child.stdout.readline) == b"held\n"
        await asyncio.sleep(0.3)
        os.kill(child.pid, signal.SIGKILL)
        child.wait()
        async with place.teal() as database, database.exclusively("shop"):
            pass
    finally:
        child.kill()
        child.wait()


async def test_sessions_are_told_by_their_address(place):
    async with place.client() as client, place.teal() as database:
        await client.execute("SET application_name = 'web'")
        (session,) = await database.sessions()
        assert session.application == "web"
        assert session.address == await client.fetchval("SELECT host(inet_client_addr())")
        assert session.pid == await client.fetchval("SELECT pg_backend_pid()")


async def test_what_goes_wrong_on_the_way_is_said_without_a_secret(place):
    cases = (
        ({"password": "wrong-and-secret"}, "refuses the login of web.DATABASE_URL"),
        ({"database": "nowhere"}, "there is no database nowhere"),
        ({"port": 5433}, "does not answer on port 5433"),
        ({"addresses": ()}, "has no address"),
    )
    for facts, message in cases:
        with pytest.raises(Unavailable, match=message) as refused:
            async with place.teal(**facts):
                pass
        assert "wrong-and-secret" not in refused.value.message + refused.value.hint
    assert PASSWORD not in repr(place.login)
    with pytest.raises(ConfigError, match="the password file of"):
        async with place.teal(password_file="/nowhere/secret"):
            pass


@pytest.fixture
def secret(tmp_path):
    path = tmp_path / "secret"
    path.write_text(f"{PASSWORD}\n")
    return path


async def test_a_role_that_may_make_no_schema_is_told_what_it_lacks(place):
    await place.run(f"CREATE ROLE guest_{place.name} LOGIN PASSWORD '{PASSWORD}'")
    async with place.teal(user=f"guest_{place.name}") as database:
        assert await database.applied() == ()
        with pytest.raises(Failed, match="may not do this in the database") as refused:
            await database.apply(ADD, on_line=silent)
    assert "GRANT CREATE ON DATABASE" in refused.value.hint


async def test_a_password_may_lie_in_a_file(place, secret):
    async with place.teal(password="", password_file=str(secret)) as database:
        assert await database.applied() == ()


async def test_a_server_that_restarts_is_unavailable_and_not_a_crash(place):
    async with place.teal() as database:
        docker("restart", place.server.container)
        with pytest.raises(Unavailable, match="has ended the connection"):
            await database.applied()
    show = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
    place.server.address = docker("inspect", "--format", show, place.server.container)
    await place.server._ready()
    async with place.teal() as database:
        assert await database.applied() == ()


WORLD = """
CREATE DOMAIN nonempty AS text CHECK (VALUE <> '');
CREATE TABLE reviews (id bigint GENERATED ALWAYS AS IDENTITY, author nonempty, stars int NOT NULL DEFAULT 3,
    CONSTRAINT said CHECK (author IS NOT NULL), CONSTRAINT later CHECK (stars IS NOT NULL AND stars > 0));
CREATE INDEX by_author ON reviews (author);
CREATE VIEW listed AS SELECT * FROM reviews;
CREATE FUNCTION score(int) RETURNS int IMMUTABLE LANGUAGE sql AS 'SELECT 1';
CREATE FUNCTION sync() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER sync BEFORE INSERT OR UPDATE ON reviews FOR EACH ROW EXECUTE FUNCTION sync();
CREATE TRIGGER told AFTER INSERT ON reviews EXECUTE FUNCTION sync();
CREATE TABLE metrics (time timestamptz NOT NULL, value float8);
SELECT create_hypertable('metrics', 'time');
INSERT INTO metrics SELECT now() - i * interval '1 h', i FROM generate_series(1, 1000) i;
ANALYZE metrics;
CREATE TABLE events (at date) PARTITION BY RANGE (at);
CREATE SCHEMA other;
CREATE TABLE other.things (id int);
"""


async def test_the_catalog_says_what_the_judge_asks(place):
    await place.run("CREATE EXTENSION IF NOT EXISTS timescaledb")
    await place.run(WORLD)
    async with place.teal() as database:
        await database.apply(ADD, on_line=silent)
        found = await database.catalog()
    assert found.asked
    assert found.columns.keys() == {"reviews", "metrics", "events", "other.things", "one"}
    assert found.columns["reviews"] == {
        "id": Column("bigint", nullable=False, default="identity"),
        "author": Column("nonempty"),
        "stars": Column("integer", nullable=False, default="3"),
    }
    assert (found.hypertables, found.partitioned, found.views) == ({"metrics"}, {"events"}, {"listed"})
    assert (found.compressed, found.aggregates, found.columnstore_keys) == (set(), set(), {})
    assert found.rows == {"reviews": 0, "metrics": 1000, "events": 0, "other.things": 0}
    assert (found.domains, found.functions) == ({"nonempty": True}, {"score": "immutable", "sync": "volatile"})
    assert found.indexes["by_author"].table == "reviews"
    said, later = "(author IS NOT NULL)", "((stars IS NOT NULL) AND (stars > 0))"
    assert found.checks == {"reviews": {"said": said, "later": later}}
    trigger = next(each for each in found.triggers["reviews"] if each.row)
    assert (trigger.name, trigger.function, trigger.body) == ("sync", "sync", "BEGIN RETURN NEW; END")
    assert (trigger.insert, trigger.update) == (True, True)


async def test_a_transaction_that_a_file_begins_itself_is_tried_again_as_a_whole(place):
    await place.run("CREATE TABLE left_one (id int); CREATE TABLE right_one (id int)")
    sql = """-- teal: transaction=no
BEGIN;
ALTER TABLE left_one ADD COLUMN x int;
ALTER TABLE right_one ADD COLUMN x int;
COMMIT;
"""
    change, told = file("0004_both.expand", sql), []
    async with place.client() as holder, place.teal() as database:
        tx = holder.transaction()
        await tx.start()
        await holder.execute("LOCK TABLE right_one IN ACCESS SHARE MODE")
        tried = asyncio.Event()
        running = asyncio.create_task(database.apply(change, on_line=lambda said: (told.append(said), tried.set())))
        await tried.wait()
        await tx.rollback()
        await running
        (row,) = await database.applied()
    assert row.at is not None
    assert await place.ask("SELECT count(x) FROM left_one") == 0
    assert await place.ask("SELECT count(x) FROM right_one") == 0


async def test_an_error_within_a_file_s_own_transaction_is_the_one_that_is_said(place):
    sql = "-- teal: transaction=no\nBEGIN;\nCREATE TABLE kept_not (id int);\nALTER TABLE absent ADD x int;\nCOMMIT;\n"
    async with place.teal() as database:
        with pytest.raises(Failed) as failed:
            await database.apply(file("0005_bad.expand", sql), on_line=silent)
        assert failed.value.message == '0005_bad.expand.sql:4: relation "absent" does not exist'
        assert await database.count("SELECT 1") == 1  # the connection goes on
    assert await place.ask("SELECT to_regclass('kept_not')") is None

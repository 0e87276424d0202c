"""The base images, public or stand-in, behave as the stacks' Compose files and Dockerfiles expect."""

import os
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.engine

DATABASE = "timescale/timescaledb-ha:pg17"
Start = Callable[..., str]


def fresh_name() -> str:
    """A name that scripts/sweep-tests.sh knows as one of this process."""
    return f"teal-test-{os.getpid()}-{uuid.uuid4().hex[:8]}"


def docker(*arguments: str, check: bool = True) -> str:
    result = subprocess.run(["docker", *arguments], capture_output=True, text=True, timeout=120, check=False)
    assert not check or result.returncode == 0, result.stderr
    return result.stdout + ("" if check else result.stderr)


def eventually(container: str, *command: str, seconds: float = 30) -> str:
    """Repeat a command in the container until it succeeds: what it printed."""
    deadline = time.monotonic() + seconds
    while True:
        result = subprocess.run(["docker", "exec", container, *command], capture_output=True, text=True, check=False)
        if result.returncode == 0:
            return result.stdout
        assert time.monotonic() < deadline, docker("logs", container, check=False)[-2000:]
        time.sleep(0.1)


@pytest.fixture
def start() -> Iterator[Start]:
    names: list[str] = []

    def run(*arguments: str) -> str:
        names.append(fresh_name())
        docker("run", "--detach", "--name", names[-1], *arguments)
        return names[-1]

    yield run
    for name in names:
        docker("rm", "--force", "--volumes", name)


def start_database(start: Start, initdb: Path, *command: str) -> str:
    (initdb / "10-schema.sql").write_text(
        "CREATE EXTENSION vector;\n"
        "CREATE TABLE metric (at timestamptz NOT NULL, value float8);\n"
        "SELECT create_hypertable('metric', 'at');\n"
    )
    (initdb / "20-data.sh").write_text(
        'psql -U "$POSTGRES_USER" -d "$POSTGRES_DB" -c "INSERT INTO metric VALUES (now(), 1)"\n'
    )
    initdb.chmod(0o755)
    return start(
        *("--env", "POSTGRES_USER=tale", "--env", "POSTGRES_DB=stories", "--env", "POSTGRES_PASSWORD=right"),
        *("--volume", f"{initdb}:/docker-entrypoint-initdb.d:ro", DATABASE, *command),
    )


def psql(password: str, sql: str) -> list[str]:
    address = f"postgresql://tale:{password}@127.0.0.1/stories"
    return ["psql", address, "--no-psqlrc", "-Atc", sql]


def test_database_is_created_from_environment_and_init_files(start: Start, tmp_path: Path) -> None:
    database = start_database(start, tmp_path, "postgres", "-c", "max_connections=37")
    eventually(database, "pg_isready", "-h", "127.0.0.1", "-U", "tale", "-d", "stories")
    assert eventually(database, *psql("right", "SELECT count(*) FROM metric")) == "1\n"
    hypertables = "SELECT hypertable_name FROM timescaledb_information.hypertables"
    assert eventually(database, *psql("right", hypertables)) == "metric\n"
    assert eventually(database, *psql("right", "SELECT '[1,2]'::vector <-> '[1,4]'")) == "2\n"
    assert eventually(database, *psql("right", "SHOW max_connections")) == "37\n"


def test_database_asks_other_containers_for_the_password(start: Start, tmp_path: Path) -> None:
    database = start_database(start, tmp_path)
    eventually(database, "pg_isready", "-h", "127.0.0.1", "-U", "tale", "-d", "stories")
    peer = ["run", "--rm", "--network", f"container:{database}", "--entrypoint", "psql", DATABASE]
    address = docker("exec", database, "hostname", "-i").strip()
    refused = docker(*peer, f"postgresql://tale:wrong@{address}/stories", "-c", "SELECT 1", check=False)
    assert "password authentication failed" in refused
    assert docker(*peer, f"postgresql://tale:right@{address}/stories", "-Atc", "SELECT 1") == "1\n"


def test_database_keeps_its_data_and_stops_at_once(start: Start, tmp_path: Path) -> None:
    database = start_database(start, tmp_path)
    eventually(database, *psql("right", "INSERT INTO metric VALUES (now(), 2)"))
    began = time.monotonic()
    docker("stop", database)
    assert time.monotonic() - began < 5
    docker("start", database)
    assert eventually(database, *psql("right", "SELECT count(*) FROM metric")) == "2\n"


def test_python_installs_packages_into_an_ordinary_image(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text(
        "FROM python:3.13-slim\n"
        "RUN pip install --no-cache-dir idna && useradd --create-home app\n"
        "USER app\n"
        'CMD ["python", "-c", "import idna, sys; print(sys.executable, sys.version_info[:2])"]\n'
    )
    tag = fresh_name()
    docker("build", "--quiet", "--tag", tag, str(tmp_path))
    try:
        assert docker("run", "--rm", tag) == "/usr/local/bin/python (3, 13)\n"
    finally:
        docker("rmi", "--force", tag)


def test_caddy_serves_its_caddyfile_by_default(start: Start, tmp_path: Path) -> None:
    caddyfile = tmp_path / "Caddyfile"
    caddyfile.write_text(":8080 {\n\trespond ready\n}\n")
    proxy = start("--volume", f"{caddyfile}:/etc/caddy/Caddyfile:ro", "caddy:2.11")
    assert eventually(proxy, "wget", "-qO-", "http://127.0.0.1:8080/") == "ready"
    assert eventually(proxy, "wget", "-qO-", "http://127.0.0.1:2019/config/apps/http/servers/srv0/listen") != ""


def test_redis_answers_and_is_not_root(start: Start) -> None:
    queue = start("redis:8")
    assert eventually(queue, "redis-cli", "ping") == "PONG\n"
    assert "Uid:\t999" in docker("exec", queue, "cat", "/proc/1/status")

"""A folder with a service's own source, mounted over its image, is told from one with its data."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from teal.config.own_sources import own_sources
from teal.core.model.built import Copied
from teal.core.services.dockerfile import ignores, recipe

DOCKERFILE = "FROM python:3.13\nWORKDIR /app\nCOPY requirements.txt .\nRUN pip install -r requirements.txt\nCOPY . .\n"
NODE = """FROM node:22 AS build
WORKDIR /src
COPY ["package.json", "./"]
COPY src ./src
FROM node:22
COPY --from=build /src /srv
"""
FILES = {
    "Dockerfile": DOCKERFILE,
    "requirements.txt": "django",
    "manage.py": "",
    "shop/models.py": "",
    "shop/views.py": "",
    "shop/templates/base.html": "",
    "src/index.js": "",
    "src/server.js": "",
    "web/Dockerfile": "FROM python:3.13\nCOPY app.py /src/\n",
    "web/app.py": "",
    "node/Dockerfile": NODE,
    "node/package.json": "{}",
    "node/src/main.ts": "",
    "node/data/seed.json": "",
    "uploads/one.jpg": "",
    "uploads/note.py": "",
    "uploads/two.jpg": "",
    "data/db.sqlite3": "",
    "static/app.js": "",
    "static/app.css": "",
    "media/.keep": "",
    "backup/Dockerfile": "FROM restic/restic\nCOPY run.sh /run.sh\n",
    "html/index.php": "",
    "html/wp-load.php": "",
    "dags/daily.py": "",
    "conf/nginx.conf": "",
    "bare/Dockerfile": "FROM node:22\n",
    "bare/src/index.js": "",
    "bare/uploads/a.jpg": "",
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout with code and data side by side."""
    folder = tmp_path_factory.mktemp("project") / "shop"
    for name, text in FILES.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    (folder / ".dockerignore").write_text("**/*.sqlite3\ndata\n/logs/\n", encoding="utf-8")
    return folder


def is_source(project: Path, mount: str, **service: Any) -> bool:
    """Tell whether *mount* of a service (as ``docker compose config`` has it) is taken for its source."""
    source, target = mount.split(":")[:2]
    path = (project / source).resolve()
    if "build" in service:
        service["build"] = {"context": str((project / service["build"]).resolve()), "dockerfile": "Dockerfile"}
    volumes = [{"type": "bind", "source": str(path), "target": target, "read_only": mount.endswith(":ro")}]
    found = own_sources({"services": {"web": {**service, "volumes": volumes}}}, ["web"], project)
    assert found <= {("web", str(path))}
    return bool(found)


@pytest.mark.parametrize(
    ("mount", "service"),
    [
        (".:/app", {"build": "."}),  # the usual development file
        (".:/app:ro", {"build": "."}),
        ("web:/src", {"build": "web", "working_dir": "/src"}),
        ("shop:/app/shop", {"build": "."}),  # part of the source, copied with all the rest
        ("src:/app/src", {"build": "."}),
        ("node/src:/src/src", {"build": "node"}),
        (".:/workspace", {"build": ".", "working_dir": "/workspace"}),
        ("bare:/code", {"build": "bare"}),  # an image that has no code without the mount
        ("bare/src:/app/src", {"build": "bare"}),
        (".:/code", {"image": "python:3.13", "command": ["python", "/code/manage.py", "runserver"]}),
        (".:/app", {"image": "node:22", "working_dir": "/app", "command": ["npm", "start"]}),
        ("src:/var/www/html", {"image": "php:8-apache"}),
        ("node:/srv/x", {"image": "node:22", "working_dir": "/srv/x"}),
    ],
)
def test_source_is_known_as_that(project: Path, mount: str, service: dict[str, Any]) -> None:
    assert is_source(project, mount, **service)


@pytest.mark.parametrize(
    ("mount", "service"),
    [
        ("uploads:/app/uploads", {"build": "."}),  # copied with all the rest, and data all the same
        ("data:/app/data", {"build": "."}),
        ("media:/app/media", {"build": "."}),
        ("static:/app/static", {"build": "."}),
        ("uploads:/data", {"build": "."}),
        ("shop:/export", {"build": "."}),  # not where the image has it
        ("node/data:/src/data", {"build": "node"}),
        (".:/backup:ro", {"build": "backup"}),  # the whole project, to be saved elsewhere
        (".:/project:ro", {"image": "restic/restic", "command": ["backup", "/data"]}),
        ("html:/var/www/html", {"image": "wordpress:6"}),
        ("dags:/opt/airflow/dags", {"image": "apache/airflow:3"}),
        ("bare/uploads:/app/uploads", {"build": "bare"}),
        ("conf:/etc/nginx", {"image": "nginx:1"}),
        ("missing:/app", {"build": "."}),
        ("uploads:/var/www/html", {"image": "php:8-apache"}),
    ],
)
def test_data_is_not_taken_for_source(project: Path, mount: str, service: dict[str, Any]) -> None:
    assert not is_source(project, mount, **service)


def test_what_a_dockerfile_copies_is_read_with_its_places() -> None:
    said = recipe(
        "# syntax=docker/dockerfile:1\nFROM a AS one\nWORKDIR /app\nCOPY --chown=1:1 --link src \\\n  lib/ ./\n"
        "RUN <<EOF\nCOPY nothing /here\nEOF\nCOPY <<END /made\nCOPY no /no\nEND\n"
        "ADD https://x/y.tgz /y\nADD a.tgz /z/\nWORKDIR sub\ncopy . $HOME\n"
        "FROM b\nCOPY --from=one /app /\nCOPY app.py .\n"
    )
    assert said.workdirs == ("/app", "/app/sub")
    assert said.copied == (
        Copied("src", "/app"),
        Copied("lib", "/app"),
        Copied("a.tgz", "/z/a.tgz"),
        Copied("", None),
        Copied("app.py", "/"),
    )


@pytest.mark.parametrize(
    ("patterns", "path", "ignored"),
    [
        ("data", "data/a", True),
        ("data/", "data", True),
        ("*.log", "a/b.log", False),
        ("**/*.log", "a/b.log", True),
        ("*\n!src", "src", False),
        ("*\n!src", "data", True),
        ("# data\n\n./media", "media", True),
        ("data", "database", False),
    ],
)
def test_what_dockerignore_keeps_out_is_not_in_the_image(patterns: str, path: str, ignored: bool) -> None:
    assert ignores(patterns, path) is ignored
